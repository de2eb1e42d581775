"""
Everything of an unblinded study as files: long tables, iMRMC's form, a data dictionary, the snapshot.

The same database gives the same bytes: rows are ordered by codes, times are UTC, floats are written in full.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from grading.models import Adjudication, Rating, Read, ReferenceGrade
from inference.models import Prediction
from readerstudy.accounts.models import User
from readerstudy.analysis.datasets import Dataset
from readerstudy.analysis.exchange_columns import (
    ADJUDICATIONS,
    CASES,
    IMRMC,
    MEANING,
    PREDICTIONS,
    READS,
    REFERENCE,
)
from readerstudy.analysis.mark_tables import LESIONS, MARKS, lesion_rows, mark_rows
from readerstudy.analysis.mark_tables import MEANING as MARK_MEANING
from readerstudy.analysis.models import ImportedReference, Snapshot, UnblindingEvent
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.grades import predicted, score_at
from readerstudy.analysis.selectors import FINISHED_RUNS, protocol_of
from readerstudy.analysis.services.locking import note_unblinding
from readerstudy.analysis.services.snapshots import dataset_of, latest_snapshot
from readerstudy.core.audit import record
from readerstudy.studies.models import Case, Protocol, ReaderStudy, StudyRole


class ExportRefused(Exception):
    """An export before unblinding. Nothing was written."""


DEMONSTRATION = "DEMONSTRATION DATA: simulated, not from patients."


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else value


def as_csv(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV text: UTF-8, newline ends, empty for nothing, floats in full."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def _units(document: Any) -> dict[str, str]:
    return {finding.id: finding.unit for finding in document.findings}


def read_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every submitted answer, all versions, in the order of `READS`."""
    protocol = protocol_of(study)
    units = _units(protocol.document)
    roles = {
        role.user_id: (role.code, "truther" if role.is_truther else "comparison")
        for role in StudyRole.objects.filter(study=study)
    }
    presentation = _presentation(protocol)
    rows = (
        Rating.objects.filter(read__case__study=study, read__state=Read.State.SUBMITTED)
        .select_related("read__case__patient__centre", "read__assignment", "read__protocol")
        .order_by("pk")
    )
    found = []
    for row in rows.iterator(5000):
        read, case, assignment = row.read, row.read.case, row.read.assignment
        code, role = roles.get(read.reader_id, ("?", ""))
        found.append(
            (
                case.pseudonym, case.patient.pseudonym, case.patient.centre.code, case.patient.partition,
                presentation, row.structure, row.finding, code, role, assignment.condition,
                assignment.session, assignment.occasion, read.version, read.protocol.version, row.kind,
                row.grade, row.value, units[row.finding] if row.kind == "value" else "", row.reason,
                row.confidence, "final" if read.superseded_at is None else "superseded",
                _time(read.submitted_at),
            )
        )  # fmt: skip
    yield from sorted(found, key=lambda row: (row[0], row[7], row[9], *row[10:13], row[5], row[6]))


def _presentation(protocol: Protocol) -> str:
    present = protocol.document.reading["present"]
    return "together" if present == "together" else "+".join(present["separately"])


_DECIDED_BY = {
    "agreed": "first reads",
    "agreed_within_rule": "first reads",
    "adjudicated": "adjudicator",
    "jointly_settled": "first readers jointly",
    "panel_read": "panel",
    "external": "external",
}


def _decided_by(provenance: str, basis: str) -> str:
    if provenance in {"confirmed", "overruled"}:
        first = _DECIDED_BY.get(basis, "")
        return "panel" if provenance == "overruled" else f"{first}+panel".lstrip("+")
    return _DECIDED_BY.get(provenance, "")


def reference_rows(study: ReaderStudy, dataset: Dataset) -> Iterator[tuple[Any, ...]]:
    """Yield every standing reference answer in the order of `REFERENCE`."""
    imported = {
        (row.case_id, row.structure, row.finding): row
        for row in ImportedReference.objects.filter(case__study=study)
    }
    contributors = _contributors(dataset)
    rows = (
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True)
        .select_related("case__patient")
        .order_by("case__pseudonym", "structure", "finding")
    )
    for row in rows.iterator(5000):
        given = imported.get((row.case_id, row.structure, row.finding))
        key = (row.case.pseudonym, row.structure, row.finding)
        yield (
            row.case.pseudonym, row.case.patient.pseudonym, row.structure, row.finding, row.kind, row.grade,
            row.value, row.provenance,
            given.decided_by_roles if given else _decided_by(row.provenance, row.basis),
            ";".join(given.contributors) if given else contributors.get(key, ""),
        )  # fmt: skip


