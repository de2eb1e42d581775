"""Lock and unblinding: signed acts."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from readerstudy.analysis.access import access_lock, access_unblinding
from readerstudy.analysis.forms import SignedActForm
from readerstudy.analysis.selectors import data_hash, model_versions, predictions_hash, readiness
from readerstudy.analysis.services.locking import LockRefused, lock, unblind, unlock
from readerstudy.analysis.views.frame import frame_of
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.errors import StudyRefused


@require_http_methods(["GET", "POST"])
def study_lock(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_lock(user=request.user, slug=slug)
    missing = readiness(study)
    is_open = study.state == ReaderStudy.State.OPEN
    is_locked = study.state == ReaderStudy.State.LOCKED
    digest = data_hash(study) if is_open else study.data_hash
    form = SignedActForm(
        request.POST or None,
        signer=request.user,
        reason_needed=is_locked or not missing.is_complete,
        initial={"digest": digest},
    )
    if request.method == "POST" and (is_open or is_locked) and form.is_valid():
        given = form.cleaned_data
        try:
            if is_open:
                lock(
                    study=study,
                    actor=request.user,
                    signed_digest=given["digest"],
                    reason=given["reason"],
                    at=timezone.now(),
                )
                messages.success(request, _("The study is locked. Reads and reference can no longer change."))
            else:
                unlock(study=study, actor=request.user, reason=given["reason"], at=timezone.now())
                messages.success(request, _("The study is open again."))
        except (LockRefused, StudyRefused) as refusal:
            messages.error(request, str(refusal))
        return redirect("analysis:lock", slug=slug)
    return render(
        request,
        "analysis/study_lock.html",
        {
            **frame_of(request, study, "analysis:lock"),
            "form": form,
            "readiness": missing,
            "digest": digest,
            "state": study.state,
        },
    )


@require_http_methods(["GET", "POST"])
def study_unblind(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_unblinding(user=request.user, slug=slug)
    is_locked = study.state == ReaderStudy.State.LOCKED
    digest = predictions_hash(study) if is_locked else study.predictions_hash
    form = SignedActForm(request.POST or None, signer=request.user, initial={"digest": digest})
    if request.method == "POST" and is_locked and form.is_valid():
        given = form.cleaned_data
        try:
            unblind(
                study=study,
                actor=request.user,
                signed_digest=given["digest"],
                reason=given["reason"],
                at=timezone.now(),
            )
        except (LockRefused, StudyRefused) as refusal:
            messages.error(request, str(refusal))
            return redirect("analysis:unblind", slug=slug)
        return redirect("analysis:results", slug=slug)
    return render(
        request,
        "analysis/study_unblind.html",
        {
            **frame_of(request, study, "analysis:unblind"),
            "form": form,
            "digest": digest,
            "data_hash": study.data_hash,
            "state": study.state,
            "models": [f"{version.name} {version.version}" for version in model_versions(study)],
        },
    )
