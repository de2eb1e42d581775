"""A study whose protocol asks readers to train and to be calibrated, with practice cases and one case to read."""

import csv
import io
from typing import Any

from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.practice import COLUMNS, take_practice_cases
from tests import factories
from tests.factories.protocols import small_source

TRUTH = {"training": 1, "calibration": (0, 1, 1)}


def practice_source(**reading: Any) -> str:
    return small_source(
        findings=("narrowing", "cyst"),
        reading={
            "training": {"cases": 2},
            "calibration": {"cases": 3, "pass": {"weighted_kappa": 0.6, "on": "each finding"}, "tries": 2},
            **reading,
        },
    )


def truth_of(case: Case) -> dict[tuple[str, str], int]:
    """Return the reference's grade of each item of a practice case."""
    return {tuple(key.split("|")): said["grade"] for key, said in case.practice.reference.items()}


def table(study: ReaderStudy, uses: dict[str, str]) -> str:
    """Return a reference table: grades that vary from case to case, so that agreement can be judged."""
    document = study.protocols.order_by("-version")[0].document
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for place, (name, use) in enumerate(uses.items()):
        for n, item in enumerate(document.items):
            writer.writerow([name, use, *item.key, (place + n // 2) % 2])
    return text.getvalue()


def practice_study(*, slug: str = "", **reading: Any) -> ReaderStudy:
    """Make the study; its practice cases are T1, T2 and K1 to K3, and every reader has one case assigned."""
    slug = slug or f"practice-{factories.next_number()}"
    study = factories.reader_study(source=practice_source(**reading), slug=slug)
    for role in ("first_reader", "second_reader", "coordinator"):
        held = "coordinator" if role == "coordinator" else "reader"
        factories.study_role(held, study=study, person=factories.user(f"{slug}-{role.replace('_', '-')}"))
    uses = {"T1": "training", "T2": "training", "K1": "calibration", "K2": "calibration", "K3": "calibration"}
    for name in uses:
        factories.case(study=study, pseudonym=name, status="imported")
    take_practice_cases(study=study, table=table(study, uses), actor=None, at=factories.AT)
    own = factories.case(study=study, pseudonym="own-case")
    for person in study.roles.filter(is_reader=True):
        factories.assignment(of=own, person=person.user)
    return study
