"""Making a study in the browser."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from readerstudy.studies.coordination.forms import ProtocolForm
from readerstudy.studies.creation import access_creation, beginnings, source_of
from readerstudy.studies.forms import CreateStudyForm
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import create_study, grant_roles


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a draft study from the file on the page; who makes it coordinates it."""
    access_creation(user=request.user)
    chosen = request.GET.get("from", "")
    source = source_of(request.user, chosen) if chosen else ""
    form = CreateStudyForm(request.POST or None, initial={"source": source})
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        data, at = form.cleaned_data, timezone.now()
        try:
            with transaction.atomic():
                study = create_study(
                    source=data["source"],
                    slug=data["slug"],
                    title=data["title"],
                    is_demonstration=data["is_demonstration"],
                    actor=request.user,
                    at=at,
                )
                grant_roles(
                    study=study, user=request.user, roles=["is_coordinator"], actor=request.user, at=at
                )
        except ProtocolError as error:
            problems = [str(problem) for problem in error.problems]
        except StudyRefused as error:
            form.add_error("slug", str(error))
        else:
            messages.success(
                request,
                _(
                    "The study is a draft. Invite its people and import images, then it is opened for reading."
                ),
            )
            return redirect("studies:protocol", slug=study.slug)
    return render(
        request,
        "studies/study_create.html",
        {
            "beginnings": beginnings(request.user),
            "chosen": chosen,
            "form": form,
            "source": form.data.get("source", source),
            "problems": problems,
        },
    )


@require_POST
def check_new(request: HttpRequest) -> HttpResponse:
    """Say what is wrong with a file before there is a study; nothing is written."""
    access_creation(user=request.user)
    return protocol_verdict(request)


def protocol_verdict(request: HttpRequest) -> JsonResponse:
    """Return the problems of a file by line, and its hash where there is none."""
    form = ProtocolForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"problems": [{"line": None, "said": _("The file is empty or too long.")}]})
    try:
        document = load_protocol(form.cleaned_data["source"])
    except ProtocolError as error:
        return JsonResponse({"problems": [{"line": each.line, "said": str(each)} for each in error.problems]})
    return JsonResponse(
        {
            "problems": [],
            "digest": document.digest,
            "version": document.version,
            "n_items": len(document.items),
        }
    )
