"""Starting a training on the study's reference standard, and opening the test partition for its model."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from inference.access import access_study_models, access_training
from inference.engine.training_plan import PlanRefused
from inference.reasons import shown
from inference.services.errors import InferenceRefused
from inference.services.training import start_training
from readerstudy.analysis.access import access_figures
from readerstudy.analysis.forms import StartTrainingForm
from readerstudy.analysis.services.training_sets import (
    TrainingSetRefused,
    freeze_training_set,
    open_test_partition,
    preview,
    scales_of,
)
from readerstudy.analysis.views.frame import frame_of
from readerstudy.studies.models import ReaderStudy


@require_http_methods(["GET", "POST"])
def training_start(request: HttpRequest, slug: str) -> HttpResponse:
    study = access_study_models(user=request.user, slug=slug)
    is_frozen = study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}
    form = StartTrainingForm(request.POST or None)
    if request.method == "POST" and is_frozen and form.is_valid():
        at = timezone.now()
        try:
            plan = form.plan()
            frozen = freeze_training_set(study=study, actor=request.user, at=at)
            run = start_training(
                training_set=frozen, plan=plan, scales=scales_of(study), actor=request.user, at=at
            )
        except PlanRefused as refusal:
            messages.error(request, shown(str(refusal)))
        except (TrainingSetRefused, InferenceRefused) as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Training %(number)s waits for a worker.") % {"number": run.number})
            return redirect("inference:training", slug=slug, number=run.number)
    return render(
        request,
        "analysis/training_start.html",
        {
            **frame_of(request, study, "inference:runs"),
            "form": form,
            "is_frozen": is_frozen,
            "preview": preview(study) if is_frozen else None,
        },
    )


@require_POST
def training_test(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Open the test partition for a trained model, once. An unblinded study, and a person who may see both."""
    access_figures(user=request.user, slug=slug)
    run = access_training(user=request.user, slug=slug, number=number)
    try:
        open_test_partition(run=run, actor=request.user, at=timezone.now())
    except (TrainingSetRefused, InferenceRefused) as refusal:
        messages.error(request, str(refusal))
    return redirect("inference:training", slug=slug, number=number)
