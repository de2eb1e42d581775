"""What models said: for `analysis`, which shows it when the design allows it."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from inference.models import HeatMap, InferenceRun, ModelVersion, PredictedLesion, Prediction
from readerstudy.studies.models import Case, ReaderStudy


@dataclass(frozen=True)
class PredictionRow:
    """One prediction, for `analysis` only."""

    case_id: int
    model_id: int
    model_digest: str
    model: str
    version: str
    structure: str
    finding: str
    probabilities: tuple[float, ...]
    input_points: str
    predicted_at: datetime


def predictions_of(study: ReaderStudy, *, model: ModelVersion | None = None) -> Iterator[PredictionRow]:
    """
    Every prediction on a study's cases, in a fixed order.

    Where a case was run more than once by one model version (other pixels, other points, an amended
    protocol), the latest result counts. Read by `analysis` alone; no view of this app calls it.
    """
    by_id = _latest_runs(study, model)
    rows = Prediction.objects.filter(run_id__in=list(by_id)).order_by(
        "run__case_id", "run__model_id", "structure", "finding", "pk"
    )
    for row in rows.iterator(chunk_size=2000):
        run = by_id[row.run_id]
        assert run.finished_at is not None  # noqa: S101  (a database constraint says so)
        yield PredictionRow(
            case_id=run.case_id,
            model_id=run.model_id,
            model_digest=run.model.digest,
            model=run.model.name,
            version=run.model.version,
            structure=row.structure,
            finding=row.finding,
            probabilities=tuple(row.probabilities),
            input_points=run.input_points,
            predicted_at=run.finished_at,
        )


def _latest_runs(study: ReaderStudy, model: ModelVersion | None) -> dict[int, InferenceRun]:
    """The last finished run of each case and model version, by primary key."""
    runs = InferenceRun.objects.filter(
        study_run__study=study, state__in=[InferenceRun.State.DONE, InferenceRun.State.IN_PART]
    ).select_related("model")
    if model is not None:
        runs = runs.filter(model=model)
    latest: dict[tuple[int, int], InferenceRun] = {}
    for run in runs.order_by("finished_at", "pk"):
        latest[run.case_id, run.model_id] = run
    return {run.pk: run for run in latest.values()}


@dataclass(frozen=True)
class LesionRow:
    """One lesion that a model marked, for `analysis` only."""

    case_id: int
    model_digest: str
    model: str
    number: int
    lesion_class: str
    score: float
    frame_of_reference: str
    box: dict[str, float]


def predicted_lesions_of(study: ReaderStudy) -> list[LesionRow]:
    """Every lesion that models marked in a study's cases, as `predictions_of`, in a fixed order."""
    by_id = _latest_runs(study, None)
    rows = PredictedLesion.objects.filter(run_id__in=list(by_id)).order_by(
        "run__case_id", "run__model__digest", "number", "pk"
    )
    return [
        LesionRow(
            case_id=by_id[row.run_id].case_id,
            model_digest=by_id[row.run_id].model.digest,
            model=str(by_id[row.run_id].model),
            number=row.number,
            lesion_class=row.lesion_class,
            score=row.score,
            frame_of_reference=row.frame_of_reference,
            box=row.box,
        )
        for row in rows
    ]


@dataclass(frozen=True)
class HeatMapRow:
    """
    Where a model looked in one series of a case, for `analysis` only.

    `items` are ``{"structure", "finding", "affine"}``; `values` has `shape` bytes for each of them.
    """

    kind: str
    method: str
    series_uid: str
    frame_of_reference: str
    shape: tuple[int, int, int]
    cell_mm: tuple[float, float, float]
    items: tuple[dict[str, object], ...]
    values: bytes


def _heat_rows(case: Case, model_digest: str) -> QuerySet[HeatMap]:
    """Heat maps of a model version's last finished run of a case."""
    run = (
        InferenceRun.objects.filter(
            case=case,
            model__digest=model_digest,
            state__in=[InferenceRun.State.DONE, InferenceRun.State.IN_PART],
        )
        .order_by("-finished_at", "-pk")
        .first()
    )
    return HeatMap.objects.filter(run=run) if run else HeatMap.objects.none()


def has_heat_maps(case: Case, *, model_digest: str) -> bool:
    """Whether a model version said where it looked in a case."""
    return _heat_rows(case, model_digest).exists()


def heat_maps_of(case: Case, *, model_digest: str) -> list[HeatMapRow]:
    """Heat maps of a model version's last finished run of a case; empty where it made none."""
    return [
        HeatMapRow(
            kind=row.kind,
            method=row.method,
            series_uid=row.series_uid,
            frame_of_reference=row.frame_of_reference,
            shape=tuple(row.shape),
            cell_mm=tuple(row.cell_mm),
            items=tuple(row.items),
            values=zlib.decompress(row.values),
        )
        for row in _heat_rows(case, model_digest).order_by("kind")
    ]
