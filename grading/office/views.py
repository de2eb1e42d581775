"""The coordinator's page of the readers."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from grading.office.forms import ACTS, ChangeReaderForm
from grading.office.pages import monitor_of
from grading.office.reads import handover_page
from grading.services.reassigning import (
    pause_person,
    reassign_reads,
    replace_reader,
    resume_person,
    set_due_date,
)
from readerstudy.studies.access import access_office
from readerstudy.studies.models import ReaderStudy, StudyRole
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.errors import StudyRefused


@require_GET
def monitor(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug)
    return render(
        request,
        "grading/reader_monitor.html",
        {
            "study": study_frame(study=study, user=request.user, current="grading:monitor"),
            "monitor": monitor_of(study, now=timezone.now()),
            "acts": ACTS,
            "may_change": StudyRole.objects.filter(
                study=study, user=request.user, is_coordinator=True
            ).exists(),
        },
    )


@require_POST
def change_reader(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=("is_coordinator",))
    role = StudyRole.objects.select_related("user").filter(study=study, code=code, is_reader=True).first()
    if role is None:
        raise Http404("There is nothing here for you.")
    form = ChangeReaderForm(request.POST, study=study)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, errors[0])
        return redirect("grading:monitor", slug=slug)
    data = form.cleaned_data
    common = {"study": study, "actor": request.user, "at": timezone.now()}
    try:
        match data["act"]:
            case "pause":
                pause_person(user=role.user, reason=data["reason"], **common)
            case "resume":
                resume_person(user=role.user, **common)
            case "due":
                n = set_due_date(user=role.user, due_date=data["due_date"], **common)
                messages.success(request, _("%(n)d unfinished reads have this due date.") % {"n": n})
            case act:
                if not data["digest"]:
                    return _handover_shown(request, study, role, data)
                take_over = reassign_reads if act == "relieve" else replace_reader
                take_over(
                    leaver=role.user,
                    successor=data["successor_user"],
                    seed=data["seed"] or 0,
                    reason=data["reason"],
                    digest=data["digest"],
                    **common,
                )
                messages.success(
                    request,
                    _("%(other)s has taken over from %(code)s.")
                    % {"other": data["successor"], "code": role.code},
                )
    except StudyRefused as error:
        messages.error(request, str(error))
    return redirect("grading:monitor", slug=slug)


def _handover_shown(
    request: HttpRequest, study: ReaderStudy, role: StudyRole, data: dict[str, Any]
) -> HttpResponse:
    """Show what would change hands; nothing is done before it was looked at."""
    return render(
        request,
        "grading/reader_handover.html",
        {
            "study": study_frame(study=study, user=request.user, current="grading:monitor"),
            "code": role.code,
            "name": str(role.user),
            "other_name": str(data["successor_user"]),
            "handover": handover_page(
                study, role.user, data["successor_user"], leaves=data["act"] == "replace"
            ),
            "sent": data,
        },
    )
