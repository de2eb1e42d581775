"""Items and their cases as rows of words."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import finding_names, language
from readerstudy.analysis.results import View
from readerstudy.analysis.results.items import Cell
from readerstudy.studies.protocols.document import ProtocolDocument


def cell_names() -> dict[str, str]:
    """Return what each kind of cell holds."""
    return {
        "all": _("all items"),
        "ill": _("at or above the cut by the reference"),
        "well": _("below the cut by the reference"),
        "tp": _("true positive"),
        "fn": _("false negative"),
        "fp": _("false positive"),
        "tn": _("true negative"),
        "differs": _("another grade than the reference"),
        "not_assessable": _("called not assessable"),
        "missing": _("without an answer"),
    }


def items_title(document: ProtocolDocument, view: View, cell: Cell) -> str:
    """Return which items are listed, as a title."""
    parts = [
        _("%(finding)s, grade %(cut)s or more")
        % {"finding": finding_names(document)[view.finding], "cut": view.cut}
    ]
    levels = {each.group: each.group_label.in_language(language()) for each in document.structures}
    sides = {"right": _("Right"), "left": _("Left")}
    parts += [levels.get(cell.level, cell.level)] if cell.level else []
    parts += [sides.get(cell.side, cell.side)] if cell.side else []
    codes = [_("model") if code == "model" else code for code in (cell.who, cell.other) if code]
    words = cell_names()[cell.cell]
    if cell.other and cell.cell == "differs":
        words = _("different grades")
    if codes:
        parts.append(f"{_(' and ').join(codes)}: {words}")
    elif cell.cell != "all":
        parts.append(words)
    if cell.reference is not None:
        parts.append(_("reference grade %(grade)s") % {"grade": cell.reference})
    if cell.given is not None:
        parts.append(_("grade given %(grade)s") % {"grade": cell.given})
    return " · ".join(parts)


def _shown(answer: int | str) -> str:
    words = {"not_assessable": _("n/a"), "absent": _("absent"), "fused": _("fused")}
    return words.get(answer, "") if isinstance(answer, str) else str(answer)


def item_rows(
    rows: Sequence[Mapping[str, Any]], document: ProtocolDocument, addresses: Mapping[str, UUID]
) -> list[dict[str, Any]]:
    """Return items as the page lists them, each with the address of its case."""
    names, provenance = finding_names(document), wording.provenance_names()
    return [
        {
            "case": row["case"],
            "address": addresses.get(row["case"]),
            "structure": document.structure(row["structure"]).label.in_language(language()),
            "finding": names[row["finding"]],
            "reference": _shown(row["reference"]),
            "provenance": provenance.get(row["basis"] or row["provenance"], ""),
            "reads": [
                {"text": _shown(answer), "differs": answer != "" and answer != row["reference"]}
                for answer in row["reads"]
            ],
            "model": {
                "text": _shown(row["model"]),
                "differs": row["model"] != "" and row["model"] != row["reference"],
            },
            "score": wording.number(row["score"], 2),
        }
        for row in rows
    ]
