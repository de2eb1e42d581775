"""The clinical data of a case that the protocol shows beside its images, and no other."""

from collections.abc import Mapping
from dataclasses import dataclass

from grading.blinding.protocol import words
from readerstudy.studies.protocols.document import ProtocolDocument


@dataclass(frozen=True)
class ClinicalFact:
    """
    One value in the page's language.

    value : "" where nothing is stated, or nothing that the protocol allows.
    """

    column: str
    label: str
    value: str
    unit: str


def clinical_facts(document: ProtocolDocument, given: Mapping[str, str]) -> tuple[ClinicalFact, ...]:
    """Return what a protocol shows of a case's clinical data, in the protocol's order."""
    return tuple(
        ClinicalFact(
            column=datum.id,
            label=words(datum.label),
            value=words(datum.value_of(given.get(datum.id, ""))),
            unit=words(datum.unit),
        )
        for datum in document.clinical_context
    )
