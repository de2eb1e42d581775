"""Training and calibration: the reader's pages and the coordinator's."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from grading.access import access_study
from grading.desk.pages import waits_for
from grading.models import Read
from grading.practice import TRAINING, is_practice, practice_door
from grading.practice_pages import feedback_of, practice_office, practice_page
from grading.services.practising import PracticeRefused, begin_practice
from readerstudy.studies.access import access_office
from readerstudy.studies.models import StudyRole
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.practice import take_practice_cases

MOST_BYTES = 5_000_000


@require_http_methods(["GET", "POST"])
def practice(request: HttpRequest, slug: str) -> HttpResponse:
    """Show how far one is; begin the training or the next try of the calibration."""
    study = access_study(user=request.user, slug=slug, role="is_reader")
    if request.method == "POST":
        before = waits_for(study=study, user=request.user, session_key=request.session.session_key)
        if before:
            return redirect(before, slug=slug)
        try:
            first = begin_practice(
                study=study, reader=request.user, use=request.POST.get("use", ""), at=timezone.now()
            )
            return redirect("grading:read_case", assignment=first.public_id)
        except PracticeRefused as refusal:
            messages.error(request, _(str(refusal)))
        return redirect("grading:practice", slug=slug)
    return render(
        request, "grading/practice.html", {"practice": practice_page(study=study, reader=request.user)}
    )


@require_GET
def practice_feedback(request: HttpRequest, assignment: UUID) -> HttpResponse:
    """Show a submitted training case beside its reference; a calibration case never."""
    found = practice_door(reader=request.user, assignment=assignment)
    if found is None or not is_practice(found) or found.case.practice.use != TRAINING:
        raise Http404("There is nothing here for you.")
    read = Read.objects.filter(
        assignment=found, superseded_at__isnull=True, state=Read.State.SUBMITTED
    ).first()
    if read is None:
        raise Http404("There is nothing here for you.")
    typed = {"not_assessable": _("not assessable"), "absent": _("absent"), "fused": _("fused")}
    return render(
        request,
        "grading/practice_feedback.html",
        {"feedback": feedback_of(assignment=found, read=read, typed=typed)},
    )


@require_http_methods(["GET", "POST"])
def practice_desk(request: HttpRequest, slug: str) -> HttpResponse:
    """Take practice cases with their reference, and see who passed."""
    study = access_office(user=request.user, slug=slug)
    if request.method == "POST":
        study = access_office(user=request.user, slug=slug, roles=("is_coordinator",))
        given = request.FILES.get("table")
        try:
            if given is None or given.size > MOST_BYTES:
                raise StudyRefused(_("Choose a CSV file of at most 5 MB. Nothing was changed."))
            try:
                table = given.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                raise StudyRefused(_("The table is not UTF-8 text. Nothing was changed.")) from None
            n = take_practice_cases(study=study, table=table, actor=request.user, at=timezone.now())
        except StudyRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request,
                ngettext("%(n)d case was taken for practice.", "%(n)d cases were taken for practice.", n)
                % {"n": n},
            )
        return redirect("grading:practice_desk", slug=slug)
    may = StudyRole.objects.filter(study=study, user=request.user, is_coordinator=True).exists()
    return render(
        request,
        "grading/practice_desk.html",
        {
            "study": study_frame(study=study, user=request.user, current="grading:practice_desk"),
            "office": practice_office(study),
            "may_take": may and study.state in {"draft", "open"},
        },
    )
