"""Two complete small studies over the shipped facet protocol, so that crossing from one to the other is tested."""

from dataclasses import dataclass, field

from django.urls import reverse

from grading.models import Discordance
from grading.services.adjudication import settle_item
from grading.services.panel import review_case
from grading.services.reading import submit_read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy
from tests import factories

# Role of a person -> the StudyRole field, without "is_".
PEOPLE = {
    "first_reader": "reader",
    "second_reader": "reader",
    "adjudicator": "adjudicator",
    "panel_member": "panel",
    "coordinator": "coordinator",
    "investigator": "investigator",
    "auditor": "auditor",
}
DISPUTED = ("L4-5-right", "narrowing"), ("L4-5-right", "cyst"), ("L5-S1-left", "erosion")
# The states that a case of the study is in, in each reader's order.
CASES = ("confirmed", "to_confirm", "disputed", "in_progress", "unread")


@dataclass
class CompleteStudy:
    """A study with everybody in it, and one case in each state of the way."""

    study: ReaderStudy
    people: dict[str, User]
    cases: dict[str, Case] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def assignment(self, role: str, case: str) -> Assignment:
        """Return a person's assignment to the case in that state."""
        return Assignment.objects.filter(user=self.people[role], case=self.cases[case]).order_by("pk")[0]

    def page(self, name: str, role: str = "", case: str = "") -> str:
        """Return an address: of a study's page, or of the assignment of a person."""
        if case:
            return reverse(name, kwargs={"assignment": self.assignment(role, case).public_id})
        return reverse(name, kwargs={"slug": self.study.slug})


@dataclass(frozen=True)
class TwoStudies:
    """The study under test and the other one, alike but for the people."""

    one: CompleteStudy
    other: CompleteStudy

    def person(self, role: str) -> User | None:
        """Return who a row of a role table means; ``..._of_other_study`` is of the other one."""
        if role == "anonymous":
            return None
        if role.endswith("_of_other_study"):
            return self.other.people[role.removesuffix("_of_other_study")]
        return self.one.people[role]


ROLES = ("anonymous", *PEOPLE, *(f"{role}_of_other_study" for role in PEOPLE))


def complete_study(slug: str, *, source: str = "", **study_fields: object) -> CompleteStudy:
    """
    Make a study with two readers, an adjudicator, a panel member and the office.

    Its cases: `confirmed`; `to_confirm` (settled, without the panel's vote); `disputed` (both reads
    submitted, three items open); `in_progress` (begun by both readers); `unread`.
    """
    study = factories.reader_study(slug=slug, source=source, **study_fields)
    people = {}
    for name, role in PEOPLE.items():
        people[name] = factories.user(f"{slug}-{name.replace('_', '-')}")
        factories.study_role(role, study=study, person=people[name], code=f"{role[0].upper()}{len(people)}")
    made = CompleteStudy(study, people)
    for state in CASES:
        case = factories.case(study=study)
        made.cases[state] = case
        readings = [
            factories.assignment(of=case, person=people[name]) for name in ("first_reader", "second_reader")
        ]
        settling = factories.assignment(of=case, person=people["adjudicator"], duty=CaseDuty.Duty.ADJUDICATOR)
        confirming = factories.assignment(of=case, person=people["panel_member"], duty=CaseDuty.Duty.PANEL)
        if state == "unread":
            continue
        _read(readings, state)
        if state in {"confirmed", "to_confirm"}:
            for item in Discordance.objects.filter(case=case):
                settle_item(
                    assignment=settling,
                    structure=item.structure,
                    finding=item.finding,
                    choice="A",
                    given=None,
                    reason_code="",
                    at=factories.AT,
                )
        if state == "confirmed":
            review_case(assignment=confirming, overruled=[], at=factories.AT)
    return made


def _read(readings: list[Assignment], state: str) -> None:
    """Give both readers their answers: they differ on the three disputed items only."""
    document = readings[0].study.protocols.order_by("-version")[0].document
    for place, assignment in enumerate(readings):
        grades = factories.all_grades(document, 1)
        for item in DISPUTED:
            grades[item] = place
        if state == "in_progress":
            grades = dict(list(grades.items())[:20])
        read = factories.read(of=assignment, grades=grades)
        if state != "in_progress":
            submit_read(read_id=read.pk, at=factories.AT)


def two_complete_studies() -> TwoStudies:
    return TwoStudies(complete_study("one"), complete_study("other"))
