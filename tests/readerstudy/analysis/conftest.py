"""Studies for the tests of analysis."""

from datetime import UTC, datetime

import pytest

from readerstudy.analysis import tasks  # noqa: F401  (registers the work)
from readerstudy.analysis.models import ImportedLesion, ImportedMark
from readerstudy.analysis.selectors import data_hash, predictions_hash
from readerstudy.analysis.services.locking import lock, unblind
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import Case
from tests.factories.finished_study import FinishedStudy, finished_study

NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


def unblinded(made: FinishedStudy) -> FinishedStudy:
    """Lock and unblind a study and compute its first snapshot."""
    study = lock(
        study=made.study, actor=made.coordinator, signed_digest=data_hash(made.study), reason="", at=NOW
    )
    made.study = unblind(
        study=study, actor=made.investigator, signed_digest=predictions_hash(study), reason="", at=NOW
    )
    for job in Job.objects.filter(kind="analysis.snapshot", state=Job.State.QUEUED):
        done = run_job(job.pk)
        assert done is not None
        assert done.state == Job.State.DONE, done.error
    return made


def with_marks(made: FinishedStudy, prefix: str = "") -> FinishedStudy:
    """Give the first half of the cases a lesion each, and let two readers and a model mark every other case."""
    cases = list(Case.objects.filter(study=made.study).order_by("pseudonym"))
    for case in cases[: len(cases) // 2]:
        ImportedLesion.objects.create(case=case, lesion="L1", lesion_class=f"{prefix}node")
    for place, case in enumerate(cases):
        for number, (by, is_model) in enumerate((("R1", False), ("R2", False), ("marker 1", True))):
            ImportedMark.objects.create(
                case=case,
                by=by,
                is_model=is_model,
                condition="unaided",
                mark="m1",
                shape="point",
                confidence=10.0 * ((place * 7 + number * 3) % 9),
                lesion="L1" if place < len(cases) // 2 and (place + number) % 3 else "",
            )
    return made


@pytest.fixture
def open_study_ready(db):
    """An open study in which everything is read, settled and confirmed."""
    return finished_study()


@pytest.fixture
def study_with_results(db):
    """An unblinded study with a computed snapshot: two readers who made the reference, and a model."""
    return unblinded(finished_study())


@pytest.fixture
def study_with_comparison_readers(db):
    """An unblinded study with two readers who took no part in the reference, and an external centre."""
    return unblinded(
        finished_study(
            slug="compared", n_patients=48, comparison_readers=2, centres=(("A", False), ("B", True)),
            prefix="compared_",
        )
    )  # fmt: skip
