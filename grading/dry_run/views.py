"""Pages of a dry run: begin it, sit down at a seat, end it."""

from collections.abc import Sequence
from pathlib import Path

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading.dry_run import sandbox
from grading.dry_run.forms import DryRunForm, TrialForm
from grading.dry_run.sandbox import Bench
from grading.dry_run.seats import first_page, running, sit_down
from grading.dry_run.staging import set_the_stage, write_script
from readerstudy.core.audit import record
from readerstudy.studies.access import access_office
from readerstudy.studies.creation import access_creation, coordinated_studies
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import protocol_title, study_frame
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol


def _study(request: HttpRequest, slug: str) -> ReaderStudy:
    return access_office(user=request.user, slug=slug, roles=("is_coordinator",))


# --- at a study ------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def dry_run(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what is under way; on POST begin anew with the stored protocol or the file that was sent."""
    study = _study(request, slug)
    bench = Bench.of_study(study)
    form = DryRunForm(_asked(request))
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            _begin(
                request,
                bench,
                source=data["source"] or current_protocol(study).source,
                n_cases=data["n_cases"],
                study=study,
                codes=data["codes"],
            )
            return redirect(bench.address)
        except ProtocolError as error:
            form.add_error(None, [str(problem) for problem in error.problems])
        except StudyRefused as error:
            form.add_error(None, str(error))
    return render(
        request,
        "grading/dry_run.html",
        {"study": study_frame(study=study, user=request.user, current="studies:protocol")}
        | _shown(request, bench, form),
    )


@require_POST
def end_dry_run(request: HttpRequest, slug: str) -> HttpResponse:
    """Throw the dry run away."""
    return _end(request, Bench.of_study(_study(request, slug)))


@require_GET
def seat_home(request: HttpRequest, slug: str, seat: str) -> HttpResponse:
    """Lead whoever sits there to what waits."""
    bench = Bench.of_study(_study(request, slug))
    return redirect(first_page(_place(request, bench), bench=bench, seat=seat))


def seat(request: HttpRequest, slug: str, seat: str, rest: str) -> HttpResponse:
    """Answer as the product answers the test person who sits there."""
    return _answer(request, Bench.of_study(_study(request, slug)), seat, rest)


# --- at a file before there is a study ---------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def try_file(request: HttpRequest) -> HttpResponse:
    """Show what is under way; on POST begin anew with the file that was sent."""
    access_creation(user=request.user)
    bench, own = Bench.of_a_file(), coordinated_studies(request.user)
    form = TrialForm(_asked(request), studies=[(each.slug, protocol_title(each)) for each in own])
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        lender = next((each for each in own if each.slug == data["images_of"]), None)
        try:
            _begin(request, bench, source=data["source"], n_cases=data["n_cases"], study=lender)
            return redirect(bench.address)
        except ProtocolError as error:
            form.add_error(None, [str(problem) for problem in error.problems])
        except StudyRefused as error:
            form.add_error(None, str(error))
    return render(request, "grading/dry_run_file.html", _shown(request, bench, form))


@require_POST
def end_trial(request: HttpRequest) -> HttpResponse:
    """Throw the dry run of a file away."""
    access_creation(user=request.user)
    return _end(request, Bench.of_a_file())


@require_GET
def trial_home(request: HttpRequest, seat: str) -> HttpResponse:
    """Lead whoever sits there to what waits."""
    access_creation(user=request.user)
    bench = Bench.of_a_file()
    return redirect(first_page(_place(request, bench), bench=bench, seat=seat))


def trial_seat(request: HttpRequest, seat: str, rest: str) -> HttpResponse:
    """Answer as the product answers the test person who sits there."""
    access_creation(user=request.user)
    return _answer(request, Bench.of_a_file(), seat, rest)


# --- both ------------------------------------------------------------------------------------------------------


def _asked(request: HttpRequest) -> QueryDict | None:
    """Return the choices of whoever begins; a file that an editor sent along begins nothing yet."""
    return request.POST if "begin" in request.POST else None


def _shown(request: HttpRequest, bench: Bench, form: DryRunForm | TrialForm) -> dict[str, object]:
    run = running(bench.place(request.session.session_key), bench=bench)
    return {"run": run, "form": form, "given": request.POST.get("source", "")}


def _begin(
    request: HttpRequest,
    bench: Bench,
    *,
    source: str,
    n_cases: int,
    study: ReaderStudy | None,
    codes: Sequence[str] = (),
) -> None:
    """Set the stage; the study whose cases are shown keeps a line of it, the site where none is."""
    at = timezone.now()
    sandbox.sweep(now=at)
    place = bench.place(request.session.session_key)
    script = write_script(slug=bench.slug, source=source, n_cases=n_cases, study=study, codes=codes)
    sandbox.make(place)
    try:
        with sandbox.inside(place):
            set_the_stage(script, at=at)
    except Exception:
        sandbox.throw_away(place)
        raise
    subject = ("study", study.public_id) if study else ("protocol", load_protocol(source).id)
    record(
        event="grading.dry_run.begun",
        at=at,
        actor=request.user,
        study_id=study.public_id if study else None,
        subject_type=subject[0],
        subject_id=subject[1],
        n_cases=len(script.props),
    )


def _end(request: HttpRequest, bench: Bench) -> HttpResponse:
    sandbox.throw_away(bench.place(request.session.session_key))
    messages.success(request, _("The dry run is gone: its people, answers and decisions are kept nowhere."))
    return redirect(bench.address)


def _place(request: HttpRequest, bench: Bench) -> Path:
    place = bench.place(request.session.session_key)
    if not place.exists():
        raise Http404("There is nothing here for you.")
    return place


def _answer(request: HttpRequest, bench: Bench, seat: str, rest: str) -> HttpResponse:
    place = _place(request, bench)
    response = sit_down(request, place=place, bench=bench, seat=seat, rest=rest)
    if response is None:
        messages.info(request, _("That page is no part of a dry run."))
        return redirect(bench.address)
    return response
