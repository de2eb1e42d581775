"""Pages of readers, adjudicators and panel members: translate, call once, translate back."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from grading.access import (
    access_adjudication,
    access_assignment,
    access_panel_case,
    access_study,
    next_to_fetch_ahead,
)
from grading.blinding import blinded_case, blinded_items, panel_case, worklist_address
from grading.desk.pages import desk_card, desk_config, waits_for
from grading.models import Read
from grading.office.needs import needs_of
from grading.practice import is_practice, practice_state
from grading.preview import preview_case
from grading.progress import study_progress
from grading.queues import adjudication_queue, next_case, panel_queue, worklist_of
from grading.services.presenting import present_images
from grading.services.reading import open_read
from grading.sessions import panel_reads, session_gates
from readerstudy.studies.access import access_office
from readerstudy.studies.coordination.forms import ProtocolForm
from readerstudy.studies.creation import may_create
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from readerstudy.studies.selectors import role_code
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol


@require_GET
def worklist(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_study(user=request.user, slug=slug, role="is_reader")
    return _worklist_page(request, study, CaseDuty.Duty.READER)


def _worklist_page(request: HttpRequest, study: ReaderStudy, duty: str) -> HttpResponse:
    now = timezone.now()
    gates = session_gates(study, request.user, now=now)
    return render(
        request,
        "grading/worklist.html",
        {
            "list": worklist_of(study=study, reader=request.user, duty=duty, gates=gates),
            "card": desk_card(study=study, reader=request.user, now=now, gates=gates),
            "desk": desk_config(user=request.user),
            "waits_for_practice": duty == CaseDuty.Duty.READER
            and not practice_state(study, request.user).may_start,
        },
    )


@require_GET
def read_case(request: HttpRequest, assignment: UUID) -> HttpResponse:
    now = timezone.now()
    found = access_assignment(reader=request.user, assignment=assignment)
    before = waits_for(study=found.study, user=request.user, session_key=request.session.session_key)
    if before:
        return redirect(before, slug=found.study.slug)
    read = open_read(assignment=found, at=now)
    if read.state == Read.State.SUBMITTED:
        return redirect(worklist_address(found))
    if is_practice(found):
        return _practice_page(request, found, read, now)
    listed = worklist_of(study=found.study, reader=request.user, duty=found.duty.duty)
    upcoming = next_to_fetch_ahead(assignment=found, at=now)
    case = blinded_case(
        assignment=found,
        read=read,
        upcoming=upcoming,
        code=role_code(study=found.study, user=request.user),
        n_cases=listed.n_cases,
        n_submitted=listed.n_submitted,
    )
    response = render(
        request,
        "grading/case_read.html",
        {"case": case, "desk": desk_config(user=request.user, assignment=found, may_put_off=True)},
    )
    return present_images(request=request, response=response, assignment=found, upcoming=upcoming, at=now)


def _practice_page(request: HttpRequest, found: Assignment, read: Read, now: datetime) -> HttpResponse:
    case = blinded_case(
        assignment=found,
        read=read,
        code=role_code(study=found.study, user=request.user),
        n_cases=0,
        n_submitted=0,
    )
    response = render(
        request,
        "grading/case_read.html",
        {"case": case, "desk": desk_config(user=request.user, assignment=found, may_put_off=True)},
    )
    return present_images(request=request, response=response, assignment=found, at=now)


@require_GET
def adjudication_list(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_study(user=request.user, slug=slug, role="is_adjudicator")
    return render(
        request,
        "grading/adjudication_list.html",
        {
            "list": adjudication_queue(study=study, adjudicator=request.user),
            "desk": desk_config(user=request.user),
        },
    )


@require_GET
def adjudicate_case(request: HttpRequest, assignment: UUID) -> HttpResponse:
    found = access_adjudication(adjudicator=request.user, assignment=assignment)
    queue = adjudication_queue(study=found.study, adjudicator=request.user)
    case = blinded_items(
        assignment=found,
        code=queue.frame.person_code,
        next_address=next_case(queue, after=found.public_id),
    )
    if not case.adjudication["items"]:
        return redirect("grading:adjudication_list", slug=found.study.slug)
    desk = desk_config(user=request.user, assignment=found)
    response = render(request, "grading/case_adjudicate.html", {"case": case, "queue": queue, "desk": desk})
    return present_images(request=request, response=response, assignment=found, at=timezone.now())


@require_GET
def panel_list(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_study(user=request.user, slug=slug, role="is_panel")
    if panel_reads(study):
        return _worklist_page(request, study, CaseDuty.Duty.PANEL)
    return render(
        request,
        "grading/panel_list.html",
        {"list": panel_queue(study=study, member=request.user), "desk": desk_config(user=request.user)},
    )


@require_GET
def confirm_case(request: HttpRequest, assignment: UUID) -> HttpResponse:
    found = access_panel_case(member=request.user, assignment=assignment)
    queue = panel_queue(study=found.study, member=request.user)
    if str(found.public_id) not in {row.key for row in queue.rows}:
        return redirect("grading:panel_list", slug=found.study.slug)
    case = panel_case(
        assignment=found, code=queue.frame.person_code, next_address=next_case(queue, after=found.public_id)
    )
    desk = desk_config(user=request.user, assignment=found)
    response = render(request, "grading/case_confirm.html", {"case": case, "queue": queue, "desk": desk})
    return present_images(request=request, response=response, assignment=found, at=timezone.now())


@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the reading page of the protocol, or of the file that was sent; nothing is read or written."""
    study = access_office(user=request.user, slug=slug, roles=("is_coordinator",))
    document = current_protocol(study).document
    if request.method == "POST":
        form = ProtocolForm(request.POST)
        try:
            if not form.is_valid():
                raise StudyRefused(_("The file is empty or too long."))
            document = load_protocol(form.cleaned_data["source"])
        except (ProtocolError, StudyRefused) as error:
            problem = error.in_short() if isinstance(error, ProtocolError) else error
            messages.error(request, _("The file cannot be shown yet: %(problem)s") % {"problem": problem})
            return redirect("studies:edit_protocol", slug=slug)
    case = preview_case(study=study, document=document, user=request.user)
    return render(request, "grading/case_read.html", {"case": case, "desk": desk_config(user=request.user)})


@require_GET
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug)
    frame = study_frame(study=study, user=request.user, current="grading:overview")
    progress = study_progress(study, get_language() or "en")
    return render(
        request,
        "grading/study_overview.html",
        {
            "study": frame,
            "progress": progress,
            # Whoever may answer queries acts; others of the office look on.
            "needs": needs_of(study, progress, now=timezone.now())
            if frame.leads_to("studies:queries")
            else None,
            "may_create": may_create(request.user),
        },
    )
