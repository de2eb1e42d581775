"""Files that explain the others: data dictionary, facts of the study, read me."""

from collections.abc import Iterable
from typing import Any

from readerstudy.analysis.exchange_columns import (
    ADJUDICATIONS,
    CASES,
    CLINICAL_VALUES,
    LESIONS,
    MARKS,
    MEANING,
    PREDICTIONS,
    READS,
    REFERENCE,
)
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.selectors import protocol_of
from readerstudy.analysis.services.exports.cells import DEMONSTRATION, as_csv
from readerstudy.analysis.services.exports.tables import time_text
from readerstudy.studies.models import ReaderStudy


def dictionary_text(study: ReaderStudy) -> str:
    document = protocol_of(study).document
    rows: list[tuple[Any, ...]] = []
    for table, columns in (
        ("reads", READS), ("reference", REFERENCE), ("predictions", (*PREDICTIONS, "p_k")), ("cases", CASES),
        ("clinical", CLINICAL_VALUES),
        ("adjudications", ADJUDICATIONS), ("lesions", LESIONS), ("marks", MARKS),
    ):  # fmt: skip
        rows.extend((table, column, "", "", MEANING[column]) for column in columns)
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


def facts_of_study(study: ReaderStudy, snapshot: Snapshot) -> dict[str, Any]:
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
        "locked_at": time_text(study.locked_at),
        "unblinded_at": time_text(study.unblinded_at),
        "snapshot": snapshot.number,
        "code_version": snapshot.code_version,
        "results_digest": snapshot.results_digest,
    }


def readme_text(study: ReaderStudy, names: Iterable[str]) -> str:
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
