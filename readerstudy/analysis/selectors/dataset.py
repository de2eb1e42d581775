"""From rows of grading and inference to one grid of cases x structures for every finding."""

from typing import Any

import numpy as np

from grading.models import Adjudication, Rating, Read, ReferenceGrade
from inference.models import InferenceRun, ModelVersion, Prediction
from readerstudy.analysis.datasets import (
    CODES,
    LEAVES,
    NO_READ,
    PARTITIONS,
    PER_PROTOCOL,
    PRIMARY,
    PROVENANCES,
    CaseEntry,
    Dataset,
    FindingData,
    ModelEntry,
    ReaderEntry,
    ReadTimes,
)
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.selectors.marks import mark_data
from readerstudy.analysis.selectors.model_versions import FINISHED_RUNS, approved_in_time, chosen_model
from readerstudy.analysis.selectors.readiness import flow, readiness
from readerstudy.analysis.selectors.studies import (
    aided_assignments,
    finished_cases,
    first_read_assignments,
    protocol_of,
    repeat_assignments,
)
from readerstudy.studies.analysis_sets import analysis_sets
from readerstudy.studies.models import ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import ProtocolDocument


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
    version, is_primary = chosen_model(study, plan)
    structures = tuple(structure.id for structure in document.structures)
    grid = _Grid(document, [case.pk for case in cases], structures, [role.user_id for role in roles])
    grid.add_references()
    grid.add_reads(study)
    grid.add_aided_reads(study)
    grid.add_repeats(study)
    grid.add_kept_by_adjudicator()
    grid.add_audited()
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
            is_approved=approved_in_time(version, study),
        )
        if version
        else None,
        findings=grid.findings(),
        marks=mark_data(study, {case.pk: place for place, case in enumerate(cases)}),
        times=_times(study, [case.pk for case in cases], [role.user_id for role in roles]),
        leaving=_leaving(study, [case.pk for case in cases], [role.user_id for role in roles]),
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


def _leaving(study: ReaderStudy, cases: list[int], readers: list[int]) -> "np.ndarray":
    """Which analysis sets each reader's reads of each case leave."""
    sets = analysis_sets(study)
    place, column = {pk: k for k, pk in enumerate(cases)}, {pk: k for k, pk in enumerate(readers)}
    leaving = np.zeros((len(cases), len(readers)), dtype=np.int8)
    out = sets.full - sets.per_protocol
    for pk, case, user in first_read_assignments(study).values_list("pk", "case_id", "user_id"):
        if pk in out and case in place and user in column:
            leaves = PER_PROTOCOL if pk in sets.primary else PRIMARY
            leaving[place[case], column[user]] = LEAVES[leaves]
    return leaving


def _times(study: ReaderStudy, cases: list[int], readers: list[int]) -> ReadTimes:
    """How long each first reading took, in each reader's own order."""
    place, column = {pk: k for k, pk in enumerate(cases)}, {pk: k for k, pk in enumerate(readers)}
    rows = [
        row
        for row in Read.objects.filter(
            assignment__in=first_read_assignments(study),
            state=Read.State.SUBMITTED,
            superseded_at__isnull=True,
        )
        .order_by("reader_id", "assignment__running_number", "pk")
        .values_list("reader_id", "case_id", "assignment__running_number", "focused_seconds")
        if row[0] in column and row[1] in place
    ]
    return ReadTimes(
        reader=np.array([column[row[0]] for row in rows], dtype=np.int64),
        case=np.array([place[row[1]] for row in rows], dtype=np.int64),
        position=np.array([row[2] for row in rows], dtype=np.int64),
        seconds=np.array([row[3] or np.nan for row in rows], dtype=np.float64),
    )


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
                repeats=np.full((n, r), NO_READ, dtype=np.int8),
                covered=np.full(n, NO_READ, dtype=np.int8),
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
        self._add_other_reads(aided_assignments(study), "aided")

    def add_repeats(self, study: ReaderStudy) -> None:
        """Fill the grades of second readings. They never enter the reference either."""
        self._add_other_reads(repeat_assignments(study), "repeats")

    def _add_other_reads(self, assignments: Any, part: str) -> None:
        rows = Rating.objects.filter(
            read__case_id__in=self.case_ids,
            read__state=Read.State.SUBMITTED,
            read__superseded_at__isnull=True,
            read__assignment__in=assignments,
        ).values_list("read__case_id", "read__reader_id", "structure", "finding", "kind", "grade")
        for case_id, reader, structure, finding, kind, grade in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None or structure not in self._structure or reader not in self._reader:
                continue
            code = grade if kind == "grade" else CODES.get(kind, NO_READ)
            getattr(data, part)[self._place(case_id, structure), self._reader[reader]] = code

    def add_audited(self) -> None:
        """Fill the adjudicator's covered grades of agreed items that were sent along unmarked."""
        rows = Adjudication.objects.filter(
            discordance__case_id__in=self.case_ids, discordance__is_audit=True, superseded_at__isnull=True
        ).values_list("discordance__case_id", "structure", "finding", "kind", "grade", "covered_answer")
        for case_id, structure, finding, kind, grade, covered in rows.iterator(5000):
            data = self._data.get(finding)
            if data is None:
                continue
            own = covered or {"kind": kind, "grade": grade}
            code = own["grade"] if own["kind"] == "grade" else CODES.get(own["kind"], NO_READ)
            data.covered[self._place(case_id, structure)] = code

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
                data.contributed, data.probabilities, data.repeats, data.covered,
            ):  # fmt: skip
                part.setflags(write=False)
        return self._data
