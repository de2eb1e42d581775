"""One case with everybody it needs, for the tests of what is done to it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from grading.models import Read
from grading.services.reading import submit_read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy
from tests import factories

AT = factories.AT
LATER = AT + timedelta(minutes=5)


@dataclass
class Desk:
    """A study with one case on the desk."""

    study: ReaderStudy
    case: Case
    first_reader: User
    second_reader: User
    first: Assignment
    second: Assignment
    adjudicator: Assignment
    panel: list[Assignment]

    @property
    def document(self) -> Any:
        return self.study.protocols.order_by("-version")[0].document

    def submitted(self, assignment: Assignment, grade: int = 1, **items: Any) -> Read:
        """Read and submit: one grade everywhere, but for the items named."""
        answers = factories.all_grades(self.document, grade)
        answers.update({tuple(key.split("|")): value for key, value in items.items()})
        read = factories.read(of=assignment, grades=answers)
        return submit_read(read_id=read.pk, at=AT)

    def both_submitted(self, **second: Any) -> tuple[Read, Read]:
        """Submit both reads: they agree but for the second reader's items named."""
        return self.submitted(self.first), self.submitted(self.second, **second)


def saving(item: tuple[str, str] | str, answer: Any = 1, *, base: str = "", **more: Any) -> dict[str, Any]:
    """Return a save as a browser sends it."""
    structure, finding = item.split("|") if isinstance(item, str) else item
    given = {"kind": "grade", "grade": answer} if isinstance(answer, int) else dict(answer)
    return {
        "key": str(uuid.uuid4()),
        "structure": structure,
        "finding": finding,
        "base": base,
        **given,
        **more,
    }


def make_desk(*, members: int = 1, source: str = "", **changes: Any) -> Desk:
    """Make a desk with a protocol's text; `changes` are those of `factories.facet_source`."""
    study = factories.reader_study(source=source or (factories.facet_source(**changes) if changes else ""))
    case = factories.case(study=study)
    role = lambda *names: factories.study_role(*names, study=study).user  # noqa: E731
    first, second = role("reader"), role("reader")
    duty = lambda person, kind: factories.assignment(of=case, person=person, duty=kind)  # noqa: E731
    return Desk(
        study=study,
        case=case,
        first_reader=first,
        second_reader=second,
        first=duty(first, CaseDuty.Duty.READER),
        second=duty(second, CaseDuty.Duty.READER),
        adjudicator=duty(role("adjudicator"), CaseDuty.Duty.ADJUDICATOR),
        panel=[duty(role("panel"), CaseDuty.Duty.PANEL) for _ in range(members)],
    )


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


@pytest.fixture
def make(db: None) -> Callable[..., Desk]:
    return make_desk
