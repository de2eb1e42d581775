"""What a reader is told of training and calibration, and what the coordinator sees: frozen values."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from grading.blinding import PageFrame, language, words
from grading.models import Read
from grading.practice import (
    CALIBRATION,
    TRAINING,
    PracticeRules,
    codes_of_readers,
    next_showing,
    place_of,
    practice_cases,
    practice_state,
    showings_of,
    try_of,
)
from grading.queues import frame_of
from grading.sessions import current_reading, submitted_read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, PracticeTry, ReaderStudy
from readerstudy.studies.protocols.document import Finding


@dataclass(frozen=True)
class FindingLine:
    """How one's grades of one finding agreed with the reference, over a whole calibration."""

    label: str
    kappa: float | None
    same: int
    n: int
    not_compared: int
    passed: bool


@dataclass(frozen=True)
class TryLine:
    """One try of one's own."""

    use: str
    number: int
    is_running: bool
    passed: bool | None
    findings: tuple[FindingLine, ...]


@dataclass(frozen=True)
class PracticePage:
    """A reader's page of training and calibration."""

    frame: PageFrame
    slug: str
    is_open: bool
    n_training: int
    n_calibration: int
    kappa: float
    on_each: bool
    n_tries: int
    tries_left: int
    may_start: bool
    next_use: str
    continue_address: str
    n_done: int
    n_running: int
    tries: tuple[TryLine, ...]

    @property
    def last(self) -> TryLine | None:
        return self.tries[-1] if self.tries else None


def practice_page(*, study: ReaderStudy, reader: User) -> PracticePage:
    """Return a reader's own page; of a calibration that runs it tells nothing but how many cases are read."""
    state = practice_state(study, reader)
    rules = state.rules
    address, n_done, n_running = "", 0, 0
    if state.running is not None:
        showings = showings_of(state.running)
        n_running, n_done = showings.count(), showings.filter(submitted_read()).count()
        following = next_showing(state.running)
        if following is not None:
            address = reverse("grading:read_case", kwargs={"assignment": following.public_id})
    return PracticePage(
        frame=frame_of(study, reader),
        slug=study.slug,
        is_open=study.state == ReaderStudy.State.OPEN,
        n_training=practice_cases(study, TRAINING).count() if rules.n_training else 0,
        n_calibration=practice_cases(study, CALIBRATION).count() if rules.n_calibration else 0,
        kappa=rules.kappa,
        on_each=rules.on_each,
        n_tries=rules.tries,
        tries_left=state.tries_left,
        may_start=state.may_start,
        next_use=state.next_use,
        continue_address=address,
        n_done=n_done,
        n_running=n_running,
        tries=tuple(_try_line(each) for each in state.tries),
    )


def _try_line(each: PracticeTry) -> TryLine:
    document = each.protocol.document
    return TryLine(
        use=each.use,
        number=each.number,
        is_running=each.finished_at is None,
        passed=each.passed,
        findings=tuple(
            FindingLine(
                label=words(document.finding(row["finding"]).label),
                kappa=row["kappa"],
                same=row["same"],
                n=row["n"],
                not_compared=row["not_compared"],
                passed=row["passed"],
            )
            for row in each.figures
        ),
    )


def after_practice_read(assignment: Assignment) -> str:
    """Return where one goes from a submitted practice case: its feedback, the next case, or the result."""
    if assignment.case.practice.use == TRAINING:
        return reverse("grading:practice_feedback", kwargs={"assignment": assignment.public_id})
    following = next_showing(try_of(assignment))
    if following is None:
        return reverse("grading:practice", kwargs={"slug": assignment.study.slug})
    return reverse("grading:read_case", kwargs={"assignment": following.public_id})


@dataclass(frozen=True)
class FeedbackRow:
    """One item of a training case: one's own answer and the reference."""

    structure: str
    finding: str
    own: str
    reference: str
    differs: bool


