"""What the coordinator's pages show, as frozen values."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from readerstudy.imaging.selectors import modalities_of
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.protocols.difference import protocol_difference
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.selectors import lacking_kinds
from readerstudy.studies.services.assignment import AssignmentPlan, PlannedShowing
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import (
    agreement_words,
    condition_words,
    datum_words,
    draw_words,
    duty_words,
    modality_words,
    numbering_words,
    partition_words,
    reference_words,
    screened_by_words,
    settled_by_words,
    spoken,
)


@dataclass(frozen=True)
class CaseRow:
    """One case of the coordinator's list."""

    public_id: str
    pseudonym: str
    patient: str
    centre: str
    partition: str
    modalities: str
    missing_required: str
    missing_optional: str
    included_lacking: str
    clinical: str
    n_series: int
    sides: str
    sides_open: bool
    numbering: str
    numbering_open: bool
    status: str
    status_text: str
    is_assigned: bool


CASES_PER_PAGE = 100


def case_page(study: ReaderStudy, number: object) -> Page:
    """Return one page of a study's cases, by pseudonym; a page that there is not is the nearest one."""
    cases = Case.objects.filter(study=study).order_by("pseudonym")
    return Paginator(cases.values_list("pk", flat=True), CASES_PER_PAGE).get_page(number)


def _lacked_words(case: Case) -> str:
    """Return what a case was included without, and why."""
    if not case.included_lacking:
        return ""
    said = {
        "kinds": modality_words(case.included_lacking["kinds"]),
        "reason": case.included_lacking["reason"],
    }
    return _("Without %(kinds)s, which the protocol requires: %(reason)s") % said


def case_rows(study: ReaderStudy, chosen: Collection[int] | None = None) -> list[CaseRow]:
    """Return the chosen cases of a study, every one by default, by pseudonym."""
    document = current_protocol(study).document
    language = get_language() or "en"
    variants = {name: label.in_language(language) for name, label in document.numbering_variants}
    reasons = {name: label.in_language(language) for name, label in document.exclusion_criteria}
    wanted = Case.objects.filter(study=study)
    cases = list(
        (wanted if chosen is None else wanted.filter(pk__in=chosen))
        .select_related("patient__centre", "image_set")
        .prefetch_related("image_set__imaging_studies__series")
        .order_by("pseudonym")
    )
    modalities = modalities_of([case.image_set_id for case in cases if case.image_set_id])
    assigned = set(
        Assignment.objects.filter(case__in=cases).order_by().values_list("case_id", flat=True).distinct()
    )
    rows = []
    for case in cases:
        studies = list(case.image_set.imaging_studies.all()) if case.image_set else []
        established = bool(studies) and all(each.laterality == "established" for each in studies)
        if established:
            sides = _("established")
        elif case.sides_accepted_by_convention:
            sides = _("by convention")
        else:
            sides = _("not established")
        present = modalities.get(case.image_set_id or 0, ())
        variant = case.numbering.get("variant", "")
        status = {
            "imported": _("Waits for screening"),
            "included": _("Included"),
            "excluded": _("Excluded: %(reason)s") % {"reason": reasons.get(case.exclusion_reason, "")},
            "withdrawn": _("Withdrawn"),
            "practice": _("Training or calibration of readers"),
        }[case.status]
        rows.append(
            CaseRow(
                public_id=str(case.public_id),
                pseudonym=case.pseudonym,
                patient=case.patient.pseudonym,
                centre=case.patient.centre.code,
                partition=partition_words(case.patient.partition),
                modalities=modality_words(present),
                missing_required=(
                    ""
                    if case.status == Case.Status.WITHDRAWN
                    else modality_words(lacking_kinds(document.required_modalities, present))
                ),
                # A case without images lacks none that could be named.
                missing_optional=modality_words(
                    lacking_kinds(document.optional_modalities, present) if present else ()
                ),
                included_lacking=_lacked_words(case),
                clinical=", ".join(f"{name} {value}" for name, value in sorted(case.clinical.items())),
                n_series=sum(len(each.series.all()) for each in studies),
                sides=sides,
                sides_open=document.is_sided and not established and not case.sides_accepted_by_convention,
                numbering=variants.get(variant, variant),
                numbering_open=document.numbering.get("set_by") == "doctor-before-reading" and not variant,
                status=case.status,
                status_text=status,
                is_assigned=case.pk in assigned,
            )
        )
    return rows


