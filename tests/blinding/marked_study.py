"""A detection study in the hands of the same people, with canaries in every mark: its place and its name."""

from dataclasses import dataclass, field
from uuid import uuid4

from grading.models import Mark, MarkDiscordance, ReferenceMark
from grading.services.marks import settle_mark
from grading.services.reading import submit_read
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy
from tests import factories
from tests.blinding.planting import Planted
from tests.factories.protocols import LESION, small_source

SEES = {
    # Who may see a mark of a reader, by the state of its case.
    "in_progress": (),
    "disputed": ("adjudicator",),
    # Settled: gone from the adjudicator's page; the lesion is the panel's to confirm.
    "to_confirm": ("panel_member",),
}


@dataclass
class MarkedStudy:
    """The study and what the places of an address can be in it."""

    study: ReaderStudy
    cases: dict[str, Case] = field(default_factory=dict)
    showings: dict[tuple[str, str], Assignment] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, list[str]]:
        return {
            "slug": [self.study.slug],
            "assignment": [str(each.public_id) for each in self.showings.values()],
            "presentation": [
                str(each.presentation) for (case, _), each in self.showings.items() if case == "in_progress"
            ],
            "case": [str(self.cases["in_progress"].public_id)],
        }


def plant_marks(planted: Planted) -> MarkedStudy:
    """Make the study and plant its canaries among those of the graded studies."""
    source = small_source(
        findings=(),
        marks=[LESION],
        adjudication={"audit_fraction": 0, "third_read_first": False},
        case_questions=None,
        reference={"quorum": 1},
    )
    made = MarkedStudy(factories.reader_study(slug="marks", source=source))
    for role, name in (
        ("reader", "first_reader"),
        ("reader", "second_reader"),
        ("adjudicator", "adjudicator"),
        ("panel", "panel_member"),
    ):
        factories.study_role(role, study=made.study, person=planted.one.people[name])
    number = 0
    for state, others in SEES.items():
        case = made.cases[state] = factories.case(study=made.study)
        for name, duty in (
            ("first_reader", CaseDuty.Duty.READER),
            ("second_reader", CaseDuty.Duty.READER),
            ("adjudicator", CaseDuty.Duty.ADJUDICATOR),
            ("panel_member", CaseDuty.Duty.PANEL),
        ):
            made.showings[state, name] = factories.assignment(
                of=case, person=planted.one.people[name], duty=duty
            )
        planted.canaries.plant_uuid(case.public_id, "public id of a case with marks")
        planted.canaries.plant(case.pseudonym, "code of a case with marks")
        reads = []
        for name in ("first_reader", "second_reader"):
            number += 1
            reads.append(factories.read(of=made.showings[state, name]))
            _plant_mark(planted, reads[-1], name, number, state, others)
        if state != "in_progress":
            for read in reads:
                submit_read(read_id=read.pk, at=factories.AT)
    _settle(made, planted)
    return made


def _plant_mark(
    planted: Planted, read: object, name: str, number: int, state: str, others: tuple[str, ...]
) -> None:
    """Give a reader one mark, far from the other's, whose place nobody else's has."""
    corner = 731.03 + 100 * number
    mark = factories.mark(
        of=read,
        mark_id=uuid4(),
        points_px=[[corner, corner], [corner + 5, corner + 5]],
        points_mm=None,
        box={"min_mm": [corner] * 3, "max_mm": [corner + 5] * 3},
    )
    # A lesion that was kept goes on to the panel; what was not, to nobody.
    allowed = (name, *others) if state != "to_confirm" or name == "first_reader" else (name,)
    planted.canaries.plant(f"{corner:.2f}", f"place of a mark of {name}, {state}", *allowed)
    planted.canaries.plant_uuid(mark.mark_id, f"id of a mark of {name}", name)


def _settle(made: MarkedStudy, planted: Planted) -> None:
    """Keep the first reader's lesion of the case to confirm, and not the second's."""
    case = made.cases["to_confirm"]
    for item in MarkDiscordance.objects.filter(case=case):
        mark = Mark.objects.get(pk=next(pk for pk in item.order if pk))
        is_firsts = mark.read.reader == planted.one.people["first_reader"]
        settle_mark(
            assignment=made.showings["to_confirm", "adjudicator"],
            item=str(item.public_id),
            choice="own",
            given={"grade": 1 if is_firsts else 0},
            reason_code="",
            at=factories.AT,
        )
    lesion = ReferenceMark.objects.get(case=case)
    planted.canaries.plant_uuid(lesion.lesion_id, "id of a lesion of the reference", "panel_member")
    for item in MarkDiscordance.objects.filter(case=made.cases["disputed"]):
        planted.canaries.plant_uuid(item.public_id, "id of a disputed mark", "adjudicator")
