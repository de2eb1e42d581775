"""How far a run has come, for the page that shows it. It holds no probability."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from inference.engine.specification import OutputSchema
from inference.models import InferenceRun, StudyRun
from readerstudy.core.models import Job

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