def _contributors(dataset: Dataset) -> dict[tuple[str, str, str], str]:
    """Codes of the readers whose own grade made an item's reference."""
    result = {}
    n = len(dataset.structures)
    codes = [reader.code for reader in dataset.readers]
    for finding, data in dataset.findings.items():
        for place in data.contributed.any(axis=1).nonzero()[0]:
            names = [code for code, own in zip(codes, data.contributed[place], strict=True) if own]
            key = (dataset.cases[place // n].pseudonym, dataset.structures[place % n], finding)
            result[key] = ";".join(names)
    return result


def prediction_table(study: ReaderStudy) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the columns and rows of the predictions; one p_k column per grade of the longest scale."""
    document = protocol_of(study).document
    width = max((finding.n_grades for finding in document.findings), default=0)
    columns = [*PREDICTIONS, *(f"p_{k}" for k in range(width))]

    def rows() -> Iterator[list[Any]]:
        found = (
            Prediction.objects.filter(run__case__study=study, run__state__in=FINISHED_RUNS)
            .order_by("run__case__pseudonym", "run__model__name", "run__model__version", "structure", "finding")
            .values_list(
                "run__case__pseudonym", "run__case__patient__pseudonym", "structure", "finding",
                "run__model__name", "run__model__version", "run__input_points", "probabilities",
            )
        )  # fmt: skip
        for *names, probabilities in found.iterator(5000):
            given = [float(p) for p in probabilities]
            yield [*names, *given, *([None] * (width - len(given)))]

    return columns, rows()


def case_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every case in the order of `CASES`."""
    cases = Case.objects.filter(study=study).select_related("patient__centre").order_by("pseudonym")
    for case in cases.iterator(5000):
        centre = case.patient.centre
        yield (
            case.pseudonym, case.patient.pseudonym, centre.code, centre.is_external, case.patient.partition,
            case.status, case.exclusion_reason,
            "by convention" if case.sides_accepted_by_convention else "established",
        )  # fmt: skip


def adjudication_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every decision of an adjudicator in the order of `ADJUDICATIONS`."""
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = (
        Adjudication.objects.filter(discordance__case__study=study)
        .select_related("discordance__case__patient", "kept_read")
        .order_by("discordance__case__pseudonym", "structure", "finding", "settled_at", "pk")
    )
    for row in rows.iterator(5000):
        case = row.discordance.case
        covered = row.covered_answer or {}
        yield (
            case.pseudonym, case.patient.pseudonym, row.structure, row.finding, row.discordance.is_audit,
            row.choice, codes.get(row.kept_read.reader_id, "") if row.kept_read else "", row.kind, row.grade,
            row.value, row.reason_code, covered.get("kind"), covered.get("grade"),
            "final" if row.superseded_at is None else "superseded", _time(row.settled_at),
        )  # fmt: skip


def imrmc_rows(dataset: Dataset, finding: str, cut: int) -> Iterator[tuple[Any, ...]]:
    """
    Yield one finding at one cut in iMRMC's form: truth first, then every reader and the model.

    An item is a case there: iMRMC knows no clusters, so its intervals are too narrow for several joints of
    one patient. The file's first line says so.
    """
    data = dataset.findings[finding]
    n = len(dataset.structures)
    names = [
        f"{dataset.cases[place // n].pseudonym}.{dataset.structures[place % n]}"
        for place in range(dataset.n_items)
    ]
    graded = (data.reference >= 0).nonzero()[0]
    for place in graded:
        yield "truth", names[place], "truth", int(data.reference[place] >= cut)
    for column, reader in enumerate(dataset.readers):
        for place in graded:
            if data.reads[place, column] >= 0:
                yield reader.code, names[place], "unaided", int(data.reads[place, column])
    if dataset.model:
        scores = score_at(data.probabilities, cut)
        for place in graded[predicted(data.probabilities[graded])]:
            yield dataset.model.label, names[place], "model alone", float(scores[place])


def _dictionary(study: ReaderStudy) -> str:
    document = protocol_of(study).document
    rows: list[tuple[Any, ...]] = []
    for table, columns in (
        ("reads", READS), ("reference", REFERENCE), ("predictions", (*PREDICTIONS, "p_k")), ("cases", CASES),
        ("adjudications", ADJUDICATIONS),
    ):  # fmt: skip
        rows.extend((table, column, "", "", MEANING[column]) for column in columns)
    if document.marks:
        for table, columns in (("marks", MARKS), ("lesions", LESIONS)):
            rows.extend(
                (table, column, "", "", MARK_MEANING.get(column) or MEANING.get(column, ""))
                for column in columns
            )
    for structure in document.structures:
        rows.append(("codes", "structure", structure.id, str(structure.label), ""))
    for finding in document.findings:
        rows.append(("codes", "finding", finding.id, str(finding.label), str(finding.definition)))
        rows.extend(
            (
                "codes", f"grade of {finding.id}", grade.value, str(grade.label),
                str(grade.hint) if grade.hint else "",
            )
            for grade in finding.scale
        )  # fmt: skip
    for code, label in document.not_assessable_reasons:
        rows.append(("codes", "reason", code, str(label), ""))
    return as_csv(("table", "column", "code", "label", "meaning"), rows)


def _about(study: ReaderStudy, snapshot: Snapshot) -> dict[str, Any]:
    protocol = protocol_of(study)
    return {
        "study": study.slug,
        "title": study.title,
        "is_demonstration": study.is_demonstration,
        "registration": protocol.document.registration,
        "protocol": protocol.document.id,
        "protocol_version": protocol.version,
        "protocol_digest": protocol.digest,
        "data_hash": study.data_hash,
        "predictions_hash": study.predictions_hash,
        "locked_at": _time(study.locked_at),
        "unblinded_at": _time(study.unblinded_at),
        "snapshot": snapshot.number,
        "code_version": snapshot.code_version,
        "results_digest": snapshot.results_digest,
    }


def _readme(study: ReaderStudy, names: Iterable[str]) -> str:
    lines = [f"{study.title} ({study.slug})"]
    if study.is_demonstration:
        lines.insert(0, DEMONSTRATION)
    lines += [
        "",
        "Long tables, UTF-8, one answer per row. Codes and columns are explained in data_dictionary.csv.",
        "sensitivity is also called recall, positive predictive value (PPV) precision.",
        "The patient is the unit of inference: joints of one patient are not independent.",
        "The files in iMRMC's form treat every joint as a case of its own; iMRMC knows no clusters.",
        "",
        *names,
    ]
    return "\n".join(lines) + "\n"


def export_files(study: ReaderStudy) -> dict[str, str]:
    """
    Return every file of an unblinded study: name -> text.

    Raises
    ------
    ExportRefused
        Before unblinding, or before the first snapshot is computed.
    """
    snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
    if snapshot is None:
        raise ExportRefused("Rows leave the study after unblinding, with a computed snapshot.")
    dataset = dataset_of(snapshot)
    plan = AnalysisPlan.from_dict(snapshot.plan)
    columns, predictions = prediction_table(study)
    files = {
        "reads.csv": as_csv(READS, read_rows(study)),
        "reference.csv": as_csv(REFERENCE, reference_rows(study, dataset)),
        "predictions.csv": as_csv(columns, predictions),
        "cases.csv": as_csv(CASES, case_rows(study)),
        "adjudications.csv": as_csv(ADJUDICATIONS, adjudication_rows(study)),
        "data_dictionary.csv": _dictionary(study),
        "protocol.yaml": protocol_of(study).source,
        "study.json": json.dumps(_about(study, snapshot), indent=1, ensure_ascii=False) + "\n",
        "results.json": json.dumps(snapshot.results, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
    }
    if protocol_of(study).document.marks:
        files["marks.csv"] = as_csv(MARKS, mark_rows(study))
        files["lesions.csv"] = as_csv(LESIONS, lesion_rows(study))
    for finding in dataset.findings:
        cut = plan.cut_of(finding)
        note = "# iMRMC knows no clusters: several joints of one patient are taken as independent cases\n"
        mark = f"# {DEMONSTRATION}\n" if study.is_demonstration else ""
        files[f"imrmc-{finding}-{cut}.csv"] = mark + note + as_csv(IMRMC, imrmc_rows(dataset, finding, cut))
    files["README.txt"] = _readme(study, sorted(files))
    return files


def export_listing(study: ReaderStudy) -> list[tuple[str, int | None]]:
    """
    Return the names of an export's files with the rows of the long tables, without making them.

    Raises
    ------
    ExportRefused
        As `export_files`.
    """
    snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
    if snapshot is None:
        raise ExportRefused("Rows leave the study after unblinding, with a computed snapshot.")
    plan = AnalysisPlan.from_dict(snapshot.plan)
    counted = {
        "reads.csv": Rating.objects.filter(read__case__study=study, read__state=Read.State.SUBMITTED).count(),
        "reference.csv": ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True).count(),
        "predictions.csv": Prediction.objects.filter(
            run__case__study=study, run__state__in=FINISHED_RUNS
        ).count(),
        "cases.csv": Case.objects.filter(study=study).count(),
        "adjudications.csv": Adjudication.objects.filter(discordance__case__study=study).count(),
    }
    if protocol_of(study).document.marks:
        counted["marks.csv"] = sum(1 for _ in mark_rows(study))
        counted["lesions.csv"] = sum(1 for _ in lesion_rows(study))
    names = [
        *counted, "data_dictionary.csv", "protocol.yaml", "study.json", "results.json", "README.txt",
        *(
            f"imrmc-{finding}-{plan.cut_of(finding)}.csv"
            for finding in snapshot.results["summary"]["findings"]
        ),
    ]  # fmt: skip
    return [(name, counted.get(name)) for name in sorted(names)]


def as_archive(files: dict[str, str], folder: str) -> bytes:
    """Return the files as one ZIP archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name].encode())
    return buffer.getvalue()


def folder_name(study: ReaderStudy) -> str:
    """Return the name of the export's folder; demonstration data say so in it."""
    return f"{study.slug}-demonstration" if study.is_demonstration else study.slug


@transaction.atomic
def write_export(*, study: ReaderStudy, actor: User | None, at: datetime) -> dict[str, str]:
    """
    Return every file of a study and record that they were taken.

    Raises
    ------
    ExportRefused
        As `export_files`.
    """
    files = export_files(study)
    record(
        event="analysis.export.written",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        files=", ".join(sorted(files)),
    )
    if actor is not None:
        note_unblinding(study=study, actor=actor, act=UnblindingEvent.Act.EXPORT, at=at)
    return files
