"""Reads on models and runs. What a page may show holds no probability; `predictions_of` is for `analysis`."""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from django.db.models import Count, QuerySet

from inference.engine.specification import OutputSchema
from inference.models import (
    HeatMap,
    InferenceRun,
    ModelVersion,
    PredictedLesion,
    Prediction,
    StudyModel,
    StudyRun,
)
from readerstudy.core.models import Job
from readerstudy.studies.models import Case, ReaderStudy

WAITING, NOW, DONE, IN_PART, FAILED, REFUSED, HELD = (
    "waiting",
    "now",
    "done",
    "in-part",
    "failed",
    "refused",
    "held",
)


@dataclass(frozen=True)
class CaseState:
    """One case of a run: how it stands, and why where it was not graded in full."""

    case: str
    state: str
    reason: str = ""
    n_left_out: int = 0


@dataclass(frozen=True)
class StageTime:
    """Median seconds of one stage of the work on a case, and its share."""

    stage: str
    milliseconds: int
    share: float


@dataclass(frozen=True)
class PlaceRow:
    """How sure the localiser is of one level's joints in the case drawn for a look. Not a grade."""

    level: str
    certainties: tuple[float | None, ...]


@dataclass(frozen=True)
class RunProgress:
    """A run as its page shows it; primitives only."""

    number: int
    model: str
    model_digest: str
    is_synthetic: bool
    started_at: datetime
    paused: bool
    stopped: bool
    cases: tuple[CaseState, ...]
    n_total: int
    n_done: int
    n_in_part: int
    n_refused: int
    n_failed: int
    n_now: int
    n_waiting: int
    n_held: int
    cases_per_minute: float | None
    seconds_left: int | None
    stages: tuple[StageTime, ...] = ()
    seconds_per_case: float | None = None
    n_automatic: int = 0
    n_corrected: int = 0
    places: tuple[PlaceRow, ...] = ()
    places_case: str = ""
    notes: tuple[tuple[str, int], ...] = ()

    @property
    def is_finished(self) -> bool:
        return not (self.n_now or self.n_waiting)

    @property
    def n_ended(self) -> int:
        return self.n_done + self.n_in_part + self.n_refused

    @property
    def to_look_at(self) -> tuple[CaseState, ...]:
        """Cases with something to say about them."""
        return tuple(case for case in self.cases if case.reason)


_STAGES = ("read", "locate", "crop", "grade")


def run_progress(study_run: StudyRun) -> RunProgress:
    """How far a run is, from the rows of its cases and their jobs."""
    runs = list(study_run.runs.select_related("case").order_by("case__pseudonym", "pk"))
    jobs = {job.public_id: job for job in Job.objects.filter(public_id__in=[run.job_id for run in runs])}
    cases = tuple(_case_state(run, jobs.get(run.job_id), study_run) for run in runs)
    count = {
        state: sum(case.state == state for case in cases)
        for state in (WAITING, NOW, DONE, IN_PART, FAILED, REFUSED, HELD)
    }
    ended = sorted(run.finished_at for run in runs if run.finished_at is not None)
    speed = None
    if len(ended) >= 2 and (ended[-1] - ended[0]).total_seconds() > 0:
        recent = ended[-50:]
        span = (recent[-1] - recent[0]).total_seconds()
        speed = 60 * (len(recent) - 1) / span if span > 0 else None
    left = count[WAITING] + count[NOW]
    stages, per_case = _stages(runs)
    places, places_case = _places(runs)
    return RunProgress(
        number=study_run.number,
        model=str(study_run.model),
        model_digest=study_run.model.short_digest,
        is_synthetic=study_run.model.is_synthetic,
        started_at=study_run.started_at,
        paused=study_run.paused_at is not None,
        stopped=study_run.stopped_at is not None,
        cases=cases,
        n_total=len(cases),
        n_done=count[DONE],
        n_in_part=count[IN_PART],
        n_refused=count[REFUSED],
        n_failed=count[FAILED],
        n_now=count[NOW],
        n_waiting=count[WAITING],
        n_held=count[HELD],
        cases_per_minute=round(speed, 1) if speed else None,
        seconds_left=round(60 * left / speed) if speed and left else None,
        stages=stages,
        seconds_per_case=per_case,
        n_automatic=sum(run.input_points == "automatic" for run in runs),
        n_corrected=sum(run.input_points == "corrected" for run in runs),
        places=places,
        places_case=places_case,
        notes=tuple(sorted(Counter(note for run in runs for note in set(run.notes)).items())),
    )


