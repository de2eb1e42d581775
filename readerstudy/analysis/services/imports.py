"""
A study finished elsewhere enters by its tables: reads, reference, predictions.

All rows or none: every refused row is named with its line, its column, what stands there and what is allowed.
Readers become accounts that cannot sign in. Nothing imported can be changed by hand afterwards.
"""

import csv
import hashlib
import io
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from grading.models import Rating, Read, ReferenceGrade
from inference.models import InferenceRun, ModelVersion, Prediction, StudyRun
from readerstudy.accounts.models import User
from readerstudy.analysis.exchange_columns import PREDICTIONS, READS, REFERENCE
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.selectors import IMPORTED
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Assignment, Case, CaseDuty, Centre, Patient, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import Finding, ProtocolDocument
from readerstudy.studies.services.errors import WrongState
from readerstudy.studies.services.studies import current_protocol

MOST_PROBLEMS = 50


@dataclass(frozen=True)
class RowProblem:
    """One refused row."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.message}"


class ImportRefused(Exception):
    """A table that cannot enter. Nothing was changed; `problems` names every refused row (the first 50)."""

    def __init__(self, problems: Iterable[RowProblem]) -> None:
        self.problems = tuple(problems)[:MOST_PROBLEMS]
        super().__init__("; ".join(str(problem) for problem in self.problems[:3]))


class _Bad(Exception):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column, self.message = column, message


Row = Mapping[str, str]


def read_table(text: str, needed: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """
    Return (line, row) of a CSV text whose first line names its columns.

    Raises
    ------
    ImportRefused
        If a needed column is missing or a row has too many cells.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("﻿"), newline=""))
    columns = reader.fieldnames or []
    missing = [name for name in needed if name not in columns]
    if missing:
        raise ImportRefused(
            [
                RowProblem(
                    1, ", ".join(missing), f"missing; the table has {', '.join(columns) or 'no columns'}"
                )
            ]
        )
    rows, problems = [], []
    for row in reader:
        if None in row or any(value is None for value in row.values()):
            problems.append(RowProblem(reader.line_num, "row", "has another number of cells than the head"))
            continue
        rows.append((reader.line_num, {key: value.strip() for key, value in row.items()}))
    if not rows and not problems:
        problems.append(RowProblem(2, "row", "the table has no rows"))
    if problems:
        raise ImportRefused(problems)
    return rows


def _checked(
    rows: list[tuple[int, dict[str, str]]], check: Callable[[Row], Any]
) -> list[tuple[int, dict[str, str], Any]]:
    """Check every row; raise all problems at once."""
    good, problems = [], []
    for line, row in rows:
        try:
            good.append((line, row, check(row)))
        except _Bad as bad:
            problems.append(RowProblem(line, bad.column, bad.message))
    if problems:
        raise ImportRefused(problems)
    return good


def _one_of(row: Row, column: str, allowed: Iterable[str]) -> str:
    if row[column] not in (choices := list(allowed)):
        shown = ", ".join(choices[:8]) + (" ..." if len(choices) > 8 else "")
        raise _Bad(column, f"{row[column]!r} is not allowed; allowed are {shown}")
    return row[column]


def _whole(row: Row, column: str, least: int = 0, most: int | None = None) -> int:
    try:
        value = int(row[column])
    except ValueError:
        raise _Bad(column, f"{row[column]!r} is not a whole number") from None
    if value < least or (most is not None and value > most):
        end = "" if most is None else f"..{most}"
        raise _Bad(column, f"{value} lies outside {least}{end or ' and more'}")
    return value


