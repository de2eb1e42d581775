"""The table behind every chart, for the page and as a file."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import HEADLINE, finding_names, people_rows, subgroup_label
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.studies.protocols.document import ProtocolDocument

Table = dict[str, Any]


MOST_SHOWN_CELLS = 400


def linked(table: Table) -> Table:
    """Put each shown row beside the address of its items and its method, as the page lists them."""
    nothing = [""] * len(table["shown"])
    links, methods = table.get("links") or nothing, table.get("methods") or nothing
    return table | {"linked": list(zip(table["shown"], links, methods, strict=True))}


def tables(figures: Mapping[str, Any], document: ProtocolDocument, plan: AnalysisPlan) -> dict[str, Table]:
    """Return the table behind every chart, ready for a page or a CSV file, by the chart's name."""
    made = {
        "headline": _headline_table(figures),
        "roc": _roc_table(figures),
        "aided": _aided_table(figures),
        "pr": _precision_recall_table(figures),
        "agreement": _agreement_table(figures),
        "confusion": _confusion_table(figures),
        "forest": _forest_table(figures, document),
        "counts": _counts_table(figures),
        "multireader": _multireader_table(figures),
        "subgroups": _subgroup_table(figures, document),
        "calibration": _calibration_table(figures),
    }
    return {name: linked(table) for name, table in made.items()}


def _columns(*names: str) -> list[str]:
    return list(names)


ESTIMATE_COLUMNS = ("estimate", "low", "high", "se", "n", "clusters", "method", "reason")


def raw_cells(given: Mapping[str, Any] | None) -> list[Any]:
    """The columns of an estimate in a file: full precision, and the reason where there is none."""
    if given is None:
        return [None, None, None, None, 0, 0, "", _("not estimable")]
    return [
        given["value"],
        given["low"],
        given["high"],
        given["se"],
        given["n"],
        given["n_clusters"],
        given["method"],
        given["undefined_because"] or given["note"],
    ]


#: Names of a row, its estimate, and which items it is made of, as `results.items.cell_from` reads them; None where
#: they cannot be named.
Row = tuple[list[str], Mapping[str, Any] | None, dict[str, str] | None]


def long_table(given_rows: Sequence[Row], heads: list[str]) -> Table:
    """
    A long table: names first, then one estimate.

    `shown` is for the page, `rows` for the file; `links` are the queries of the items behind each row, and `link_at`
    is the column that carries them.
    """
    rows = [row[:2] for row in given_rows]
    return {
        "links": ["" if row[2] is None else urlencode({"cell": "all"} | row[2]) for row in given_rows],
        "link_at": len(heads) + 2,
        "methods": [wording.estimate(given)["method"] for _names, given in rows],
        "heads": [*heads, _("Estimate"), _("95 %\u00a0interval"), _("Items"), _("Patients")],
        "shown": [
            [
                *names,
                wording.estimate(given)["value"] or wording.estimate(given)["words"],
                wording.estimate(given)["interval"],
                wording.count(given["n"]) if given else "",
                wording.count(given["n_clusters"]) if given else "",
            ]
            for names, given in rows
        ],
        "numbers_from": len(heads),
        "columns": [*heads, *ESTIMATE_COLUMNS],
        "rows": [[*names, *raw_cells(given)] for names, given in rows],
    }


def _who(row: Mapping[str, Any]) -> str:
    """A person's name in an address."""
    return "model" if row["kind"] == "model" else str(row["code"])


def _behind(measure: str, **more: str) -> dict[str, str]:
    """A person's items: those with the finding for sensitivity, those without for specificity, else all graded."""
    return {**more, "cell": {"sensitivity": "ill", "specificity": "well"}.get(measure, "all")}


def _headline_table(figures: Mapping[str, Any]) -> Table:
    names = wording.measure_names()
    rows: list[Row] = []
    for measure, block in figures["headline"].items():
        if figures["model"]:
            own = figures["model"]["auc_on_grades" if measure == "auc" else measure]
            rows.append(([names[measure], _("model")], own, _behind(measure, who="model")))
        rows.append(([names[measure], _("mean reader")], block["readers"], {}))
        rows.append(([names[measure], _("model minus mean reader")], block["difference"], {}))
    for row in figures["each_reader"]:
        for measure in HEADLINE:
            pair = [names[measure], _("model minus %(reader)s") % {"reader": row["code"]}]
            rows.append((pair, row[measure], {"who": "model", "other": row["code"]}))
    return long_table(rows, [_("Measure"), _("Who")])


