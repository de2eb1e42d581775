"""The bars of a reading-room page, and where one goes from it."""

from dataclasses import dataclass

from django.urls import reverse

from grading.blinding.clinical import ClinicalFact, clinical_facts
from grading.practice import is_practice
from readerstudy.studies.models import Assignment, CaseDuty
from readerstudy.studies.navigation import protocol_title
from readerstudy.studies.protocols.document import ProtocolDocument


@dataclass(frozen=True)
class PageFrame:
    """The bars of a reading-room page."""

    title: str
    is_demonstration: bool
    protocol_version: int
    protocol_digest: str
    person_code: str
    # Beside images alone; a list has none.
    clinical: tuple[ClinicalFact, ...] = ()


def page_frame(assignment: Assignment, code: str, document: ProtocolDocument) -> PageFrame:
    """Return the bars of a page with images; `document` is the version that the page's answers are pinned to."""
    protocol = assignment.study.protocols.order_by("-version").first()
    assert protocol is not None  # noqa: S101  (a study is made with its protocol)
    return PageFrame(
        title=protocol_title(assignment.study),
        is_demonstration=assignment.study.is_demonstration,
        protocol_version=protocol.version,
        protocol_digest=protocol.short_digest,
        person_code=code,
        clinical=clinical_facts(document, assignment.case.clinical),
    )


def worklist_address(assignment: Assignment) -> str:
    """Return where one goes from a case: the worklist of a reader, or of a panel member who reads, or practice."""
    if is_practice(assignment):
        return reverse("grading:practice", kwargs={"slug": assignment.study.slug})
    name = "panel_list" if assignment.duty.duty == CaseDuty.Duty.PANEL else "worklist"
    return reverse(f"grading:{name}", kwargs={"slug": assignment.study.slug})
