"""Reads that span grading, inference and studies: the only place where the three meet."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, Q

from grading.models import Adjudication, CaseComparison, Rating, Read, ReferenceGrade
from grading.selectors import open_mark_items
from inference.models import InferenceRun, ModelVersion, Prediction
from readerstudy.analysis.datasets import (
    CODES,
    NO_READ,
    PARTITIONS,
    PROVENANCES,
    CaseEntry,
    Dataset,
    FindingData,
    ModelEntry,
    ReaderEntry,
)
from readerstudy.analysis.mark_tables import lesion_rows, mark_rows
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.studies.models import Assignment, Case, CaseDuty, Protocol, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import ProtocolDocument

# A run "in part" has left some structures out; what it graded counts.
FINISHED_RUNS = (InferenceRun.State.DONE, InferenceRun.State.IN_PART)


# Mark of a run whose predictions came from a table.
IMPORTED = "imported"


def protocol_of(study: ReaderStudy) -> Protocol:
    """Return the protocol version under which the study is analysed: the newest."""
    return Protocol.objects.filter(study=study).order_by("-version")[0]


def plan_of(study: ReaderStudy) -> AnalysisPlan:
    """Return the study's analysis plan."""
    return AnalysisPlan.of(protocol_of(study).document)


def first_read_assignments(study: ReaderStudy) -> "Any":
    """Return the assignments whose reads are primary data: unaided, first occasion, not withdrawn."""
    return Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        condition=Assignment.Condition.UNAIDED,
        occasion=1,
        withdrawn_at__isnull=True,
        case__status=Case.Status.INCLUDED,
    )


def aided_assignments(study: ReaderStudy) -> "Any":
    """Return the assignments read with the model's aid, first occasion, not withdrawn."""
    return Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        condition=Assignment.Condition.AIDED,
        occasion=1,
        withdrawn_at__isnull=True,
        case__status=Case.Status.INCLUDED,
    )


def finished_cases(study: ReaderStudy) -> "list[Case]":
    """
    Return the included cases whose reference stands for every item, in the order of their pseudonyms.

    Others leave the analysis; `readiness` counts them.
    """
    return list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED, pk__in=_cases_with_reference(study))
        .select_related("patient__centre")
        .order_by("pseudonym")
    )


def _cases_with_reference(study: ReaderStudy) -> set[int]:
    """
    Cases whose reference is complete.

    A reference that was imported, or that comes from outside by the protocol, says itself which items it
    covers; one that is made here covers every item.
    """
    document = protocol_of(study).document
    imported = set(
        ImportedReference.objects.filter(case__study=study).values_list("case_id", flat=True).distinct()
    )
    standing = (
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True)
        .values("case_id")
        .annotate(n=Count("pk"))
    )
    if not document.items:
        # Marks alone: a case without a lesion has no row, and is finished when nothing of it is disputed.
        compared = CaseComparison.objects.filter(case__study=study).values_list("case_id", flat=True)
        return set(compared) - set(open_mark_items(list(compared)).values_list("case_id", flat=True))
    needed = 1 if document.reference["from"] == "external" else len(document.items)
    return {row["case_id"] for row in standing if row["n"] >= needed or row["case_id"] in imported}


# --- what is frozen --------------------------------------------------------------------------------


