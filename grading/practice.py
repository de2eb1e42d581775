"""
Training and calibration before reading: what the protocol asks, how far a reader is, and which case is next.

Practice showings have the session 0 and cases of the status `practice`, which nothing else ever looks at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from grading.models import Read
from grading.sessions import current_reading, submitted_read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, PracticeCase, PracticeTry, ReaderStudy, StudyRole

TRAINING, CALIBRATION = PracticeCase.Use.TRAINING.value, PracticeCase.Use.CALIBRATION.value
SESSION = 0
# Running numbers of practice showings lie above those of the study's cases, which count on without them.
NUMBERS_FROM = 1_000_000


@dataclass(frozen=True)
class PracticeRules:
    """
    What a protocol asks of a reader before the first case.

    Parameters
    ----------
    kappa : float
        The mark: weighted kappa of the reader's grades against the reference.
    on_each : bool
        Whether every finding must reach the mark, or their mean.
    """

    n_training: int = 0
    n_calibration: int = 0
    kappa: float = 0.0
    on_each: bool = True
    tries: int = 1

    @property
    def asks(self) -> bool:
        return bool(self.n_training or self.n_calibration)

    @classmethod
    def of(cls, reading: "Any") -> "PracticeRules":
        """Read the rules of a protocol's section `reading`."""
        training, calibration = reading.get("training") or {}, reading.get("calibration") or {}
        mark = calibration.get("pass", {})
        return cls(
            n_training=int(training.get("cases", 0)),
            n_calibration=int(calibration.get("cases", 0)),
            kappa=float(mark.get("weighted_kappa", 0)),
            on_each=mark.get("on", "each finding") == "each finding",
            tries=int(calibration.get("tries", 1)),
        )


@dataclass(frozen=True)
class PracticeState:
    """How far one reader is."""

    rules: PracticeRules
    tries: tuple[PracticeTry, ...]

    def _of(self, use: str) -> list[PracticeTry]:
        return [each for each in self.tries if each.use == use]

    @property
    def is_trained(self) -> bool:
        return not self.rules.n_training or any(each.finished_at for each in self._of(TRAINING))

    @property
    def has_passed(self) -> bool:
        return not self.rules.n_calibration or any(each.passed for each in self._of(CALIBRATION))

    @property
    def may_start(self) -> bool:
        """Whether the cases of the study may be read."""
        return self.is_trained and self.has_passed

    @property
    def running(self) -> PracticeTry | None:
        """The try that is under way."""
        return next((each for each in self.tries if each.finished_at is None), None)

    @property
    def n_failed(self) -> int:
        return sum(each.passed is False for each in self._of(CALIBRATION))

    @property
    def tries_left(self) -> int:
        return max(self.rules.tries - self.n_failed, 0)

    @property
    def next_use(self) -> str:
        """What can be begun now: ``training``, ``calibration`` or "" (nothing, or something runs)."""
        if self.running is not None or self.may_start:
            return ""
        if not self.is_trained:
            return TRAINING
        return CALIBRATION if self.tries_left else ""


def practice_state(study: ReaderStudy, user: User) -> PracticeState:
    """Return how far a reader is; asks nothing of the database where the protocol asks nothing of readers."""
    rules = PracticeRules.of(current_reading(study))
    tries = (
        tuple(PracticeTry.objects.filter(study=study, user=user).order_by("started_at", "pk"))
        if rules.asks
        else ()
    )
    return PracticeState(rules, tries)


def practice_cases(study: ReaderStudy, use: str) -> "QuerySet[PracticeCase]":
    """Return the cases of a study for one use."""
    return PracticeCase.objects.filter(
        case__study=study, case__status=Case.Status.PRACTICE, use=use
    ).order_by("case__pseudonym")


def is_practice(assignment: Assignment) -> bool:
    """Return whether a showing is for training or calibration."""
    return assignment.session == SESSION


def showings_of(given: PracticeTry) -> "QuerySet[Assignment]":
    """Return the showings of a try in their order."""
    return (
        Assignment.objects.filter(
            study=given.study_id,
            user=given.user_id,
            session=SESSION,
            occasion=given.number,
            case__practice__use=given.use,
            withdrawn_at__isnull=True,
        )
        .select_related("case__practice", "study", "user", "duty")
        .order_by("position")
    )


def next_showing(given: PracticeTry) -> Assignment | None:
    """Return the case to read next in a try."""
    return showings_of(given).filter(~submitted_read()).first()


def try_of(assignment: Assignment) -> PracticeTry:
    """Return the try that a practice showing belongs to."""
    return PracticeTry.objects.select_related("study").get(
        study=assignment.study_id,
        user=assignment.user_id,
        use=assignment.case.practice.use,
        number=assignment.occasion,
    )


def practice_door(*, reader: User, assignment: object) -> Assignment | None:
    """Return a reader's own practice showing whose turn it is, or that was begun; None in every other case."""
    found = (
        Assignment.objects.select_related("study", "case__image_set", "case__practice", "duty", "user")
        .filter(
            public_id=assignment,
            user=reader,
            session=SESSION,
            withdrawn_at__isnull=True,
            study__state=ReaderStudy.State.OPEN,
            case__status=Case.Status.PRACTICE,
        )
        .first()
    )
    if found is None:
        return None
    active = StudyRole.objects.filter(
        study=found.study, user=reader, is_reader=True, paused_at=None, left_at=None
    )
    if not active.exists():
        return None
    if Read.objects.filter(assignment=found, superseded_at__isnull=True).exists():
        return found
    following = next_showing(try_of(found))
    return found if following is not None and following.pk == found.pk else None


@dataclass(frozen=True)
class PracticePlace:
    """Where a practice case stands in its try."""

    use: str
    number: int
    n_cases: int
    n_submitted: int


def place_of(assignment: Assignment) -> PracticePlace:
    """Return the place of a showing in its try, counted from 1."""
    given = try_of(assignment)
    keys = list(showings_of(given).values_list("pk", flat=True))
    done = showings_of(given).filter(submitted_read()).count()
    return PracticePlace(given.use, keys.index(assignment.pk) + 1, len(keys), done)


def codes_of_readers(study: ReaderStudy) -> Sequence[StudyRole]:
    """Return the readers of a study by code."""
    return list(StudyRole.objects.filter(study=study, is_reader=True).select_related("user").order_by("code"))
