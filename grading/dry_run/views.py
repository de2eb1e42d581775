"""Pages of a dry run: begin it, sit down at a seat, end it."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from grading.dry_run import sandbox
from grading.dry_run.forms import DryRunForm
from grading.dry_run.seats import running, sit_down
from grading.dry_run.staging import set_the_stage, write_script
from readerstudy.core.audit import record
from readerstudy.studies.access import access_office
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.protocols.loading import ProtocolError
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol


def _study(request: HttpRequest, slug: str) -> ReaderStudy:
    return access_office(user=request.user, slug=slug, roles=("is_coordinator",))


@require_http_methods(["GET", "POST"])
def dry_run(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what is under way; on POST begin anew with the stored protocol or the file that was sent."""
    study = _study(request, slug)
    place = sandbox.place_of(study=study, session_key=request.session.session_key or "")
    form = DryRunForm(request.POST or None)
    if request.method == "POST" and "begin" in request.POST and form.is_valid():
        try:
            _begin(request, study, form)
            return redirect("grading:dry_run", slug=slug)
        except (ProtocolError, StudyRefused) as error:
            form.add_error(None, str(error))
    given = form.data.get("source", "") if form.is_bound else ""
    return render(
        request,
        "grading/dry_run.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:protocol"),
            "run": running(place, slug=slug),
            "form": form,
            "given": given,
        },
    )


def _begin(request: HttpRequest, study: ReaderStudy, form: DryRunForm) -> None:
    at, data = timezone.now(), form.cleaned_data
    sandbox.sweep(now=at.timestamp())
    place = sandbox.place_of(study=study, session_key=request.session.session_key or "")
    script = write_script(
        study=study,
        source=data["source"] or current_protocol(study).source,
        n_cases=data["n_cases"],
        codes=data["codes"],
    )
    sandbox.make(place)
    try:
        with sandbox.inside(place):
            set_the_stage(script, at=at)
    except Exception:
        sandbox.throw_away(place)
        raise
    record(
        event="grading.dry_run.begun",
        at=at,
        actor=request.user,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        n_cases=len(script.props),
    )


@require_POST
def end_dry_run(request: HttpRequest, slug: str) -> HttpResponse:
    """Throw the dry run away."""
    study = _study(request, slug)
    sandbox.throw_away(sandbox.place_of(study=study, session_key=request.session.session_key or ""))
    messages.success(request, _("The dry run is gone: its people, answers and decisions are kept nowhere."))
    return redirect("grading:dry_run", slug=slug)


def seat(request: HttpRequest, slug: str, seat: str, rest: str) -> HttpResponse:
    """Answer as the product answers the test person who sits there."""
    study = _study(request, slug)
    place = sandbox.place_of(study=study, session_key=request.session.session_key or "")
    if not place.exists():
        raise Http404("There is nothing here for you.")
    response = sit_down(request, place=place, slug=slug, seat=seat, rest=rest)
    if response is None:
        messages.info(request, _("That page is no part of a dry run."))
        return redirect("grading:dry_run", slug=slug)
    return response