def _roc_table(figures: Mapping[str, Any]) -> Table:
    names = wording.measure_names()
    rows: list[Row] = []
    for row in people_rows(figures):
        for measure in ("sensitivity", "specificity"):
            rows.append(([row["code"], names[measure]], row[measure], _behind(measure, who=_who(row))))
        auc = _("AUC on the readers' scale")
        rows.append(([row["code"], auc], row["auc_on_grades"], _behind("auc", who=_who(row))))
    if figures["curve"]:
        name = [figures["model"]["code"], _("AUC from probabilities")]
        rows.append((name, figures["curve"]["auc"], _behind("auc", who="model")))
    if figures.get("cooccurrence"):
        name = [_("the other findings alone"), _("AUC from probabilities")]
        rows.append((name, figures["cooccurrence"], _behind("auc")))
    return long_table(rows, [_("Who"), _("Measure")])


def _aided_table(figures: Mapping[str, Any]) -> Table:
    measures = wording.measure_names()
    rows: list[Row] = []
    for row in figures.get("aided", ()):
        rows.extend(([row["code"], measures[name]], row[name], {"who": row["code"]}) for name in HEADLINE)
    return long_table(rows, [_("Who"), _("With the aid minus without it")])


def _precision_recall_table(figures: Mapping[str, Any]) -> Table:
    """The model's curve point by point, and the readers' points."""
    given = figures.get("precision_recall") or {"recall": [], "precision": []}
    rows = [[_("model"), x, y] for x, y in zip(given["recall"], given["precision"], strict=True)]
    rows += [[row["code"], row["sensitivity"]["value"], row["ppv"]["value"]] for row in figures["readers"]]
    shown = [[who, wording.number(x), wording.number(y)] for who, x, y in rows[-400:]]
    heads = [_("Who"), _("Recall (sensitivity)"), _("Precision (PPV)")]
    columns = ["who", "recall", "precision"]
    return {"heads": heads, "shown": shown, "numbers_from": 1, "columns": columns, "rows": rows}


def _agreement_table(figures: Mapping[str, Any]) -> Table:
    rows: list[Row] = []
    labels = (
        ("kappa", _("quadratic weighted kappa")),
        ("exact", _("same grade")),
        ("within_one", _("within one grade")),
    )
    for row in figures["agreement"]["between_readers"]:
        pair = _("%(first)s and %(second)s") % row
        if "refused" in row:
            reason = {
                "value": None,
                "low": None,
                "high": None,
                "se": None,
                "n": 0,
                "n_clusters": 0,
                "method": "",
                "note": "",
                "undefined_because": _("%(common)s of %(of)s cases in common: not one pair on every case")
                % row,
            }
            rows.append(([pair, labels[0][1]], reason, None))
            continue
        both = {"who": row["first"], "other": row["second"]}
        rows.extend(([pair, label], row[key], both) for key, label in labels)
    for row in figures["agreement"]["with_reference"]:
        name = _("%(who)s with the reference") % {"who": row["code"]}
        rows.extend(([name, label], row[key], {"who": _who(row)}) for key, label in labels)
    return long_table(rows, [_("Who"), _("Measure")])


def _confusion_table(figures: Mapping[str, Any]) -> Table:
    rows: list[list[Any]] = []
    links: list[dict[str, str]] = []
    together = 0
    for place, (who, matrix) in enumerate(
        (
            (_("model"), figures["confusion"]["model"]),
            (_("readers together"), figures["confusion"]["readers"]),
            *figures["confusion"]["each"].items(),
        )
    ):
        if place == 2:
            together = len(rows)
        if matrix is None:
            continue
        for reference, line in enumerate(matrix["table"]):
            rows.extend([who, reference, given, n] for given, n in enumerate(line))
            # What the readers gave together counts answers, not items: the cell of one reader is listed.
            person = "model" if place == 0 else "" if place == 1 else who
            links.extend(
                {"who": person, "reference": str(reference), "given": str(given)} if person else {}
                for given in range(len(line))
            )
    heads = [_("Who"), _("Reference grade"), _("Grade given"), _("Items")]
    # The page lists what the chart shows; the file holds every reader's matrix too.
    shown = [
        [row[0], str(row[1]), str(row[2]), wording.count(row[3])]
        for row in rows[:together][:MOST_SHOWN_CELLS]
    ]
    return {
        "heads": heads,
        "shown": shown,
        "numbers_from": 1,
        "links": [urlencode(link) for link in links[: len(shown)]],
        "link_at": 3,
        "columns": ["who", "reference_grade", "given_grade", "items"],
        "rows": rows,
    }


