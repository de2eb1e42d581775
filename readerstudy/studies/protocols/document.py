"""
A protocol as frozen values.

Everything that a page, a service or an analysis asks of a protocol is asked here; nobody else reads
the YAML. Grades are places on a finding's scale, 0 the least.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

DEFAULT_LANGUAGE = "en"
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True)
class Text:
    """A label in one or more languages; English is always there."""

    languages: Mapping[str, str]

    def in_language(self, language: str) -> str:
        """Return the text in `language` (``zh-hans``), else in English."""
        return self.languages.get(language.lower()) or self.languages[DEFAULT_LANGUAGE]

    def __str__(self) -> str:
        return self.languages[DEFAULT_LANGUAGE]


@dataclass(frozen=True)
class Structure:
    """One place that is graded, such as the right facet joint L4/5."""

    id: str
    label: Text
    group: str
    group_label: Text
    side: str  # "right", "left" or "" where the protocol has no sides


@dataclass(frozen=True)
class Grade:
    """One grade of a scale."""

    value: int
    label: Text
    hint: Text | None
    source: Text | None
    picture: str


@dataclass(frozen=True)
class AgreementRule:
    """
    When two grades need no adjudicator, and which value is then kept.

    kind : ``exact``, ``within`` (grades or values at most `within` apart) or ``same-side`` (of the cut).
    keep : ``lower``, ``higher`` or ``median``; empty for ``exact``, required otherwise.
    """

    kind: str
    within: float = 0
    keep: str = ""


@dataclass(frozen=True)
class Finding:
    """
    One thing that is graded, or measured, at each structure.

    at : ids of the structures where it is asked; empty means everywhere.
    measure : the viewer's tool whose value can be taken over, "" where it is typed alone.
    """

    id: str
    label: Text
    short: Text
    definition: Text
    kind: str  # ordinal, nominal, binary, continuous
    scale: tuple[Grade, ...]
    cut: int
    agreement: AgreementRule
    assessable_on: tuple[str, ...]
    typed: tuple[str, ...]
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    at: tuple[str, ...] = ()
    measure: str = ""

    def is_asked_at(self, structure_id: str) -> bool:
        return not self.at or structure_id in self.at

    @property
    def n_grades(self) -> int:
        return len(self.scale)

    def grade(self, value: int) -> Grade:
        return self.scale[value]


@dataclass(frozen=True)
class MarkKind:
    """
    Something that is marked on the images.

    shape : ``box3d`` (over several images), ``box``, ``point``, ``ellipse``, ``polygon`` or ``line``.
    match, limit : ``centre-in-box``; ``iou`` of at least `limit`; ``distance`` of centres of at most `limit` mm.
    keep : the place kept of matched marks, ``union``, ``mean`` or ``first``.
    """

    id: str
    label: Text
    shape: str
    classes: tuple[tuple[str, Text], ...]
    has_confidence: bool
    match: str
    limit: float
    keep: str


@dataclass(frozen=True)
class ClinicalDatum:
    """
    A clinical value of the case that is shown beside its images.

    id : the column of the coordinator's table.
    kind : ``number`` between `minimum` and `maximum`, or ``choice`` of its options. Never a free text.
    """

    id: str
    label: Text
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    unit: Text | None = None
    options: tuple[tuple[str, Text], ...] = ()

    def value_of(self, given: str) -> Text | None:
        """Return a value as it is shown; None where it is neither such a number nor one of the options."""
        if self.kind == "choice":
            return dict(self.options).get(given)
        if not _PLAIN_NUMBER.fullmatch(given):
            return None
        number = float(given)
        if (self.minimum is not None and number < self.minimum) or (
            self.maximum is not None and number > self.maximum
        ):
            return None
        return Text({DEFAULT_LANGUAGE: f"{number:g}"})


@dataclass(frozen=True)
class CaseQuestion:
    """
    A question about the whole case.

    kind : ``choice`` of its options, ``text``, or ``exclusion``: the reader proposes one of the protocol's
    criteria, which are its options.
    """

    id: str
    label: Text
    kind: str
    options: tuple[tuple[str, Text], ...]
    required: bool


@dataclass(frozen=True)
class DerivedGrade:
    """A grade that follows from the findings of one structure by a table of implications."""

    id: str
    label: Text
    n_grades: int
    implies: Mapping[str, tuple[int, ...]]  # finding id -> implied grade per grade of the finding

    def of(self, grades: Mapping[str, int]) -> int | None:
        """Return the highest implied grade, or None where no finding has a grade."""
        implied = [self.implies[name][grade] for name, grade in grades.items() if name in self.implies]
        return max(implied) if implied else None


@dataclass(frozen=True)
class Item:
    """Finding x structure of a case: the unit of agreement, adjudication and provenance."""

    structure: Structure
    finding: Finding

    @property
    def key(self) -> tuple[str, str]:
        return self.structure.id, self.finding.id


@dataclass(frozen=True)
class ProtocolDocument:
    """One protocol file, checked."""

    id: str
    version: int
    title: Text
    registration: str
    description: Text
    digest: str
    levels: tuple[str, ...]
    structures: tuple[Structure, ...]
    findings: tuple[Finding, ...]
    marks: tuple[MarkKind, ...]
    case_questions: tuple[CaseQuestion, ...]
    exclusion_criteria: tuple[tuple[str, Text], ...]
    derived: tuple[DerivedGrade, ...]
    not_assessable_reasons: tuple[tuple[str, Text], ...]
    adjudication_reasons: tuple[tuple[str, Text], ...]
    numbering: Mapping[str, Any]
    numbering_variants: tuple[tuple[str, Text], ...]
    clinical_context: tuple[ClinicalDatum, ...]
    reading: Mapping[str, Any]
    adjudication: Mapping[str, Any]
    reference: Mapping[str, Any]
    roles: Mapping[str, Any]
    partition: Mapping[str, Any]
    display: Mapping[str, Any]
    analysis: Mapping[str, Any]
    content: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """All items in reading order: structure by structure, finding by finding."""
        return tuple(
            Item(structure, finding)
            for structure in self.structures
            for finding in self.findings
            if finding.is_asked_at(structure.id)
        )

    @cached_property
    def _structures(self) -> dict[str, Structure]:
        return {structure.id: structure for structure in self.structures}

    @cached_property
    def _findings(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.findings}

    def mark_kind(self, kind: str) -> MarkKind | None:
        """Return a kind of mark, None where the protocol has none of that name."""
        return next((each for each in self.marks if each.id == kind), None)

    @property
    def makes_reference_from_reads(self) -> bool:
        """Whether the first reads, and the settlement of what they dispute, make the reference standard."""
        return self.reference["from"] in {"adjudicated", "adjudicated+panel"}

    @property
    def is_sided(self) -> bool:
        return any(structure.side for structure in self.structures)

    @property
    def screened_by(self) -> str:
        """Who decides on cases: ``doctor`` or ``coordinator``."""
        return str(self.content.get("screening", {}).get("by", "coordinator"))

    @property
    def readers_per_case(self) -> int:
        return int(self.reading["readers_per_case"])

    @property
    def required_modalities(self) -> tuple[str, ...]:
        return tuple(self.reading.get("required_modalities", ()))

    @property
    def optional_modalities(self) -> tuple[str, ...]:
        """Kinds of image that the protocol reads or hangs where a case has them, and does not require."""
        named = {name for finding in self.findings for name in finding.assessable_on} | {
            viewport["modality"]
            for hanging in self.display.get("hanging", ())
            for viewport in hanging["viewports"]
            if "modality" in viewport
        }
        return tuple(sorted(named - set(self.required_modalities)))

    def structure(self, structure_id: str) -> Structure:
        """Return a structure. Raises KeyError."""
        return self._structures[structure_id]

    def finding(self, finding_id: str) -> Finding:
        """Return a finding. Raises KeyError."""
        return self._findings[finding_id]

    def has_item(self, structure_id: str, finding_id: str) -> bool:
        finding = self._findings.get(finding_id)
        return structure_id in self._structures and finding is not None and finding.is_asked_at(structure_id)

    def groups(self) -> Iterator[tuple[str, Text, tuple[Structure, ...]]]:
        """Yield (group, label, structures) level by level, in the protocol's order."""
        seen: list[str] = []
        for structure in self.structures:
            if structure.group not in seen:
                seen.append(structure.group)
        for group in seen:
            members = tuple(structure for structure in self.structures if structure.group == group)
            yield group, members[0].group_label, members