def _hash_rows(header: list[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256 over rows in canonical JSON, one per line."""
    digest = hashlib.sha256(json.dumps(header).encode() + b"\n")
    for row in rows:
        digest.update(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _read_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = (
        Rating.objects.filter(read__case__study=study, read__state=Read.State.SUBMITTED)
        .order_by(
            "read__case__pseudonym",
            "read__reader_id",
            "read__assignment__occasion",
            "read__assignment__condition",
            "read__version",
            "structure",
            "finding",
            "pk",
        )
        .values_list(
            "read__case__pseudonym",
            "read__reader_id",
            "read__assignment__condition",
            "read__assignment__session",
            "read__assignment__occasion",
            "read__version",
            "read__superseded_at",
            "structure",
            "finding",
            "kind",
            "grade",
            "value",
            "reason",
        )
    )
    for case, reader, condition, session, occasion, version, superseded, *answer in rows.iterator(5000):
        yield (
            "read",
            case,
            codes.get(reader, ""),
            condition,
            session,
            occasion,
            version,
            superseded is None,
            *answer,
        )


def _reference_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    rows = (
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True)
        .order_by("case__pseudonym", "structure", "finding", "pk")
        .values_list(
            "case__pseudonym", "structure", "finding", "kind", "grade", "value", "provenance", "basis"
        )
    )
    for row in rows.iterator(5000):
        yield ("reference", *row)


def _case_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    rows = (
        Case.objects.filter(study=study)
        .order_by("pseudonym")
        .values_list(
            "pseudonym",
            "patient__pseudonym",
            "patient__centre__code",
            "patient__partition",
            "status",
            "exclusion_reason",
        )
    )
    for row in rows.iterator(5000):
        yield ("case", *row)


def data_hash(study: ReaderStudy) -> str:
    """
    Return the SHA-256 of cases, submitted reads and reference in canonical rows.

    Rows are ordered by pseudonym, reader, version and item; the same data give the same digest on any
    database.
    """

    def rows() -> Iterator[tuple[Any, ...]]:
        yield from _case_rows(study)
        yield from sorted(
            _read_rows(study), key=lambda row: json.dumps(row, default=str)
        )  # by code, not by primary key
        yield from _reference_rows(study)
        # Studies without marks keep the hash that they were locked under.
        yield from mark_rows(study)
        yield from lesion_rows(study)

    return _hash_rows(["readerstudy data", "1", protocol_of(study).digest], rows())


def predictions_hash(study: ReaderStudy) -> str:
    """Return the SHA-256 of all finished predictions of the study in canonical rows."""
    rows = (
        Prediction.objects.filter(run__case__study=study, run__state__in=FINISHED_RUNS)
        .order_by("run__model__digest", "run__case__pseudonym", "structure", "finding", "pk")
        .values_list(
            "run__model__digest",
            "run__case__pseudonym",
            "structure",
            "finding",
            "probabilities",
        )
    )
    return _hash_rows(["readerstudy predictions", "1"], rows.iterator(5000))


# --- what is missing -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Readiness:
    """What stands between a study and its lock."""

    n_cases: int
    n_finished: int
    open_reads: tuple[tuple[str, int], ...]  # (reader's code, reads not submitted)
    open_items: int  # discordances that wait for the adjudicator
    cases_without_reference: int
    cases_without_panel: int

    @property
    def is_complete(self) -> bool:
        return (
            not self.open_reads
            and self.open_items == 0
            and self.cases_without_reference == 0
            and self.cases_without_panel == 0
        )

    @property
    def n_unfinished(self) -> int:
        return self.n_cases - self.n_finished


def readiness(study: ReaderStudy) -> Readiness:
    """Return what is missing before a study can be locked."""
    from grading.selectors import open_discordances

    document = protocol_of(study).document
    included = list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED).values_list("pk", flat=True)
    )
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    submitted = Read.objects.filter(
        case__study=study, state=Read.State.SUBMITTED, superseded_at__isnull=True
    ).values("assignment_id")
    waiting = Counter(
        first_read_assignments(study).exclude(pk__in=submitted).values_list("user_id", flat=True)
    )
    standing = (
        ReferenceGrade.objects.filter(case_id__in=included, superseded_at__isnull=True)
        .values("case_id")
        .annotate(n=Count("pk"), panel=Count("pk", filter=Q(provenance__in=["confirmed", "overruled"])))
    )
    grades = {row["case_id"]: (row["n"], row["panel"]) for row in standing}
    complete = _cases_with_reference(study) & set(included)
    wants_panel = document.reference["from"] == "adjudicated+panel"
    imported = set(
        ImportedReference.objects.filter(case__study=study).values_list("case_id", flat=True).distinct()
    )
    return Readiness(
        n_cases=len(included),
        n_finished=len(complete),
        open_reads=tuple(sorted((codes.get(user, "?"), n) for user, n in waiting.items())),
        open_items=open_discordances(included).count(),
        cases_without_reference=len(included) - len(complete),
        cases_without_panel=sum(
            1 for pk in complete - imported if wants_panel and grades.get(pk, (0, 0))[1] == 0
        ),
    )


def flow(study: ReaderStudy) -> dict[str, Any]:
    """Return the counts of the flow diagram: enrolled, excluded by reason, partitioned, read, settled."""
    cases = Case.objects.filter(study=study)
    excluded = Counter(cases.filter(status=Case.Status.EXCLUDED).values_list("exclusion_reason", flat=True))
    included = cases.filter(status=Case.Status.INCLUDED)
    partition = Counter(included.values_list("patient__partition", flat=True))
    standing = ReferenceGrade.objects.filter(case__in=included, superseded_at__isnull=True)
    reads = Read.objects.filter(
        assignment__in=first_read_assignments(study),
        state=Read.State.SUBMITTED,
        superseded_at__isnull=True,
    )
    return {
        "cases": cases.count(),
        "patients": cases.values("patient").distinct().count(),
        "excluded": dict(sorted(excluded.items())),
        "withdrawn": cases.filter(status=Case.Status.WITHDRAWN).count(),
        "included": included.count(),
        "included_patients": included.values("patient").distinct().count(),
        "partition_cases": dict(sorted(partition.items())),
        "reads_submitted": reads.count(),
        "items": standing.count(),
        "basis": dict(sorted(Counter(standing.values_list("basis", flat=True)).items())),
        "provenance": dict(sorted(Counter(standing.values_list("provenance", flat=True)).items())),
    }


# --- the data set ----------------------------------------------------------------------------------


def model_versions(study: ReaderStudy) -> "list[ModelVersion]":
    """Return the model versions with finished runs on the study, most cases first."""
    counts = (
        InferenceRun.objects.filter(case__study=study, state__in=FINISHED_RUNS)
        .values("model")
        .annotate(n=Count("case", distinct=True))
    )
    by_id = {row["model"]: row["n"] for row in counts}
    versions = list(ModelVersion.objects.filter(pk__in=by_id))
    return sorted(versions, key=lambda version: (-by_id[version.pk], version.digest))


def _chosen_model(study: ReaderStudy, plan: AnalysisPlan) -> tuple[ModelVersion | None, bool]:
    """The model version that is analysed, and whether the plan named it or left no choice."""
    versions = model_versions(study)
    named = [
        version
        for version in versions
        if plan.primary_model
        and plan.primary_model
        in {
            version.name,
            f"{version.name} {version.version}",
            f"{version.name}@{version.version}",
            version.digest,
        }
    ]
    if named:
        return named[0], len(named) == 1
    if plan.primary_model or not versions:
        return None if plan.primary_model else (versions[0] if versions else None), False
    return versions[0], len(versions) == 1


def _approved_in_time(version: ModelVersion, study: ReaderStudy) -> bool:
    """Whether the version was approved before unblinding: later ones are exploratory."""
    ran_here = InferenceRun.objects.filter(case__study=study, model=version, state__in=FINISHED_RUNS)
    # Imported predictions may carry the name of a version that was approved here; they are not its runs.
    if version.approved_at is None or any(
        IMPORTED in notes for notes in ran_here.values_list("notes", flat=True)
    ):
        return False
    return study.unblinded_at is None or version.approved_at <= study.unblinded_at


def build_dataset(study: ReaderStudy) -> Dataset:
    """
    Turn a study's rows into arrays.

    Only finished cases enter; only unaided reads of the first occasion that stand are primary. Reads of
    withdrawn assignments, repeats and aided reads stay out.
    """
    document = protocol_of(study).document
    plan = AnalysisPlan.of(document)
    cases = finished_cases(study)
    patients = sorted({case.patient.pseudonym for case in cases})
    centres = sorted({case.patient.centre.code for case in cases})
    external = sorted({case.patient.centre.code for case in cases if case.patient.centre.is_external})
    roles = _reading_roles(study)
    version, is_primary = _chosen_model(study, plan)
    structures = tuple(structure.id for structure in document.structures)
    grid = _Grid(document, [case.pk for case in cases], structures, [role.user_id for role in roles])
    grid.add_references()
    grid.add_reads(study)
    grid.add_aided_reads(study)
    grid.add_kept_by_adjudicator()
    grid.add_imported_contributors({role.code: role.user_id for role in roles})
    n_predicted = grid.add_predictions(study, version) if version else 0
    return Dataset(
        structures=structures,
        levels=tuple(structure.group for structure in document.structures),
        sides=tuple(structure.side for structure in document.structures),
        patients=tuple(patients),
        centres=tuple(centres),
        external_centres=tuple(external),
        cases=tuple(
            CaseEntry(
                pseudonym=case.pseudonym,
                patient=patients.index(case.patient.pseudonym),
                centre=centres.index(case.patient.centre.code),
                partition=PARTITIONS.index(case.patient.partition),
            )
            for case in cases
        ),
        readers=tuple(ReaderEntry(code=role.code, is_truther=role.is_truther) for role in roles),
        model=ModelEntry(
            name=version.name,
            version=version.version,
            digest=version.digest,
            is_synthetic=version.is_synthetic,
            n_cases=n_predicted,
            is_primary=is_primary,
            is_approved=_approved_in_time(version, study),
        )
        if version
        else None,
        findings=grid.findings(),
        flow=flow(study) | {"analysed": len(cases), "unfinished": readiness(study).n_unfinished},
    )


def _reading_roles(study: ReaderStudy) -> list[StudyRole]:
    """Everyone who submitted a primary read, by code."""
    users = set(
        Read.objects.filter(
            assignment__in=first_read_assignments(study), state=Read.State.SUBMITTED
        ).values_list("reader_id", flat=True)
    )
    return list(StudyRole.objects.filter(study=study, user_id__in=users).order_by("code"))


class _Grid:
    """The arrays of all findings while they are filled."""

    def __init__(
        self, document: ProtocolDocument, case_ids: list[int], structures: tuple[str, ...], readers: list[int]
    ) -> None:
        self.case_ids = case_ids
        self._case = {pk: k for k, pk in enumerate(case_ids)}
        self._structure = {name: k for k, name in enumerate(structures)}
        self._reader = {pk: k for k, pk in enumerate(readers)}
        self._n_structures = len(structures)
        n, r = len(case_ids) * len(structures), len(readers)
        self._data = {
            finding.id: FindingData(
                n_grades=finding.n_grades,
                reference=np.full(n, NO_READ, dtype=np.int8),
                provenance=np.zeros(n, dtype=np.int8),
                basis=np.zeros(n, dtype=np.int8),
                reads=np.full((n, r), NO_READ, dtype=np.int8),
                first_reads=np.full((n, r), NO_READ, dtype=np.int8),
                aided=np.full((n, r), NO_READ, dtype=np.int8),
                contributed=np.zeros((n, r), dtype=bool),
                probabilities=np.full((n, finding.n_grades), np.nan),
            )
            for finding in document.findings
            if finding.kind != "continuous"
        }
        self._truther = np.zeros(r, dtype=bool)
        self._readers = readers

    def _place(self, case_id: int, structure: str) -> int:
        return self._case[case_id] * self._n_structures + self._structure[structure]

    def add_references(self) -> None:
        rows = ReferenceGrade.objects.filter(
            case_id__in=self.case_ids, superseded_at__isnull=True
        ).values_list("case_id", "structure", "finding", "kind", "grade", "provenance", "basis")
        for case_id, structure, finding, kind, grade, provenance, basis in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None or structure not in self._structure:
                continue
            place = self._place(case_id, structure)
            data.reference[place] = grade if kind == "grade" else CODES.get(kind, NO_READ)
            data.provenance[place] = PROVENANCES.index(provenance)
            data.basis[place] = PROVENANCES.index(basis)

    def add_reads(self, study: ReaderStudy) -> None:
        """Fill standing and first-submitted grades; agreed items were made by the readers who agreed."""
        truthers = set(
            StudyRole.objects.filter(study=study, is_truther=True).values_list("user_id", flat=True)
        )
        rows = Rating.objects.filter(
            read__case_id__in=self.case_ids,
            read__state=Read.State.SUBMITTED,
            read__assignment__in=first_read_assignments(study),
        ).values_list(
            "read__case_id",
            "read__reader_id",
            "read__version",
            "read__superseded_at",
            "structure",
            "finding",
            "kind",
            "grade",
        )
        agreed = {PROVENANCES.index(name) for name in ("agreed", "agreed_within_rule", "jointly_settled")}
        overruled = PROVENANCES.index("overruled")
        for case_id, reader, version, superseded, structure, finding, kind, grade in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None or structure not in self._structure or reader not in self._reader:
                continue
            place, column = self._place(case_id, structure), self._reader[reader]
            code = grade if kind == "grade" else CODES.get(kind, NO_READ)
            if version == 1:
                data.first_reads[place, column] = code
            if superseded is not None:
                continue
            data.reads[place, column] = code
            if (
                reader in truthers
                and int(data.basis[place]) in agreed
                and int(data.provenance[place]) != overruled
            ):
                data.contributed[place, column] = True

    def add_aided_reads(self, study: ReaderStudy) -> None:
        """Fill the grades that the same readers gave with the aid. They never enter the reference."""
        rows = Rating.objects.filter(
            read__case_id__in=self.case_ids,
            read__state=Read.State.SUBMITTED,
            read__superseded_at__isnull=True,
            read__assignment__in=aided_assignments(study),
        ).values_list("read__case_id", "read__reader_id", "structure", "finding", "kind", "grade")
        for case_id, reader, structure, finding, kind, grade in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None or structure not in self._structure or reader not in self._reader:
                continue
            code = grade if kind == "grade" else CODES.get(kind, NO_READ)
            data.aided[self._place(case_id, structure), self._reader[reader]] = code

    def add_kept_by_adjudicator(self) -> None:
        """An adjudicator who kept A or B made that reader's grade the reference."""
        rows = Adjudication.objects.filter(
            discordance__case_id__in=self.case_ids,
            discordance__is_audit=False,
            superseded_at__isnull=True,
            kept_read__isnull=False,
        ).values_list("discordance__case_id", "structure", "finding", "kept_read__reader_id")
        adjudicated, overruled = PROVENANCES.index("adjudicated"), PROVENANCES.index("overruled")
        for case_id, structure, finding, reader in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None or reader not in self._reader:
                continue
            place = self._place(case_id, structure)
            if data.basis[place] == adjudicated and data.provenance[place] != overruled:
                data.contributed[place, self._reader[reader]] = True

    def add_imported_contributors(self, user_of: dict[str, int]) -> None:
        """An imported reference names the readers whose own grade it is; that wins over what rows suggest."""
        rows = ImportedReference.objects.filter(case_id__in=self.case_ids).values_list(
            "case_id", "structure", "finding", "contributors"
        )
        for case_id, structure, finding, contributors in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None:
                continue
            place = self._place(case_id, structure)
            data.contributed[place] = False
            for code in contributors:
                if code in user_of:
                    data.contributed[place, self._reader[user_of[code]]] = True

    def add_predictions(self, study: ReaderStudy, version: ModelVersion) -> int:
        """Fill the model's probabilities from its newest finished run of each case."""
        newest: dict[int, int] = {}
        runs = InferenceRun.objects.filter(
            case_id__in=self.case_ids, model=version, state__in=FINISHED_RUNS
        ).order_by("pk")
        for run_id, case_id in runs.values_list("pk", "case_id"):
            newest[case_id] = run_id
        case_of = {run_id: case_id for case_id, run_id in newest.items()}
        rows = Prediction.objects.filter(run_id__in=list(case_of)).values_list(
            "run_id", "structure", "finding", "probabilities"
        )
        for run_id, structure, finding, probabilities in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None or structure not in self._structure or len(probabilities) != data.n_grades:
                continue
            data.probabilities[self._place(case_of[run_id], structure)] = probabilities
        return len(newest)

    def findings(self) -> dict[str, FindingData]:
        for data in self._data.values():
            for part in (
                data.reference, data.provenance, data.basis, data.reads, data.first_reads, data.aided,
                data.contributed, data.probabilities,
            ):  # fmt: skip
                part.setflags(write=False)
        return self._data