def _real(row: Row, column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        raise _Bad(column, f"{row[column]!r} is not a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise _Bad(column, f"{row[column]!r} is not a finite number")
    return value


def _moment(row: Row, column: str) -> datetime:
    try:
        moment = datetime.fromisoformat(row[column].replace("Z", "+00:00"))
    except ValueError:
        raise _Bad(column, f"{row[column]!r} is not an ISO time such as 2026-03-04T08:00:00Z") from None
    if moment.tzinfo is None:
        raise _Bad(column, f"{row[column]!r} has no time zone; end it with Z for UTC")
    return moment.astimezone(UTC)


def _name(row: Row, column: str, most: int = 40) -> str:
    if not row[column]:
        raise _Bad(column, "is empty")
    if len(row[column]) > most:
        raise _Bad(column, f"is longer than {most} characters")
    return row[column]


def _item(document: ProtocolDocument, row: Row) -> Finding:
    _one_of(row, "structure", [structure.id for structure in document.structures])
    _one_of(row, "finding", [finding.id for finding in document.findings])
    return document.finding(row["finding"])


def _answer(document: ProtocolDocument, row: Row) -> dict[str, Any]:
    """The answer of a row as column values."""
    finding = _item(document, row)
    typed = [name.replace("-", "_") for name in finding.typed]
    own = "value" if finding.kind == "continuous" else "grade"
    kind = _one_of(row, "kind", [own, *typed])
    other = {"grade": "value", "value": "grade"}.get(kind)
    for column in ("grade", "value"):
        if row[column] and (kind not in {"grade", "value"} or column == other):
            raise _Bad(column, f"must be empty where kind is {kind}")
    if kind == "grade":
        return {"kind": kind, "grade": _whole(row, "grade", 0, finding.n_grades - 1)}
    if kind == "value":
        return {"kind": kind, "value": _real(row, "value")}
    reasons = [name for name, _ in document.not_assessable_reasons]
    reason = row.get("reason", "")
    if kind == "not_assessable" and reason and reason not in reasons:
        raise _Bad("reason", f"{reason!r} is not allowed; allowed are {', '.join(reasons)}")
    return {"kind": kind, "reason": reason}


def _writable(study: ReaderStudy) -> ReaderStudy:
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise WrongState(f"The study is {study.state}; tables enter while it is open. Nothing was changed.")
    return study


class _Roster:
    """Patients, cases and readers of an import, made where they are missing."""

    def __init__(self, study: ReaderStudy, at: datetime) -> None:
        self.study, self.at = study, at
        self.centres = {each.code: each for each in Centre.objects.filter(study=study)}
        self.patients = {
            each.pseudonym: each for each in Patient.objects.filter(study=study).select_related("centre")
        }
        self.cases = {
            each.pseudonym: each for each in Case.objects.filter(study=study).select_related("patient")
        }
        self.roles = {each.code: each for each in StudyRole.objects.filter(study=study)}

    def case(self, row: Row) -> Case:
        name, patient_name = _name(row, "case_id"), _name(row, "patient_id")
        found = self.cases.get(name)
        patient = self._patient(row, patient_name)
        if found is None:
            found = Case.objects.create(
                study=self.study,
                patient=patient,
                pseudonym=name,
                status=Case.Status.INCLUDED,
                imported_at=self.at,
            )
            self.cases[name] = found
        elif found.patient.pseudonym != patient_name:
            raise _Bad("patient_id", f"case {name} is of patient {found.patient.pseudonym}")
        return found

    def known_case(self, row: Row) -> Case:
        """Return a case that reads have brought, or make it where the row tells its centre."""
        name = _name(row, "case_id")
        found = self.cases.get(name)
        if found is None:
            raise _Bad("case_id", f"the study has no case {name}; import its reads first")
        if found.patient.pseudonym != row["patient_id"]:
            raise _Bad("patient_id", f"case {name} is of patient {found.patient.pseudonym}")
        return found

    def _patient(self, row: Row, name: str) -> Patient:
        found = self.patients.get(name)
        partition = _one_of(row, "partition", ["", "train", "validation", "test", "external"])
        if found is None:
            code = _name(row, "centre", 20)
            if code not in self.centres:
                self.centres[code] = Centre.objects.create(
                    study=self.study, code=code, is_external=partition == "external"
                )
            found = Patient.objects.create(
                study=self.study, pseudonym=name, centre=self.centres[code], partition=partition
            )
            self.patients[name] = found
        if found.centre.code != row["centre"]:
            raise _Bad("centre", f"patient {name} is of centre {found.centre.code}")
        if found.partition != partition:
            raise _Bad("partition", f"patient {name} is in {found.partition or 'no partition'} already")
        return found

    def reader(self, row: Row) -> StudyRole:
        code = _name(row, "reader_id", 12)
        is_truther = _one_of(row, "reader_role", ["truther", "comparison"]) == "truther"
        found = self.roles.get(code)
        if found is None:
            user = User(
                username=f"imported-{self.study.slug}-{code}"[:150],
                display_name=f"{code} (imported)",
                is_active=False,
            )
            user.set_unusable_password()
            user.save()
            found = StudyRole.objects.create(
                study=self.study, user=user, code=code, is_reader=True, is_truther=is_truther,
                granted_at=self.at,
            )  # fmt: skip
            self.roles[code] = found
        if not found.is_reader:
            raise _Bad("reader_id", f"{code} is not a reader in this study")
        if found.is_truther != is_truther:
            raise _Bad(
                "reader_role", f"{code} is {'a truther' if found.is_truther else 'a comparison reader'}"
            )
        return found


@transaction.atomic
def import_reads(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in submitted reads as the export writes them.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.READS`.
    source : str
        Where it came from, for the audit log.

    Returns
    -------
    int
        Rows taken in.

    Raises
    ------
    ImportRefused
        With every refused row; nothing is changed then.
    WrongState
        If the study is not open.
    """
    study = _writable(study)
    protocol = current_protocol(study)
    document = protocol.document
    roster = _Roster(study, at)
    versions = {each.version: each for each in study.protocols.all()}
    seen: set[tuple[str, ...]] = set()

    def check(row: Row) -> tuple[Case, StudyRole, dict[str, Any], tuple[Any, ...], datetime]:
        answer = _answer(document, row)
        showing = (
            _one_of(row, "condition", ["unaided", "aided"]),
            _whole(row, "session", 1),
            _whole(row, "occasion", 1),
            _whole(row, "read_version", 1),
        )
        if _whole(row, "protocol_version", 1) not in versions:
            raise _Bad("protocol_version", f"the study has no protocol version {row['protocol_version']}")
        _one_of(row, "status", ["final", "superseded"])
        confidence = _whole(row, "confidence", 0, 100) if row["confidence"] else None
        key = (row["case_id"], row["reader_id"], *map(str, showing), row["structure"], row["finding"])
        if key in seen:
            raise _Bad("row", "stands twice: the same reader, case, showing, version and item")
        seen.add(key)
        return (
            roster.case(row), roster.reader(row), answer | {"confidence": confidence}, showing,
            _moment(row, "submitted_at"),
        )  # fmt: skip

    good = _checked(read_table(text, READS), check)
    _write_reads(study, versions, good, at)
    record(
        event="analysis.data.imported",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        table="reads",
        n_rows=len(good),
        source=source,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    return len(good)


def _write_reads(
    study: ReaderStudy, versions: Mapping[int, Any], good: list[tuple[int, dict[str, str], Any]], at: datetime
) -> None:
    """Write assignments, reads and ratings; the reads are closed last, because closing is for good."""
    grouped: dict[tuple[Any, ...], list[tuple[dict[str, str], dict[str, Any], datetime]]] = {}
    people: dict[tuple[Any, ...], tuple[Case, StudyRole]] = {}
    for line, row, (case, role, answer, showing, moment) in good:
        key = (case.pk, role.user_id, *showing)
        if key in grouped and grouped[key][0][2] != moment:
            raise ImportRefused(
                [RowProblem(line, "submitted_at", "differs from the other rows of the same read")]
            )
        if key in grouped and grouped[key][0][0]["status"] != row["status"]:
            raise ImportRefused([RowProblem(line, "status", "differs from the other rows of the same read")])
        grouped.setdefault(key, []).append((row, answer, moment))
        people[key] = (case, role)
    assignments = _Assignments(study)
    closing: dict[datetime, list[int]] = {}
    ratings: list[Rating] = []
    for key in sorted(grouped, key=lambda key: (people[key][1].code, key[3], people[key][0].pseudonym, key)):
        (case, role), rows = people[key], grouped[key]
        condition, session, occasion, version = key[2:]
        row, _, moment = rows[0]
        read = Read.objects.create(
            assignment=assignments.of(case, role.user_id, condition, session, occasion),
            protocol=versions[int(row["protocol_version"])],
            case=case,
            reader_id=role.user_id,
            version=version,
            opened_at=moment,
            superseded_at=at if row["status"] == "superseded" else None,
        )
        closing.setdefault(moment, []).append(read.pk)
        ratings.extend(
            Rating(read=read, structure=each["structure"], finding=each["finding"], saved_at=moment, **answer)
            for each, answer, _ in rows
        )
    Rating.objects.bulk_create(ratings, batch_size=1000)
    for moment, reads in closing.items():
        Read.objects.filter(pk__in=reads).update(state=Read.State.SUBMITTED, submitted_at=moment)


class _Assignments:
    """Assignments of imported reads: one per showing, numbered in the order in which they are made."""

    def __init__(self, study: ReaderStudy) -> None:
        self.study = study
        self._made: dict[tuple[Any, ...], Assignment] = {}
        self._numbers: dict[int, int] = {}
        for each in Assignment.objects.filter(study=study):
            self._made[each.case_id, each.user_id, each.condition, each.session, each.occasion] = each
            self._numbers[each.user_id] = max(self._numbers.get(each.user_id, 0), each.running_number)

    def of(self, case: Case, user_id: int, condition: str, session: int, occasion: int) -> Assignment:
        key = (case.pk, user_id, condition, session, occasion)
        if key not in self._made:
            duty, _ = CaseDuty.objects.get_or_create(
                case=case, user_id=user_id, defaults={"duty": CaseDuty.Duty.READER}
            )
            number = self._numbers[user_id] = self._numbers.get(user_id, 0) + 1
            self._made[key] = Assignment.objects.create(
                duty=duty, case=case, user_id=user_id, study=self.study, condition=condition,
                session=session, occasion=occasion, position=number, running_number=number,
            )  # fmt: skip
        return self._made[key]


_BASIS = {
    "first reads": "agreed",
    "adjudicator": "adjudicated",
    "first readers jointly": "jointly_settled",
    "panel": "panel_read",
    "external": "external",
}


def _provenances(document: ProtocolDocument) -> list[str]:
    """Where the protocol says that the reference comes from outside, nothing of readers enters it."""
    if document.reference["from"] == "external":
        return [ReferenceGrade.Provenance.EXTERNAL.value]
    return [value for value, _ in ReferenceGrade.Provenance.choices]


@transaction.atomic
def import_reference(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in a reference standard as the export writes it.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.REFERENCE`.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`. A case of which the study has a reference already is refused.
    """
    study = _writable(study)
    document = current_protocol(study).document
    roster = _Roster(study, at)
    taken = set(
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True).values_list(
            "case_id", flat=True
        )
    )
    seen: set[tuple[str, ...]] = set()

    def check(row: Row) -> tuple[Case, dict[str, Any], list[str]]:
        case = roster.known_case(row)
        if case.pk in taken:
            raise _Bad("case_id", f"case {case.pseudonym} has a reference already")
        answer = _answer(document, row)
        answer.pop("confidence", None)
        _one_of(row, "provenance", _provenances(document))
        covered = document.reference.get("findings")
        if covered:
            _one_of(row, "finding", covered)
        contributors = [code for code in row["reader_contributed"].split(";") if code]
        unknown = [code for code in contributors if code not in roster.roles]
        if unknown:
            raise _Bad("reader_contributed", f"the study has no reader {', '.join(unknown)}")
        key = (row["case_id"], row["structure"], row["finding"])
        if key in seen:
            raise _Bad("row", "stands twice: the same case and item")
        seen.add(key)
        return case, answer, contributors

    good = _checked(read_table(text, REFERENCE), check)
    references, origins = [], []
    for _, row, (case, answer, contributors) in good:
        names = {"case": case, "structure": row["structure"], "finding": row["finding"]}
        first = row["decided_by_roles"].removesuffix("+panel")
        final = row["provenance"] in {"confirmed", "overruled"}
        basis = _BASIS.get(first, row["provenance"]) if final else row["provenance"]
        references.append(
            ReferenceGrade(**names, **answer, provenance=row["provenance"], basis=basis, decided_at=at)
        )
        origins.append(
            ImportedReference(
                **names, decided_by_roles=row["decided_by_roles"][:100], contributors=contributors
            )
        )
    ReferenceGrade.objects.bulk_create(references, batch_size=1000)
    ImportedReference.objects.bulk_create(origins, batch_size=1000)
    record(
        event="analysis.data.imported",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        table="reference",
        n_rows=len(good),
        source=source,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    return len(good)


def _probabilities(row: Row, finding: Finding) -> list[float]:
    """Probabilities of a row; a `score` of a finding of two grades is the probability of the second."""
    columns = [f"p_{k}" for k in range(finding.n_grades)]
    if row.get("score"):
        score = _real(row, "score")
        if finding.n_grades != 2 or not 0 <= score <= 1:
            raise _Bad("score", "a score lies in 0..1 and stands for a finding of two grades")
        return [1.0 - score, score]
    missing = [column for column in columns if not row.get(column)]
    if missing:
        raise _Bad(", ".join(missing), "is empty; one probability per grade is needed")
    extra = [
        name for name, value in row.items()
        if name.startswith("p_") and value and name not in columns
    ]  # fmt: skip
    if extra:
        raise _Bad(", ".join(extra), f"must be empty: {finding.id} has {finding.n_grades} grades")
    values = [_real(row, column) for column in columns]
    if any(value < 0 or value > 1 for value in values) or abs(sum(values) - 1) > 1e-3:
        raise _Bad("p_0", f"probabilities lie in 0..1 and add up to 1, not {sum(values):g}")
    return values


@transaction.atomic
def import_predictions(
    *, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str
) -> int:
    """
    Take in a model's predictions as the export writes them.

    The model version is identified by the digest of its rows; it was never approved here, so its figures
    are exploratory.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`.
    """
    study = _writable(study)
    document = current_protocol(study).document
    roster = _Roster(study, at)
    seen: set[tuple[str, ...]] = set()

    def check(row: Row) -> tuple[Case, list[float]]:
        case = roster.known_case(row)
        finding = _item(document, row)
        _name(row, "model", 80)
        _name(row, "version")
        _one_of(row, "input_points", ["automatic", "corrected", ""])
        key = (row["model"], row["version"], row["case_id"], row["structure"], row["finding"])
        if key in seen:
            raise _Bad("row", "stands twice: the same model, case and item")
        seen.add(key)
        return case, _probabilities(row, finding)

    good = _checked(read_table(text, PREDICTIONS), check)
    by_model: dict[tuple[str, str], list[tuple[dict[str, str], Case, list[float]]]] = {}
    for _, row, (case, probabilities) in good:
        by_model.setdefault((row["model"], row["version"]), []).append((row, case, probabilities))
    for (name, version), rows in by_model.items():
        _write_predictions(study, name, version, rows, at)
    record(
        event="analysis.data.imported",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        table="predictions",
        n_rows=len(good),
        source=source,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    return len(good)


def _write_predictions(
    study: ReaderStudy,
    name: str,
    version: str,
    rows: list[tuple[dict[str, str], Case, list[float]]],
    at: datetime,
) -> None:
    text = "\n".join(
        f"{row['case_id']},{row['structure']},{row['finding']},{values}" for row, _, values in rows
    )
    digest = hashlib.sha256(f"imported {name} {version}\n{text}".encode()).hexdigest()
    model = ModelVersion.objects.filter(name=name, version=version).first()
    if model is None:
        model = ModelVersion.objects.create(
            digest=digest,
            name=name,
            version=version,
            manifest={"imported": True},
            is_synthetic=study.is_demonstration,
            registered_at=at,
        )
    number = StudyRun.objects.filter(study=study).count() + 1
    study_run = StudyRun.objects.create(study=study, model=model, number=number, started_at=at)
    runs: dict[int, InferenceRun] = {}
    for row, case, _ in rows:
        if case.pk not in runs:
            runs[case.pk] = InferenceRun.objects.create(
                study_run=study_run,
                case=case,
                model=model,
                state=InferenceRun.State.DONE,
                input_key=hashlib.sha256(f"{digest} {case.public_id} {uuid.uuid4()}".encode()).hexdigest(),
                input_points=row["input_points"],
                notes=[IMPORTED],
                finished_at=at,
            )
    Prediction.objects.bulk_create(
        [
            Prediction(
                run=runs[case.pk], structure=row["structure"], finding=row["finding"], probabilities=values
            )
            for row, case, values in rows
        ],
        batch_size=1000,
    )
