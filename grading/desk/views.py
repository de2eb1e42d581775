"""Session start, charter, messages, putting a case off, reopening it, reporting a problem."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from grading.access import access_assignment, access_own_case, access_study
from grading.desk.forms import (
    MessageForm,
    PutOffForm,
    ReopenForm,
    ReportForm,
    SessionForm,
    UnblindedForm,
)
from grading.desk.pages import message_rows, session_hash
from grading.models import Read
from grading.queues import frame_of, worklist_of
from grading.services.reading import ReadRefused, reopen_read
from grading.services.skipping import put_off as put_case_off
from readerstudy.accounts.models import User
from readerstudy.studies.models import BLINDED_ROLES, Assignment, Case, ReaderStudy, StudyRole
from readerstudy.studies.pages import protocol_page
from readerstudy.studies.services.coordination import (
    acknowledge_charter,
    acknowledge_viewing_conditions,
    ask,
    report_accidental_unblinding,
)
from readerstudy.studies.services.errors import StudyRefused


def _blinded_study(user: User, slug: str) -> ReaderStudy:
    """Return an opened study in which the person reads, settles or confirms; else there is nothing here."""
    role = StudyRole.objects.select_related("study").filter(study__slug=slug, user=user).first()
    if role is None or not any(getattr(role, each) for each in BLINDED_ROLES):
        raise Http404("There is nothing here for you.")
    if role.study.state == ReaderStudy.State.DRAFT:
        raise Http404("There is nothing here for you.")
    return role.study


@require_http_methods(["GET", "POST"])
def session_start(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_study(user=request.user, slug=slug, role="is_reader")
    form = SessionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        acknowledge_viewing_conditions(
            study=study,
            user=request.user,
            session_hash=session_hash(request.session.session_key),
            screen=form.cleaned_data,
            at=timezone.now(),
        )
        following = worklist_of(study=study, reader=request.user).current
        return redirect(
            following.address if following else reverse("grading:worklist", kwargs={"slug": slug})
        )
    return render(
        request,
        "grading/session_start.html",
        {"frame": frame_of(study, request.user), "form": form, "pairs": range(1, 5)},
    )


@require_http_methods(["GET", "POST"])
def charter(request: HttpRequest, slug: str) -> HttpResponse:
    study = _blinded_study(request.user, slug)
    if request.method == "POST":
        acknowledge_charter(study=study, user=request.user, at=timezone.now())
        return redirect("home")
    return render(
        request,
        "grading/charter.html",
        {"frame": frame_of(study, request.user), "protocol": protocol_page(study)},
    )


@require_http_methods(["GET", "POST"])
def messages_page(request: HttpRequest, slug: str) -> HttpResponse:
    study = _blinded_study(request.user, slug)
    form = MessageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            ask(
                study=study,
                user=request.user,
                kind="question",
                text=form.cleaned_data["text"],
                at=timezone.now(),
            )
            return redirect("grading:messages", slug=slug)
        except StudyRefused as error:
            messages.error(request, str(error))
    return render(
        request,
        "grading/messages.html",
        {
            "frame": frame_of(study, request.user),
            "form": form,
            "slug": slug,
            "rows": message_rows(study=study, user=request.user),
            "unblinded": UnblindedForm(),
        },
    )


@require_POST
def unblinded(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a person's word that they learnt what they must not know, of one of their cases or of all."""
    study = _blinded_study(request.user, slug)
    form = UnblindedForm(request.POST)
    try:
        if not form.is_valid():
            raise StudyRefused(_("Say what happened, and give the case by its number. Nothing was sent."))
        data = form.cleaned_data
        report_accidental_unblinding(
            study=study,
            user=request.user,
            case=_own_case(study, request.user, data["number"]) if data["number"] else None,
            text=data["text"],
            actor=request.user,
            at=timezone.now(),
        )
        messages.success(request, _("The coordinator has been told. Go on as before."))
    except StudyRefused as error:
        messages.error(request, str(error))
    return redirect("grading:messages", slug=slug)


def _own_case(study: ReaderStudy, user: User, number: int) -> Case:
    found = (
        Assignment.objects.select_related("case")
        .filter(study=study, user=user, running_number=number, withdrawn_at__isnull=True)
        .order_by("pk")
        .first()
    )
    if found is None:
        raise StudyRefused(_("None of your cases has this number. Nothing was sent."))
    return found.case


@require_POST
def put_off(request: HttpRequest, assignment: UUID) -> HttpResponse:
    found = access_assignment(reader=request.user, assignment=assignment)
    form = PutOffForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"detail": _("Choose why the case is put off.")}, status=400)
    try:
        put_case_off(assignment=found, reason=form.cleaned_data["reason"], at=timezone.now())
    except ReadRefused as error:
        return JsonResponse({"detail": str(error)}, status=409)
    following = worklist_of(study=found.study, reader=request.user).current
    address = (
        following.address if following else reverse("grading:worklist", kwargs={"slug": found.study.slug})
    )
    return JsonResponse({"next": address})


@require_POST
def reopen(request: HttpRequest, assignment: UUID) -> HttpResponse:
    found = access_assignment(reader=request.user, assignment=assignment)
    form = ReopenForm(request.POST)
    read = Read.objects.filter(assignment=found, superseded_at__isnull=True).first()
    if read is None:
        raise Http404("There is nothing here for you.")
    if not form.is_valid():
        messages.error(request, _("Say why the read is reopened."))
        return redirect("grading:worklist", slug=found.study.slug)
    try:
        reopen_read(read=read, reason=form.cleaned_data["reason"], actor=request.user, at=timezone.now())
    except ReadRefused:
        # One sentence for every cause: which one it is would tell how far others are.
        messages.error(request, _("This read cannot be reopened any more; it stands as submitted."))
        return redirect("grading:worklist", slug=found.study.slug)
    return redirect("grading:read_case", assignment=assignment)


@require_POST
def report(request: HttpRequest, assignment: UUID) -> HttpResponse:
    found = access_own_case(user=request.user, assignment=assignment)
    form = ReportForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"detail": _("The report could not be read.")}, status=400)
    data = form.cleaned_data
    common = {"study": found.study, "user": request.user, "text": data["text"], "at": timezone.now()}
    try:
        if data["kind"] == "unblinded":
            report_accidental_unblinding(case=found.case, actor=request.user, **common)
        else:
            ask(kind=data["kind"], assignment=found, circumstances=data["circumstances"], **common)
    except StudyRefused as error:
        return JsonResponse({"detail": str(error)}, status=400)
    return JsonResponse({"detail": _("The coordinator has been told.")})
