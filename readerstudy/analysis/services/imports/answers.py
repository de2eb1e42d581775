"""Cells that the study's protocol decides: items, answers, probabilities."""

from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis.services.imports.tables import BadCell, Row, one_of, real_number, whole_number
from readerstudy.studies.protocols.document import Finding, ProtocolDocument


def item_of(document: ProtocolDocument, row: Row) -> Finding:
    one_of(row, "structure", [structure.id for structure in document.structures])
    one_of(row, "finding", [finding.id for finding in document.findings])
    return document.finding(row["finding"])


def answer_of(document: ProtocolDocument, row: Row) -> dict[str, Any]:
    """The answer of a row as column values."""
    finding = item_of(document, row)
    typed = [name.replace("-", "_") for name in finding.typed]
    own = "value" if finding.kind == "continuous" else "grade"
    kind = one_of(row, "kind", [own, *typed])
    other = {"grade": "value", "value": "grade"}.get(kind)
    for column in ("grade", "value"):
        if row[column] and (kind not in {"grade", "value"} or column == other):
            raise BadCell(column, _("must be empty where kind is %(kind)s") % {"kind": kind})
    if kind == "grade":
        return {"kind": kind, "grade": whole_number(row, "grade", 0, finding.n_grades - 1)}
    if kind == "value":
        return {"kind": kind, "value": real_number(row, "value")}
    reasons = [name for name, __ in document.not_assessable_reasons]
    reason = row.get("reason", "")
    if kind == "not_assessable" and reason and reason not in reasons:
        raise BadCell(
            "reason",
            _("%(value)r is not allowed; allowed are %(allowed)s")
            % {"value": reason, "allowed": ", ".join(reasons)},
        )
    return {"kind": kind, "reason": reason}


def probabilities_of(row: Row, finding: Finding) -> list[float]:
    """Probabilities of a row; a `score` of a finding of two grades is the probability of the second."""
    columns = [f"p_{k}" for k in range(finding.n_grades)]
    if row.get("score"):
        score = real_number(row, "score")
        if finding.n_grades != 2 or not 0 <= score <= 1:
            raise BadCell("score", _("a score lies in 0..1 and stands for a finding of two grades"))
        return [1.0 - score, score]
    missing = [column for column in columns if not row.get(column)]
    if missing:
        raise BadCell(", ".join(missing), _("is empty; one probability per grade is needed"))
    extra = [
        name for name, value in row.items()
        if name.startswith("p_") and value and name not in columns
    ]  # fmt: skip
    if extra:
        raise BadCell(
            ", ".join(extra),
            _("must be empty: %(finding)s has %(n)d grades") % {"finding": finding.id, "n": finding.n_grades},
        )
    values = [real_number(row, column) for column in columns]
    if any(value < 0 or value > 1 for value in values) or abs(sum(values) - 1) > 1e-3:
        raise BadCell(
            "p_0", _("probabilities lie in 0..1 and add up to 1, not %(sum)g") % {"sum": sum(values)}
        )
    return values