@dataclass(frozen=True)
class ProtocolVersion:
    """One version of a protocol, and the lines of its file that are others than before."""

    version: int
    digest: str
    stored_at: datetime
    frozen_at: datetime | None
    difference: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ProtocolPage:
    """A protocol in the page's language."""

    title: str
    description: str
    registration: str
    version: int
    digest: str
    levels: tuple[str, ...]
    findings: tuple[Mapping[str, object], ...]
    facts: tuple[tuple[str, str], ...]
    source: str
    versions: tuple[ProtocolVersion, ...]


def _versions(study: ReaderStudy) -> tuple[ProtocolVersion, ...]:
    """Return the versions of a study's protocol with what each changed, newest first."""
    found = []
    before = ""
    for each in study.protocols.order_by("version"):
        changed = tuple(protocol_difference(before, each.source)) if before else ()
        found.append(ProtocolVersion(each.version, each.digest, each.created_at, each.frozen_at, changed))
        before = each.source
    return tuple(reversed(found))


def protocol_page(study: ReaderStudy) -> ProtocolPage:
    """Return the study's protocol as a printable charter."""
    protocol = current_protocol(study)
    document: ProtocolDocument = protocol.document
    language = get_language() or "en"
    findings = tuple(
        {
            "label": each.label.in_language(language),
            "definition": each.definition.in_language(language),
            "rule": agreement_words(each),
            "cut": each.cut,
            "assessable_on": modality_words(each.assessable_on),
            "scale": [
                {
                    "value": grade.value,
                    "label": grade.label.in_language(language),
                    "hint": grade.hint.in_language(language) if grade.hint else "",
                    "source": grade.source.in_language(language) if grade.source else "",
                }
                for grade in each.scale
            ],
        }
        for each in document.findings
    )
    partition = document.partition
    facts = (
        (_("Readers per case"), str(document.readers_per_case)),
        (_("Conditions"), condition_words(document.reading["conditions"])),
        (
            _("Clinical data shown"),
            "; ".join(f"{spoken(each.label)}: {datum_words(each)}" for each in document.clinical_context)
            or _("none"),
        ),
        (_("Differences settled by"), settled_by_words(document.adjudication["by"])),
        (_("Reference standard"), reference_words(document.reference["from"])),
        (
            _("Partition"),
            f"{partition['train']:.0%} / {partition['validation']:.0%} / {partition['test']:.0%}",
        ),
        (_("Cases decided on by"), screened_by_words(document.screened_by)),
        (_("Level numbering"), numbering_words(document.numbering.get("set_by", ""))),
        (_("Margin"), f"{document.analysis['margin']:g}"),
        (
            _("Exclusion criteria"),
            ", ".join(each.in_language(language) for name, each in document.exclusion_criteria),
        ),
    )
    return ProtocolPage(
        title=document.title.in_language(language),
        description=document.description.in_language(language),
        registration=document.registration,
        version=protocol.version,
        digest=protocol.digest,
        levels=tuple(label.in_language(language) for group, label, members in document.groups()),
        findings=findings,
        facts=facts,
        source=protocol.source,
        versions=_versions(study),
    )


@dataclass(frozen=True)
class PersonRow:
    code: str
    name: str
    roles: str
    n_cases: int


_ROLE_WORDS = {
    "is_reader": N_("reader"),
    "is_adjudicator": N_("adjudicator"),
    "is_panel": N_("panel member"),
    "is_coordinator": N_("coordinator"),
    "is_investigator": N_("investigator"),
    "is_auditor": N_("auditor"),
    "is_screener": N_("screening doctor"),
}


