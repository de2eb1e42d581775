"""The coordinator's pages beside cases and assignments."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from readerstudy.studies.access import access_office
from readerstudy.studies.analysis_sets import analysis_sets
from readerstudy.studies.coordination.forms import (
    AcceptForm,
    AnswerForm,
    DeviationForm,
    InvitationForm,
    ProtocolForm,
    UnblindingForm,
)
from readerstudy.studies.coordination.pages import (
    charter_rows,
    deviation_rows,
    invitation_rows,
    query_rows,
)
from readerstudy.studies.creation_views import protocol_verdict
from readerstudy.studies.models import ReaderQuery, StudyRole
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.protocols.difference import protocol_difference
from readerstudy.studies.protocols.loading import ProtocolError
from readerstudy.studies.services.coordination import (
    answer_query,
    note_deviation,
    report_accidental_unblinding,
)
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.inviting import accept_invitation, invitation_of, invite
from readerstudy.studies.services.studies import amend_protocol, current_protocol

_COORDINATOR = ("is_coordinator",)


@require_http_methods(["GET", "POST"])
def queries(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    form = AnswerForm(request.POST or None)
    if request.method == "POST":
        if not form.is_valid():
            messages.error(request, _("The answer is empty. Nothing was sent."))
            return redirect("studies:queries", slug=slug)
        found = ReaderQuery.objects.filter(study=study, public_id=form.cleaned_data["query"]).first()
        if found is None:
            raise Http404("There is nothing here for you.")
        try:
            answer_query(
                query=found, answer=form.cleaned_data["answer"], actor=request.user, at=timezone.now()
            )
        except StudyRefused as error:
            messages.error(request, str(error))
        return redirect("studies:queries", slug=slug)
    rows = query_rows(study)
    return render(
        request,
        "studies/query_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:queries"),
            "rows": rows,
            "n_open": sum(row.is_open for row in rows),
        },
    )


def _deviations_page(request: HttpRequest, slug: str, **forms: object) -> HttpResponse:
    study = access_office(user=request.user, slug=slug)
    may_note = StudyRole.objects.filter(study=study, user=request.user, is_coordinator=True).exists()
    return render(
        request,
        "studies/deviation_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:deviations"),
            "rows": deviation_rows(study),
            "sets": analysis_sets(study).counts(),
            "may_note": may_note,
            "form": DeviationForm(study=study, initial={"happened_on": timezone.localdate()}),
            "unblinding": UnblindingForm(study=study),
            **forms,
        },
    )


@require_http_methods(["GET", "POST"])
def deviations(request: HttpRequest, slug: str) -> HttpResponse:
    if request.method == "GET":
        return _deviations_page(request, slug)
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    form = DeviationForm(request.POST, study=study)
    if not form.is_valid():
        return _deviations_page(request, slug, form=form)
    data = form.cleaned_data
    try:
        note_deviation(
            study=study,
            text=data["text"],
            happened_on=data["happened_on"],
            case=data["case"],
            user=data["person"].user if data["person"] else None,
            leaves_per_protocol_set=data["leaves"],
            actor=request.user,
            at=timezone.now(),
        )
    except StudyRefused as error:
        messages.error(request, str(error))
    return redirect("studies:deviations", slug=slug)


@require_POST
def report_unblinding(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug)
    form = UnblindingForm(request.POST, study=study)
    if not form.is_valid():
        return _deviations_page(request, slug, unblinding=form)
    data = form.cleaned_data
    try:
        report_accidental_unblinding(
            study=study,
            user=data["person"].user,
            case=data["case"],
            text=data["text"],
            actor=request.user,
            at=timezone.now(),
        )
    except StudyRefused as error:
        messages.error(request, str(error))
    return redirect("studies:deviations", slug=slug)


@require_http_methods(["GET", "POST"])
def invitations(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = request.build_absolute_uri(reverse("invitation", kwargs={"token": "TOKEN"}))
        try:
            invite(
                study=study, **form.cleaned_data, address_of=address, actor=request.user, at=timezone.now()
            )
            messages.success(request, _("The invitation is on its way."))
            return redirect("studies:invitations", slug=slug)
        except StudyRefused as error:
            form.add_error(None, str(error))
    return render(
        request,
        "studies/invitation_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:invitations"),
            "form": form,
            "rows": invitation_rows(study, timezone.now()),
            "charter": charter_rows(study),
        },
    )


@login_not_required
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation; a token that opens nothing gives what an absent page gives."""
    found = invitation_of(token, at=timezone.now())
    if found is None:
        raise Http404("There is nothing here for you.")
    form = AcceptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            accept_invitation(token=token, **form.cleaned_data, at=timezone.now())
            return redirect("accounts:sign_in")
        except StudyRefused as error:
            form.add_error(None, str(error))
    return render(
        request,
        "studies/invitation_accept.html",
        {"form": form, "name": found.display_name, "title": found.study.title},
    )


@require_http_methods(["GET", "POST"])
def edit_protocol(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    present = current_protocol(study)
    form = ProtocolForm(request.POST or None, initial={"source": present.source})
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            amend_protocol(
                study=study,
                source=form.cleaned_data["source"],
                reason=form.cleaned_data["reason"],
                actor=request.user,
                at=timezone.now(),
            )
            messages.success(
                request, _("The protocol is amended. Reads stay pinned to the version they began with.")
            )
            return redirect("studies:protocol", slug=slug)
        except ProtocolError as error:
            problems = [str(problem) for problem in error.problems]
        except StudyRefused as error:
            problems = [str(error)]
    source = form.data.get("source", present.source)
    return render(
        request,
        "studies/protocol_edit.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:protocol"),
            "source": source,
            "reason": form.data.get("reason", ""),
            "problems": problems,
            "difference": protocol_difference(present.source, source),
            "next_version": present.version + 1,
        },
    )


@require_POST
def check_protocol(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what is wrong with a file, by line, and its hash where nothing is; nothing is written."""
    access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    return protocol_verdict(request)