def _case_state(run: InferenceRun, job: Job | None, study_run: StudyRun) -> CaseState:
    name = run.case.pseudonym
    if run.state == InferenceRun.State.DONE:
        return CaseState(name, DONE)
    if run.state == InferenceRun.State.IN_PART:
        by_reason: dict[str, list[str]] = {}
        for structure, reason in run.left_out.items():
            by_reason.setdefault(reason, []).append(structure)
        text = "; ".join(f"{', '.join(sorted(names))}: {why}" for why, names in sorted(by_reason.items()))
        return CaseState(name, IN_PART, text, len(run.left_out))
    if run.state == InferenceRun.State.REFUSED:
        return CaseState(name, REFUSED, run.refusal_reason)
    if job is None:
        return CaseState(name, WAITING)
    if job.state == Job.State.FAILED:
        return CaseState(name, FAILED, f"{job.error} (tried {job.attempt} times)")
    if job.state == Job.State.CANCELLED:
        return CaseState(name, HELD)
    return CaseState(name, NOW if job.state == Job.State.RUNNING else WAITING)


def _stages(runs: list[InferenceRun]) -> tuple[tuple[StageTime, ...], float | None]:
    timed = [run.seconds for run in runs if "grade" in run.seconds]
    if not timed:
        return (), None
    medians = {stage: median(each.get(stage, 0.0) for each in timed) for stage in _STAGES}
    total = sum(medians.values()) or 1.0
    rows = tuple(StageTime(name, round(1000 * value), value / total) for name, value in medians.items())
    return rows, round(median(sum(each.values()) for each in timed), 2)


def _places(runs: list[InferenceRun]) -> tuple[tuple[PlaceRow, ...], str]:
    """Certainty of the places in one case, the middle one of those that were run: a spot check."""
    with_points = [run for run in runs if run.points or run.pixels]
    if not with_points:
        return (), ""
    run = with_points[len(with_points) // 2]
    best: dict[str, float] = {}
    for points in [*run.points.values(), *run.pixels.values()]:
        for structure, (*_, certainty, _source) in points.items():
            best[structure] = max(best.get(structure, 0.0), certainty)
    levels: dict[str, list[float | None]] = {}
    for structure in OutputSchema.from_json(run.model.manifest["outputs"]).structures:
        levels.setdefault(structure.rsplit("-", 1)[0], []).append(best.get(structure))
    return tuple(PlaceRow(level, tuple(values)) for level, values in levels.items()), run.case.pseudonym


@dataclass(frozen=True)
class FitRow:
    what: str
    fits: bool
    detail: str


@dataclass(frozen=True)
class ModelRow:
    """A model version as the registry shows it."""

    public_id: str
    name: str
    version: str
    digest: str
    state: str
    is_synthetic: bool
    may_run: bool
    golden_difference: float | None
    attached: bool
    fit: tuple[FitRow, ...] = ()
    fits: bool | None = None
    switched_off: tuple[tuple[str, str], ...] = ()


def registry_rows(study: ReaderStudy, fits: dict[int, tuple[FitRow, ...]]) -> list[ModelRow]:
    """All model versions, newest first, with their fit to the study's protocol (`fits` by model id)."""
    attached = set(StudyModel.objects.filter(study=study).values_list("model_id", flat=True))
    rows = []
    for model in ModelVersion.objects.order_by("-registered_at", "-pk"):
        report = fits.get(model.pk, ())
        off = OutputSchema.from_json(model.manifest["outputs"]).switched_off
        rows.append(
            ModelRow(
                public_id=str(model.public_id),
                name=model.name,
                version=model.version,
                digest=model.digest,
                state=model.state,
                is_synthetic=model.is_synthetic,
                may_run=model.may_run,
                golden_difference=model.golden_difference,
                attached=model.pk in attached,
                fit=report,
                fits=all(row.fits for row in report) if report else None,
                switched_off=tuple(off.items()),
            )
        )
    return rows


@dataclass(frozen=True)
class RunRow:
    """A run in the list of runs."""

    number: int
    model: str
    started_at: datetime
    n_total: int
    n_ended: int
    words: str = field(default="")


def run_rows(study: ReaderStudy) -> list[RunRow]:
    """All runs of a study, newest first."""
    runs = (
        StudyRun.objects.filter(study=study)
        .select_related("model")
        .annotate(n_total=Count("runs"))
        .order_by("-number")
    )
    ended = dict(
        InferenceRun.objects.filter(study_run__study=study)
        .exclude(state=InferenceRun.State.WAITING)
        .values_list("study_run")
        .annotate(n=Count("pk"))
    )
    return [
        RunRow(run.number, str(run.model), run.started_at, run.n_total, ended.get(run.pk, 0)) for run in runs
    ]


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
