"""Opening a draft for reading."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from readerstudy.studies.access import access_office
from readerstudy.studies.forms import OpenForm
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame
from readerstudy.studies.opening import opening_of
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import open_study


@require_http_methods(["GET", "POST"])
def study_open(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what opening freezes and what is still missing; on POST open the study under the digest shown."""
    study = access_office(user=request.user, slug=slug, roles=("is_coordinator",))
    if request.method == "POST":
        form = OpenForm(request.POST)
        try:
            if not form.is_valid():
                raise StudyRefused(_("The page was not complete. Nothing was changed."))
            open_study(
                study=study,
                expected_digest=form.cleaned_data["digest"],
                actor=request.user,
                at=timezone.now(),
            )
        except StudyRefused as error:
            messages.error(request, str(error))
            return redirect("studies:open", slug=slug)
        messages.success(request, _("The study is open. Assign its cases, then readers can begin."))
        return redirect("studies:assignments", slug=slug)
    return render(
        request,
        "studies/study_open.html",
        {
            "study": study_frame(study=study, user=request.user, current="studies:protocol"),
            "opening": opening_of(study),
            "is_draft": study.state == ReaderStudy.State.DRAFT,
        },
    )
