"""Releasing a model's aid to the readers of aided sessions. The page counts; it shows no prediction."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from readerstudy.analysis.access import access_aid
from readerstudy.analysis.forms import ReleaseAidForm
from readerstudy.analysis.services.aids import AidRefused, aid_state, release_aid
from readerstudy.analysis.views.frame import frame_of
from readerstudy.studies.models import ReaderStudy


@require_http_methods(["GET", "POST"])
def aid_release(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_aid(user=request.user, slug=slug)
    form = ReleaseAidForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            n = release_aid(
                study=study,
                version=form.cleaned_data["version"],
                actor=request.user,
                at=timezone.now(),
                expected_digest=form.cleaned_data["digest"],
            )
        except AidRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(
                request,
                ngettext(
                    "The aid was released for %(n)d aided showing.",
                    "The aid was released for %(n)d aided showings.",
                    n,
                )
                % {"n": n},
            )
        return redirect("analysis:aid", slug=slug)
    return render(
        request,
        "analysis/aid_release.html",
        {
            **frame_of(request, study, "analysis:aid"),
            "aid": aid_state(study),
            "is_open": study.state == ReaderStudy.State.OPEN,
        },
    )
