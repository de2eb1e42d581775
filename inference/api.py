"""Runs by /api/v1/: the same doors and acts as the pages. Nothing here says what a model predicted."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.access import access_study_models, access_study_run
from inference.models import ModelVersion, StudyRun
from inference.selectors import run_progress
from inference.serializers import RefusalSerializer, RunSerializer, RunsSerializer, StartRunSerializer
from inference.services.errors import InferenceRefused
from inference.services.runs import pause_run, resume_run, retry_failed, start_run, stop_run

_ACTS = {"pause": pause_run, "resume": resume_run, "stop": stop_run, "retry": retry_failed}


def _said(study_run: StudyRun) -> dict[str, Any]:
    progress = run_progress(study_run)
    fields = {name for name in RunSerializer().fields if name not in {"cases", "is_finished", "n_ended"}}
    return {
        **{name: value for name, value in asdict(progress).items() if name in fields},
        "is_finished": progress.is_finished,
        "n_ended": progress.n_ended,
        "cases": [{"case": each.case, "state": each.state, "reason": each.reason} for each in progress.cases],
    }


def _refused(detail: str, status: int = 409) -> Response:
    return Response({"code": "refused", "detail": detail}, status=status)


def _model(text: str) -> ModelVersion | None:
    try:
        return ModelVersion.objects.filter(public_id=UUID(text)).first()
    except ValueError:
        name, _, version = text.partition(":")
        return ModelVersion.objects.filter(name=name, version=version).first()


class RunsView(APIView):
    """Runs of a study."""

    @extend_schema(responses=RunsSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """List them, newest first."""
        study = access_study_models(user=request.user, slug=slug)
        rows = StudyRun.objects.filter(study=study).select_related("model").order_by("-number")
        return Response(
            {
                "runs": [
                    {"number": row.number, "model": str(row.model), "started_at": row.started_at}
                    for row in rows
                ]
            }
        )

    @extend_schema(
        request=StartRunSerializer,
        responses={201: RunSerializer, 200: RefusalSerializer, 409: RefusalSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Start one on every included case, or on those named, that the model has not seen with the same input."""
        study = access_study_models(user=request.user, slug=slug)
        asked = StartRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        model = _model(asked.validated_data["model"])
        if model is None:
            return _refused("There is no such model version. Nothing was started.", 400)
        try:
            started = start_run(
                study=study,
                model=model,
                actor=request.user,
                at=timezone.now(),
                only=asked.validated_data.get("cases"),
            )
        except InferenceRefused as error:
            return _refused(str(error))
        if started is None:
            return _refused("Every included case has its result from this model already.", 200)
        return Response(_said(started), status=201)


class RunView(APIView):
    """One run."""

    @extend_schema(responses=RunSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """How far it is."""
        return Response(_said(access_study_run(user=request.user, slug=slug, number=number)))


class RunActView(APIView):
    """Pause, resume, stop or retry."""

    @extend_schema(request=None, responses={200: RunSerializer, 409: RefusalSerializer})
    def post(self, request: Request, slug: str, number: int, act: str) -> Response:
        """Do it, and say how the run stands then."""
        study_run = access_study_run(user=request.user, slug=slug, number=number)
        if act not in _ACTS:
            raise Http404
        try:
            _ACTS[act](study_run=study_run, actor=request.user, at=timezone.now())
        except InferenceRefused as error:
            return _refused(str(error))
        return Response(_said(study_run))
