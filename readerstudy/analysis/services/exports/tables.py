"""The long tables, row by row."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from grading.models import Adjudication, Rating, Read, ReferenceGrade
from inference.models import Prediction
from readerstudy.analysis.datasets import Dataset
from readerstudy.analysis.exchange_columns import PLACE, PREDICTIONS
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.results.grades import predicted, score_at
from readerstudy.analysis.selectors import FINISHED_RUNS, lesions_of, marks_of, protocol_of
from readerstudy.core.cells import written_text
from readerstudy.studies.models import Case, Protocol, ReaderStudy, StudyRole


def time_text(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


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
                time_text(read.submitted_at),
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


def clinical_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every clinical value in the order of `CLINICAL_VALUES`."""
    cases = Case.objects.filter(study=study).exclude(clinical={}).select_related("patient")
    for case in cases.order_by("pseudonym"):
        for name, value in sorted(case.clinical.items()):
            yield case.pseudonym, case.patient.pseudonym, written_text(name), written_text(value)


def adjudication_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every decision of an adjudicator in the order of `ADJUDICATIONS`."""
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = (
        Adjudication.objects.filter(discordance__case__study=study)
        .select_related("discordance__case__patient", "kept_read", "sent_back")
        .order_by("discordance__case__pseudonym", "structure", "finding", "settled_at", "pk")
    )
    for row in rows.iterator(5000):
        case = row.discordance.case
        covered = row.covered_answer or {}
        back = getattr(row, "sent_back", None)
        yield (
            case.pseudonym, case.patient.pseudonym, row.structure, row.finding, row.discordance.is_audit,
            row.choice, codes.get(row.kept_read.reader_id, "") if row.kept_read else "", row.kind, row.grade,
            row.value, row.reason_code, covered.get("kind"), covered.get("grade"),
            "final" if row.superseded_at is None else "superseded", time_text(row.settled_at),
            written_text(back.reason_code or back.reason_text) if back else "", time_text(back and back.sent_at),
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


def lesion_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every lesion of the reference standard in the order of `LESIONS`."""
    for row in lesions_of(study):
        yield (
            row.case, row.patient, row.lesion, row.lesion_class, row.weight,
            *(row.place.get(name) for name in PLACE),
        )  # fmt: skip


def mark_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every mark, with the lesion that it hits, in the order of `MARKS`."""
    for row in marks_of(study):
        yield (
            row.case, row.patient, "" if row.is_model else row.by, row.by if row.is_model else "", row.condition,
            row.mark, row.shape, row.mark_class, row.confidence, row.value, row.unit,
            *(row.place.get(name) for name in PLACE), row.lesion,
        )  # fmt: skip
