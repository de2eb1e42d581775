"""A reader's reads one by one; one of them is taken back, or given to another reader, after what it does was shown."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from grading.office.forms import WithdrawReadForm
from grading.office.reads import Consequences, consequences_of, reader_assignment, reader_role, reads_page
from grading.services.reassigning import reassign_reads, withdraw_reads
from readerstudy.studies.access import access_office
from readerstudy.studies.models import ReaderStudy, StudyRole
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.services.errors import StudyRefused

_COORDINATOR = ("is_coordinator",)


@require_GET
def reads(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    role = reader_role(study, code)
    return render(
        request,
        "grading/reader_reads.html",
        {
            "study": study_frame(study=study, user=request.user, current="grading:monitor"),
            "code": role.code,
            "name": str(role.user),
            "page": reads_page(study, role.user, request.GET.get("page", 1)),
            "is_open": study.state == ReaderStudy.State.OPEN,
        },
    )


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, slug: str, assignment: UUID) -> HttpResponse:
    """Show what taking a read back does; on POST do it, if it still does the same."""
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    showing = reader_assignment(study, assignment)
    role = StudyRole.objects.select_related("user").get(study=study, user=showing.user)
    done = consequences_of(showing)
    form = WithdrawReadForm(request.POST or None, successors=done.successors, initial={"seen": _seen(done)})
    row = done.withdrawn[0]
    is_closed = row.is_withdrawn or row.is_submitted or study.state != ReaderStudy.State.OPEN
    if request.method == "POST" and form.is_valid() and not is_closed:
        data = form.cleaned_data
        if data["seen"] != _seen(done):
            messages.error(request, _("The read went on meanwhile. Nothing was changed; look again."))
            return redirect("grading:withdraw_read", slug=slug, assignment=assignment)
        common = {"reason": data["reason"], "actor": request.user, "at": timezone.now()}
        try:
            if data.get("successor"):
                reassign_reads(
                    study=study,
                    leaver=showing.user,
                    successor=reader_role(study, data["successor"]).user,
                    seed=0,
                    cases=[showing.case_id],
                    **common,
                )
                said = _("%(case)s was taken from %(code)s and given to %(other)s.")
            else:
                withdraw_reads(assignment=showing, **common)
                said = _("%(case)s was taken from %(code)s.")
            messages.success(
                request,
                said
                % {"case": showing.case.pseudonym, "code": role.code, "other": data.get("successor", "")},
            )
        except StudyRefused as error:
            messages.error(request, str(error))
        return redirect("grading:reader_reads", slug=slug, code=role.code)
    return render(
        request,
        "grading/read_withdraw.html",
        {
            "study": study_frame(study=study, user=request.user, current="grading:monitor"),
            "code": role.code,
            "name": str(role.user),
            "read": row,
            "done": done,
            "is_closed": is_closed,
            "is_open": study.state == ReaderStudy.State.OPEN,
            "form": form,
        },
    )


def _seen(done: Consequences) -> str:
    """What the page showed, short: how far each read is, and how many answers it holds."""
    states = "".join("s" if each.is_submitted else "b" if each.is_begun else "w" for each in done.withdrawn)
    return f"{states}{done.n_answers}"