def people_of(study: ReaderStudy) -> list[PersonRow]:
    """Return the people of a study with their roles and how many cases they hold."""
    held = dict(
        CaseDuty.objects.filter(case__study=study)
        .order_by()
        .values_list("user_id")
        .annotate(n=Count("pk"))
        .values_list("user_id", "n")
    )
    return [
        PersonRow(
            code=role.code,
            name=str(role.user),
            roles=", ".join(_(word) for field, word in _ROLE_WORDS.items() if getattr(role, field)),
            n_cases=held.get(role.user_id, 0),
        )
        for role in StudyRole.objects.filter(study=study).select_related("user").order_by("code")
    ]


@dataclass(frozen=True)
class PlanRow:
    """What a plan would give one person."""

    code: str
    duty: str
    n_cases: int
    n_showings: int
    n_sessions: int
    n_repeats: int
    n_aided: int


def plan_rows(study: ReaderStudy, plan: AssignmentPlan) -> list[PlanRow]:
    """Return a plan as a table: person, duty, cases, showings, sessions, repeats, aided reads."""
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    by_person: dict[tuple[int, str], list[PlannedShowing]] = {}
    for showing in plan.showings:
        by_person.setdefault((showing.user_id, showing.duty), []).append(showing)
    return [
        PlanRow(
            codes[user],
            duty_words(duty),
            len({each.case_id for each in mine}),
            len(mine),
            len({each.session for each in mine}),
            sum(each.occasion > 1 for each in mine),
            sum(each.condition == "aided" for each in mine),
        )
        for (user, duty), mine in sorted(
            by_person.items(), key=lambda entry: (entry[0][1], codes[entry[0][0]])
        )
    ]


CELL, LABEL, MOST_CASES = 6, 48, 400


@dataclass(frozen=True)
class MatrixRow:
    """One reader of the matrix: three paths of cells, read once, in a later session, more than once."""

    code: str
    y: int
    first: str
    later: str
    again: str


@dataclass(frozen=True)
class PlanMatrix:
    """Readers x cases of a plan as squares of 6 px; cases by their code."""

    width: int
    height: int
    rows: tuple[MatrixRow, ...]
    n_cases: int
    n_shown: int


def plan_matrix(study: ReaderStudy, plan: AssignmentPlan) -> PlanMatrix:
    """Return the matrix of a plan; of a large study its first 400 cases, which is said beside it."""
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    reading = [each for each in plan.showings if each.duty == CaseDuty.Duty.READER]
    names = dict(
        Case.objects.filter(pk__in={each.case_id for each in reading}).values_list("pk", "pseudonym")
    )
    order = {case: place for place, case in enumerate(sorted(names, key=lambda case: names[case]))}
    sessions: dict[int, dict[int, list[int]]] = {}
    for each in reading:
        sessions.setdefault(each.user_id, {}).setdefault(each.case_id, []).append(each.session)
    rows = []
    for line, user in enumerate(sorted(sessions, key=lambda user: codes[user])):
        y = line * (CELL + 8)
        paths: dict[str, list[str]] = {"first": [], "later": [], "again": []}
        for case, held in sessions[user].items():
            if order[case] < MOST_CASES:
                kind = "again" if len(held) > 1 else "first" if held[0] == 1 else "later"
                x = LABEL + order[case] * CELL
                paths[kind].append(f"M{x} {y}h{CELL - 1}v{CELL + 2}h-{CELL - 1}z")
        rows.append(
            MatrixRow(codes[user], y, *("".join(paths[kind]) for kind in ("first", "later", "again")))
        )
    shown = min(len(order), MOST_CASES)
    return PlanMatrix(LABEL + shown * CELL, len(rows) * (CELL + 8), tuple(rows), len(order), shown)


def draw_rows(study: ReaderStudy) -> list[dict[str, object]]:
    """Return the draws on record, oldest first."""
    rows = study.draws.order_by("drawn_at", "pk").values(
        "purpose", "number", "seed", "drawn_at", "result_digest"
    )
    return [{**row, "purpose": draw_words(row["purpose"])} for row in rows]
