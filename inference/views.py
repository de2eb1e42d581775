"""Models and runs of a study: coordinators and administrators only, never a probability."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inference.access import access_study_models, access_study_run, access_training
from inference.forms import PublishPointsForm, StartRunForm
from inference.pages import labels, registry_page, training_page
from inference.selectors import run_progress
from inference.services.errors import InferenceRefused
from inference.services.points import publish_points, read_points, write_points
from inference.services.runs import pause_run, resume_run, retry_failed, start_run, stop_run
from inference.services.training import retry_training, stop_training
from readerstudy.studies.navigation import study_frame

_TRAINING_ACTS = {"stop": stop_training, "retry": retry_training}
_ACTS = {"pause": pause_run, "resume": resume_run, "stop": stop_run, "retry": retry_failed}


@login_required
@require_http_methods(["GET", "POST"])
def runs(request: HttpRequest, slug: str) -> HttpResponse:
    """The registry as it fits this study, its runs, and the start of a new one."""
    study = access_study_models(user=request.user, slug=slug)
    form = StartRunForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            started = start_run(
                study=study, model=form.cleaned_data["model"], actor=request.user, at=timezone.now()
            )
        except InferenceRefused as error:
            messages.error(request, str(error))
        else:
            if started is not None:
                return redirect("inference:run", slug=slug, number=started.number)
            messages.info(request, _("Every included case has its result from this model already."))
        return redirect("inference:runs", slug=slug)
    page = {
        "study": study_frame(study=study, user=request.user, current="inference:runs"),
        "form": form,
        **registry_page(study),
    }
    return render(request, "inference/run_list.html", page)


@login_required
@require_GET
def run(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One run: progress, what to look at, time per case."""
    study_run = access_study_run(user=request.user, slug=slug, number=number)
    page = {
        "study": study_frame(study=study_run.study, user=request.user, current="inference:runs"),
        "run": run_progress(study_run),
        "labels": labels(study_run.study),
        "points_form": PublishPointsForm(),
    }
    return render(request, "inference/run_detail.html", page)


@login_required
@require_http_methods(["GET", "POST"])
def run_points(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The run's joint points as a table to correct; posted, they become places of the study."""
    study_run = access_study_run(user=request.user, slug=slug, number=number)
    if request.method == "GET":
        response = HttpResponse(write_points(study_run), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{slug}-run-{number}-points.csv"'
        return response
    form = PublishPointsForm(request.POST, request.FILES)
    try:
        table = form.cleaned_data["points"] if form.is_valid() else None
        points = read_points(table.read().decode("utf-8-sig")) if table else None
        n = publish_points(study_run=study_run, points=points, actor=request.user, at=timezone.now())
    except UnicodeDecodeError:
        messages.error(request, _("The file is no UTF-8 text. Nothing was published."))
    except InferenceRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request,
            ngettext(
                "The places of %(n)s case were published.", "The places of %(n)s cases were published.", n
            )
            % {"n": n},
        )
    return redirect("inference:run", slug=slug, number=number)


@login_required
@require_POST
def run_act(request: HttpRequest, slug: str, number: int, act: str) -> HttpResponse:
    """Pause, resume, stop or retry a run. An unknown act gives the same answer as an unknown run."""
    study_run = access_study_run(user=request.user, slug=slug, number=number if act in _ACTS else 0)
    try:
        _ACTS[act](study_run=study_run, actor=request.user, at=timezone.now())
    except InferenceRefused as error:
        messages.error(request, str(error))
    return redirect("inference:run", slug=slug, number=number)


@login_required
@require_GET
def training(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One training as it goes on: epochs, validation figures, what was left out, the model that came of it."""
    run = access_training(user=request.user, slug=slug, number=number)
    page = {
        "study": study_frame(study=run.study, user=request.user, current="inference:runs"),
        "training": training_page(run),
        "labels": labels(run.study),
    }
    return render(request, "inference/training_detail.html", page)


@login_required
@require_POST
def training_act(request: HttpRequest, slug: str, number: int, act: str) -> HttpResponse:
    """Stop a training or go on with it. An unknown act gives the same answer as an unknown training."""
    run = access_training(user=request.user, slug=slug, number=number if act in _TRAINING_ACTS else 0)
    try:
        _TRAINING_ACTS[act](run=run, actor=request.user, at=timezone.now())
    except InferenceRefused as error:
        messages.error(request, str(error))
    return redirect("inference:training", slug=slug, number=number)
