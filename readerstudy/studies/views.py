"""The start page and the coordinator's pages of a study."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.studies.access import access_case, access_office, access_screening
from readerstudy.studies.creation import may_create
from readerstudy.studies.forms import (
    DesignForm,
    ScreeningForm,
    SeedForm,
    exclusion_choices,
    numbering_choices,
)
from readerstudy.studies.models import SCREENING_ROLES, UNBLINDED_ROLES
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.pages import (
    case_page,
    case_rows,
    draw_rows,
    people_of,
    plan_matrix,
    plan_rows,
    protocol_page,
)
from readerstudy.studies.selectors import own_studies
from readerstudy.studies.services.assignment import assign_reads, plan_assignment
from readerstudy.studies.services.cases import (
    accept_sides_by_convention,
    exclude_case,
    fix_numbering,
    include_case,
)
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.partition import draw_partition
from readerstudy.studies.services.studies import current_protocol

_COORDINATOR = ("is_coordinator",)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    studies = own_studies(request.user)
    creates = may_create(request.user)
    if len(studies) == 1 and len(studies[0].doors) == 1:
        return redirect(studies[0].doors[0][1])
    return render(request, "studies/home.html", {"studies": studies, "may_create": creates})


@require_GET
def cases(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=UNBLINDED_ROLES + SCREENING_ROLES)
    document = current_protocol(study).document
    language = get_language() or "en"
    shown = case_page(study, request.GET.get("page", 1))
    return render(
        request,
        "studies/case_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:cases"),
            "page": shown,
            "rows": case_rows(study, list(shown)),
            "reasons": exclusion_choices(document, language),
            "variants": numbering_choices(document, language),
            "may_screen": _may_screen(request, study.slug),
            "may_withdraw": _may(request, study.slug),
        },
    )


def _may(request: HttpRequest, slug: str) -> bool:
    return request.user.study_roles.filter(study__slug=slug, is_coordinator=True).exists()


def _may_screen(request: HttpRequest, slug: str) -> bool:
    try:
        access_screening(user=request.user, slug=slug)
    except Http404:
        return False
    return True


@require_POST
def screen_case(request: HttpRequest, slug: str, case: UUID) -> HttpResponse:
    study = access_screening(user=request.user, slug=slug)
    found = access_case(study=study, case=case)
    form = ScreeningForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, errors[0])
        return redirect("studies:cases", slug=slug)
    data, common = form.cleaned_data, {"case": found, "actor": request.user, "at": timezone.now()}
    try:
        match data["act"]:
            case ScreeningForm.INCLUDE:
                include_case(lacking_reason=data["lacking_reason"], **common)
            case ScreeningForm.EXCLUDE:
                exclude_case(reason=data["reason"], **common)
            case ScreeningForm.ACCEPT_SIDES:
                accept_sides_by_convention(**common)
            case ScreeningForm.NUMBER:
                fix_numbering(variant=data["variant"], **common)
    except StudyRefused as error:
        messages.error(request, str(error))
    return redirect("studies:cases", slug=slug)


@require_http_methods(["GET", "POST"])
def assignments(request: HttpRequest, slug: str) -> HttpResponse:
    """Preview what a design and a seed give; write just that when it is confirmed."""
    study = access_office(user=request.user, slug=slug)
    document = current_protocol(study).document
    form = DesignForm(request.POST or None, initial=DesignForm.beginning(document))
    plan, problem = None, ""
    if request.method == "POST":
        study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
        if form.is_valid():
            data = form.cleaned_data
            try:
                design = form.design(document)
                if data["confirm"]:
                    assign_reads(
                        study=study,
                        seed=data["seed"],
                        design=design,
                        expected_digest=data["digest"],
                        due_date=data["due_date"],
                        actor=request.user,
                        at=timezone.now(),
                    )
                    messages.success(
                        request, _("The reads are assigned. The draw and its seed are on record.")
                    )
                    return redirect("studies:assignments", slug=slug)
                plan = plan_assignment(study=study, seed=data["seed"], design=design)
            except StudyRefused as error:
                problem = str(error)
    return render(
        request,
        "studies/assignment_list.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:assignments"),
            "form": form,
            "plan": plan_rows(study, plan) if plan else None,
            "matrix": plan_matrix(study, plan) if plan else None,
            "plan_digest": plan.digest if plan else "",
            "problem": problem,
            "people": [row for row in people_of(study) if row.n_cases],
            "draws": draw_rows(study),
            "may_assign": _may(request, slug),
        },
    )


@require_POST
def draw_partitions(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug, roles=_COORDINATOR)
    form = SeedForm(request.POST)
    if form.is_valid():
        try:
            draw_partition(study=study, seed=form.cleaned_data["seed"], actor=request.user, at=timezone.now())
            messages.success(request, _("The partitions are drawn. Later patients never move earlier ones."))
        except StudyRefused as error:
            messages.error(request, str(error))
    return redirect("studies:assignments", slug=slug)


@require_GET
def protocol(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug)
    return render(
        request,
        "studies/protocol_detail.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:protocol"),
            "protocol": protocol_page(study),
            "may_edit": _may(request, slug) and study.state in {"draft", "open"},
        },
    )


@require_GET
def team(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_office(user=request.user, slug=slug)
    return render(
        request,
        "studies/team.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:team"),
            "people": people_of(study),
        },
    )