def _forest_table(figures: Mapping[str, Any], document: ProtocolDocument) -> Table:
    names, measures = finding_names(document), wording.measure_names()
    rows: list[Row] = []
    for row in figures["forest"]:
        for measure in HEADLINE:
            if measure in row:
                label = _("%(finding)s, grade %(cut)s or more") % {
                    "finding": names[row["finding"]],
                    "cut": row["cut"],
                }
                decision = wording.position_words(row[measure]["claim"]["decision"])
                behind = {"finding": row["finding"], "cut": str(row["cut"])}
                rows.append(([label, measures[measure], decision], row[measure]["difference"], behind))
    return long_table(rows, [_("Finding"), _("Model minus mean reader"), _("Margin")])


def _multireader_table(figures: Mapping[str, Any]) -> Table:
    columns = ["comparison", "claim", *ESTIMATE_COLUMNS, "statistic", "df", "df2", "p"]
    rows = []
    for key in ("model", "aided"):
        given = figures["multireader"][key]
        for row in (given or {}).get("rows", []):
            if "refused" in row:
                continue
            test = row["global_test"] or row["test"]
            rows.append(
                [
                    key,
                    row["claim"],
                    *raw_cells(row["difference"]),
                    test["statistic"],
                    test["df"],
                    test["df2"],
                    test["p"],
                ]
            )
    return {"heads": columns, "shown": [], "numbers_from": 2, "columns": columns, "rows": rows}


def _counts_table(figures: Mapping[str, Any]) -> Table:
    measures = wording.measure_names()
    shown, rows = [], []
    wanted = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")
    for row in people_rows(figures):
        counts = row["counts"] or {"tp": None, "fn": None, "fp": None, "tn": None}
        cells = [counts[key] for key in ("tp", "fn", "fp", "tn")]
        shown.append(
            {
                "who": row["code"],
                "kind": row["kind"],
                "key": "model" if row["kind"] == "model" else row["code"],
                "cells": [
                    {"name": name, "n": wording.count(cell)}
                    for name, cell in zip(("tp", "fn", "fp", "tn"), cells, strict=True)
                ],
                "estimates": [wording.estimate(row[name]) for name in wanted],
                "missing": row["missing"],
            }
        )
        line: list[Any] = [row["code"], *cells]
        for name in wanted:
            line += [row[name]["value"], row[name]["low"], row[name]["high"]]
        rows.append([*line, *row["missing"].values()])
    columns = ["who", "tp", "fn", "fp", "tn"]
    for name in wanted:
        columns += [name, f"{name}_low", f"{name}_high"]
    return {
        "measures": [measures[name] for name in wanted],
        "shown": shown,
        "columns": [*columns, "graded", "not_assessable", "absent_or_fused", "missing"],
        "rows": rows,
    }


def _subgroup_table(figures: Mapping[str, Any], document: ProtocolDocument) -> Table:
    measures = wording.measure_names()
    rows: list[Row] = []
    for row in figures["subgroups"]:
        label = subgroup_label(row, document)
        group = {row["kind"]: row["name"]}
        rows.extend(
            ([label, measures[name]], row[name]["difference"], group) for name in HEADLINE if name in row
        )
    return long_table(rows, [_("Subgroup"), _("Model minus mean reader")])


def _calibration_table(figures: Mapping[str, Any]) -> Table:
    given = figures["calibration"]
    rows: list[Row] = []
    if given:
        rows.append(([_("Brier score"), ""], given["brier"], _behind("auc", who="model")))
        rows.extend(
            ([_("observed share"), wording.number(each["predicted"])], each["observed"], None)
            for each in given["bins"]
        )
    return long_table(rows, [_("What"), _("Predicted")])