@dataclass(frozen=True)
class Feedback:
    """One training case after it was submitted."""

    frame: PageFrame
    slug: str
    number: int
    n_cases: int
    n_same: int
    rows: tuple[FeedbackRow, ...]
    next_address: str
    is_last: bool

    @property
    def n_items(self) -> int:
        return len(self.rows)


def feedback_of(*, assignment: Assignment, read: Read, typed: dict[str, str]) -> Feedback:
    """
    Return a submitted training case beside its reference.

    Parameters
    ----------
    typed : dict
        Words of the typed answers by kind.
    """
    document = read.protocol.document
    reference: dict[str, dict[str, Any]] = assignment.case.practice.reference
    own = {(row.structure, row.finding): row for row in read.ratings.all()}
    rows = []
    for item in document.items:
        truth = reference.get("|".join(item.key))
        mine = own.get(item.key)
        if truth is None or mine is None:
            continue
        given = {"kind": mine.kind, "grade": mine.grade, "value": mine.value}
        rows.append(
            FeedbackRow(
                structure=words(item.structure.label),
                finding=words(item.finding.label),
                own=_said(item.finding, given, typed),
                reference=_said(item.finding, truth, typed),
                differs=given != truth,
            )
        )
    place, following = place_of(assignment), next_showing(try_of(assignment))
    return Feedback(
        frame=frame_of(assignment.study, assignment.user),
        slug=assignment.study.slug,
        number=place.number,
        n_cases=place.n_cases,
        n_same=sum(not row.differs for row in rows),
        rows=tuple(rows),
        next_address=reverse("grading:read_case", kwargs={"assignment": following.public_id})
        if following
        else reverse("grading:practice", kwargs={"slug": assignment.study.slug}),
        is_last=following is None,
    )


def _said(finding: Finding, answer: dict[str, Any], typed: dict[str, str]) -> str:
    if answer["kind"] == "grade":
        grade = finding.grade(answer["grade"])
        return f"{grade.value} {grade.label.in_language(language())}"
    if answer["kind"] == "value":
        return f"{answer['value']:g} {finding.unit}"
    return typed[answer["kind"]]


# --- the coordinator's ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReaderPractice:
    """One reader's state, as the coordinator sees it."""

    code: str
    name: str
    training: str
    tries: tuple[TryLine, ...]
    may_start: bool
    tries_left: int


@dataclass(frozen=True)
class PracticeOffice:
    """The coordinator's page."""

    asks: bool
    n_training_asked: int
    n_calibration_asked: int
    kappa: float
    on_each: bool
    n_tries: int
    training: tuple[str, ...]
    calibration: tuple[str, ...]
    readers: tuple[ReaderPractice, ...]

    @property
    def lacks(self) -> bool:
        return len(self.training) < self.n_training_asked or len(self.calibration) < self.n_calibration_asked


def practice_office(study: ReaderStudy) -> PracticeOffice:
    """Return who has trained and passed. Grades are shown nowhere, agreement of calibrations is."""
    rows = []
    rules = None
    for role in codes_of_readers(study):
        state = practice_state(study, role.user)
        rules = state.rules
        tries = [_try_line(each) for each in state.tries]
        training = next((each for each in tries if each.use == TRAINING), None)
        rows.append(
            ReaderPractice(
                code=role.code,
                name=str(role.user),
                training="" if training is None else "running" if training.is_running else "done",
                tries=tuple(each for each in tries if each.use == CALIBRATION),
                may_start=state.may_start,
                tries_left=state.tries_left,
            )
        )
    rules = rules or PracticeRules.of(current_reading(study))
    return PracticeOffice(
        asks=rules.asks,
        n_training_asked=rules.n_training,
        n_calibration_asked=rules.n_calibration,
        kappa=rules.kappa,
        on_each=rules.on_each,
        n_tries=rules.tries,
        training=_names(study, TRAINING),
        calibration=_names(study, CALIBRATION),
        readers=tuple(rows),
    )


def _names(study: ReaderStudy, use: str) -> tuple[str, ...]:
    return tuple(each.case.pseudonym for each in practice_cases(study, use).select_related("case"))
