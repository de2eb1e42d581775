"""The results page as plain values: texts, tables and the numbers of the charts, in the page's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results import View
from readerstudy.studies.protocols.document import ProtocolDocument

Table = dict[str, Any]
MOST_SHOWN_CELLS = 400
HEADLINE = ("sensitivity", "specificity", "auc")


def _language() -> str:
    return get_language() or "en"


def finding_names(document: ProtocolDocument) -> dict[str, str]:
    """Return the label of each finding in the page's language."""
    return {finding.id: finding.label.in_language(_language()) for finding in document.findings}


def filters(
    document: ProtocolDocument, summary: Mapping[str, Any], view: View, plan: AnalysisPlan
) -> list[dict[str, Any]]:
    """Return the filter row: one select each."""
    names = finding_names(document)
    partitions = wording.partition_names()
    result = [
        {
            "name": "finding",
            "label": _("Finding"),
            "choices": [(key, names[key], key == view.finding) for key in summary["findings"]],
        },
        {
            "name": "cut",
            "label": _("Positive from grade"),
            "choices": [
                (str(cut), str(cut), cut == view.cut) for cut in range(1, summary["findings"][view.finding])
            ],
        },
        {
            "name": "partition",
            "label": _("Partition"),
            "choices": [(key, partitions[key], key == view.partition) for key in summary["partitions"]],
        },
    ]
    if len(summary["centres"]) > 1:
        everyone = _("all %(n)s") % {"n": len(summary["centres"])}
        result.append(
            {
                "name": "centre",
                "label": _("Centre"),
                "choices": [("all", everyone, view.centre == "all")]
                + [(code, code, view.centre == code) for code in summary["centres"]],
            }
        )
    return result


def fact(figures: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Return the sentence below the title: on whom, and what was left out."""
    population = figures["population"]
    partition = wording.partition_names()[figures["view"]["partition"]]
    left_out = population["items_in_view"] - population["items"]
    sentence = _("%(partition)s: %(whom)s with a reference grade") % {
        "partition": partition,
        "whom": wording.patients_and_items(population["patients"], population["items"]),
    }
    if left_out:
        sentence += _(", %(n)s not assessable or missing and left out") % {"n": wording.count(left_out)}
    readers = len(figures["compared_readers"])
    if figures["reference_readers"]:
        sentence += ". " + ngettext(
            "%(n)s reader who took no part in the reference standard.",
            "%(n)s readers who took no part in the reference standard.",
            readers,
        ) % {"n": readers}
    else:
        sentence += ". " + ngettext(
            "%(n)s reader, whose own grades helped to make the reference standard.",
            "%(n)s readers, whose own grades helped to make the reference standard.",
            readers,
        ) % {"n": readers}
    return sentence


def _decisions(figures: Mapping[str, Any]) -> dict[str, str]:
    return {name: block["claim"]["decision"] for name, block in figures["headline"].items()}


def _listed(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return _("%(first)s and in %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def _headline_title(figures: Mapping[str, Any], plan: AnalysisPlan) -> str:
    decisions = _decisions(figures)
    if not decisions:
        return _("No model to compare with")
    names = {key: name.lower() for key, name in wording.measure_names().items()}
    planned = [
        name for name in ("sensitivity", "specificity", "auc")
        if name in decisions and decisions[name] != "described"
    ]  # fmt: skip
    if not planned:
        return _("Described, no claim")
    good = [names[name] for name in planned if decisions[name] == "non_inferior"]
    bad = [names[name] for name in planned if decisions[name] == "inferior"]
    open_ = [names[name] for name in planned if decisions[name] not in {"non_inferior", "inferior"}]
    parts = []
    if good:
        parts.append(_("Non-inferior to the mean reader in %(what)s") % {"what": _listed(good)})
    if bad:
        parts.append(_("Inferior to the mean reader in %(what)s") % {"what": _listed(bad)})
    if open_:
        parts.append(_("Non-inferiority not shown in %(what)s") % {"what": _listed(open_)})
    return "; ".join(parts)


def _headline_text(figures: Mapping[str, Any], plan: AnalysisPlan, summary: Mapping[str, Any]) -> str:
    blocks = figures["headline"]
    if not blocks:
        return _("No model version has finished its runs on these cases. The readers are shown alone.")
    confirmatory = [name for name, block in blocks.items() if block["claim"]["is_confirmatory"]]
    margin = wording.number(plan.margin, 2)
    model = summary["model"]
    if confirmatory:
        return _(
            "Margin %(margin)s, fixed in the protocol. %(model)s was approved and its predictions were frozen before "
            "unblinding; patients were held out. This is confirmatory; measures that the plan does not name are "
            "described only."
        ) % {"margin": margin, "model": f"{model['name']} {model['version']}"}
    reasons = list(
        dict.fromkeys(
            code
            for name in ("sensitivity", "specificity")
            if name in blocks
            for code in blocks[name]["claim"]["exploratory_because"]
        )
    )
    return _("Exploratory. %(reasons)s The margin of %(margin)s is drawn for orientation.") % {
        "reasons": " ".join(wording.exploratory_reasons(reasons)),
        "margin": margin,
    }


def headline(figures: Mapping[str, Any], plan: AnalysisPlan, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headline: a sentence that the plan allows, over three estimates with their difference."""
    names = wording.measure_names()
    readers = len(figures["compared_readers"])
    columns = []
    for name in HEADLINE:
        if name not in figures["headline"] or figures["model"] is None:
            continue
        block = figures["headline"][name]
        own = figures["model"]["auc_on_grades" if name == "auc" else name]
        title = names[name]
        if name == "auc":
            n_grades = summary["findings"][figures["view"]["finding"]]
            title = _("AUC, both on %(n)s grades") % {"n": n_grades}
        columns.append(
            {
                "measure": name,
                "title": title,
                "model": wording.estimate(own),
                "readers": wording.estimate(block["readers"]),
                "difference": wording.estimate(block["difference"], with_sign=True),
                "decision": wording.position_words(block["claim"]["decision"]),
                "is_confirmatory": block["claim"]["is_confirmatory"],
            }
        )
    any_confirmatory = any(column["is_confirmatory"] for column in columns)
    return {
        "title": _headline_title(figures, plan),
        "text": _headline_text(figures, plan, summary),
        "columns": columns,
        "badge": _("Confirmatory") if any_confirmatory else _("Exploratory"),
        "readers_word": ngettext("reader", "readers", readers),
        "is_confirmatory": any_confirmatory,
        "method": (columns and figures["headline"]["sensitivity"]["difference"]["method"]) or "",
    }


def incorporation(figures: Mapping[str, Any]) -> list[str]:
    """Return one sentence per compared reader whose own grades made part of the reference."""
    sentences = []
    for row in figures["readers"]:
        if row["own_in_reference"]:
            sentences.append(
                _("%(reader)s: own grade made the reference of %(share)s of the items (%(own)s of %(n)s)")
                % {
                    "reader": row["code"],
                    "share": wording.percent(row["own_share"]),
                    "own": wording.count(row["own_in_reference"]),
                    "n": wording.count(row["missing"]["graded"]),
                }
            )
    return sentences


def people_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return readers, then the model."""
    rows = list(figures["readers"])
    if figures["model"]:
        rows.append(figures["model"])
    return rows


def tables(figures: Mapping[str, Any], document: ProtocolDocument, plan: AnalysisPlan) -> dict[str, Table]:
    """Return the table behind every chart, ready for a page or a CSV file, by the chart's name."""
    return {
        "headline": _headline_table(figures),
        "roc": _roc_table(figures),
        "agreement": _agreement_table(figures),
        "confusion": _confusion_table(figures),
        "forest": _forest_table(figures, document),
        "counts": _counts_table(figures),
        "multireader": _multireader_table(figures),
        "subgroups": _subgroup_table(figures, document),
        "calibration": _calibration_table(figures),
    }


def _columns(*names: str) -> list[str]:
    return list(names)


ESTIMATE_COLUMNS = ("estimate", "low", "high", "se", "n", "clusters", "method", "reason")


def _raw(given: Mapping[str, Any] | None) -> list[Any]:
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


def _long(rows: list[tuple[list[str], Mapping[str, Any] | None]], heads: list[str]) -> Table:
    """A long table: names first, then one estimate; `shown` is for the page, `rows` for the file."""
    return {
        "heads": [*heads, _("Estimate"), _("95 % interval"), _("Items"), _("Patients")],
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
        "rows": [[*names, *_raw(given)] for names, given in rows],
    }


def _headline_table(figures: Mapping[str, Any]) -> Table:
    names = wording.measure_names()
    rows: list[tuple[list[str], Mapping[str, Any] | None]] = []
    for measure, block in figures["headline"].items():
        if figures["model"]:
            own = figures["model"]["auc_on_grades" if measure == "auc" else measure]
            rows.append(([names[measure], _("model")], own))
        rows.append(([names[measure], _("mean reader")], block["readers"]))
        rows.append(([names[measure], _("model minus mean reader")], block["difference"]))
    for row in figures["each_reader"]:
        for measure in HEADLINE:
            rows.append(
                ([names[measure], _("model minus %(reader)s") % {"reader": row["code"]}], row[measure])
            )
    return _long(rows, [_("Measure"), _("Who")])


def _roc_table(figures: Mapping[str, Any]) -> Table:
    names = wording.measure_names()
    rows: list[tuple[list[str], Mapping[str, Any] | None]] = []
    for row in people_rows(figures):
        rows.append(([row["code"], names["sensitivity"]], row["sensitivity"]))
        rows.append(([row["code"], names["specificity"]], row["specificity"]))
        rows.append(([row["code"], _("AUC on the readers' scale")], row["auc_on_grades"]))
    if figures["curve"]:
        rows.append(([figures["model"]["code"], _("AUC from probabilities")], figures["curve"]["auc"]))
    return _long(rows, [_("Who"), _("Measure")])


def _agreement_table(figures: Mapping[str, Any]) -> Table:
    rows: list[tuple[list[str], Mapping[str, Any] | None]] = []
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
            rows.append(([pair, labels[0][1]], reason))
            continue
        rows.extend(([pair, label], row[key]) for key, label in labels)
    for row in figures["agreement"]["with_reference"]:
        name = _("%(who)s with the reference") % {"who": row["code"]}
        rows.extend(([name, label], row[key]) for key, label in labels)
    return _long(rows, [_("Who"), _("Measure")])


def _confusion_table(figures: Mapping[str, Any]) -> Table:
    rows = []
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
        "columns": ["who", "reference_grade", "given_grade", "items"],
        "rows": rows,
    }


def _forest_table(figures: Mapping[str, Any], document: ProtocolDocument) -> Table:
    names, measures = finding_names(document), wording.measure_names()
    rows: list[tuple[list[str], Mapping[str, Any] | None]] = []
    for row in figures["forest"]:
        for measure in HEADLINE:
            if measure in row:
                label = _("%(finding)s, grade %(cut)s or more") % {
                    "finding": names[row["finding"]],
                    "cut": row["cut"],
                }
                decision = wording.position_words(row[measure]["claim"]["decision"])
                rows.append(([label, measures[measure], decision], row[measure]["difference"]))
    return _long(rows, [_("Finding"), _("Model minus mean reader"), _("Margin")])


def multireader(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the comparisons that treat readers as a sample, each as a table or as the reason why not."""
    parts = []
    for key, title, first, second in (
        ("model", _("Readers against the model"), _("mean reader"), _("model")),
        ("aided", _("Without the aid against with it"), _("unaided"), _("aided")),
    ):
        given = figures["multireader"][key]
        if given is None:
            continue
        part: dict[str, Any] = {"key": key, "title": title, "refused": "", "rows": [], "fact": ""}
        parts.append(part)
        if "refused" in given:
            part["refused"] = wording.multireader_refusal(given)
            continue
        part["fact"] = _(
            "AUC on the readers' scale, %(first)s minus %(second)s; %(whom)s that everyone graded"
        ) % {
            "first": first,
            "second": second,
            "whom": wording.patients_and_items(given["patients"], given["items"]),
        }
        part["rows"] = [_multireader_row(row) for row in given["rows"]]
    return parts


def _multireader_row(row: Mapping[str, Any]) -> dict[str, Any]:
    claim = {"code": row["claim"], "claim": wording.claim_words(row["claim"])}
    if "refused" in row:
        return claim | {"refused": row["refused"]}
    return claim | {
        "means": [
            f"{wording.number(mean['estimate']['value'])} ({mean['treatment']})" for mean in row["means"]
        ],
        "difference": wording.estimate(row["difference"], digits=4, with_sign=True),
        "test": wording.p_value(row["global_test"], is_global=True)
        if row["global_test"]
        else wording.p_value(row["test"]),
    }


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
                    *_raw(row["difference"]),
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
                "cells": [wording.count(cell) for cell in cells],
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


def _subgroup_label(row: Mapping[str, Any], document: ProtocolDocument) -> str:
    """Name a subgroup in the page's language."""
    if row["kind"] == "centre":
        return _("Centre %(name)s") % {"name": row["name"]}
    if row["kind"] == "side":
        return {"right": _("Right"), "left": _("Left")}.get(row["name"], row["name"])
    levels = {each.group: each.group_label.in_language(_language()) for each in document.structures}
    return levels.get(row["name"], row["name"])


def _subgroup_table(figures: Mapping[str, Any], document: ProtocolDocument) -> Table:
    measures = wording.measure_names()
    rows: list[tuple[list[str], Mapping[str, Any] | None]] = []
    for row in figures["subgroups"]:
        label = _subgroup_label(row, document)
        rows.extend(([label, measures[name]], row[name]["difference"]) for name in HEADLINE if name in row)
    return _long(rows, [_("Subgroup"), _("Model minus mean reader")])


def _calibration_table(figures: Mapping[str, Any]) -> Table:
    given = figures["calibration"]
    rows: list[tuple[list[str], Mapping[str, Any] | None]] = []
    if given:
        rows.append(([_("Brier score"), ""], given["brier"]))
        rows.extend(
            ([_("observed share"), wording.number(each["predicted"])], each["observed"])
            for each in given["bins"]
        )
    return _long(rows, [_("What"), _("Predicted")])


def flow_steps(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of the flow diagram: how many cases and items went where."""
    flow = summary["flow"]
    partitions, provenance = wording.partition_names(), wording.provenance_names()
    settled = [(provenance[name], wording.count(n)) for name, n in flow["basis"].items() if n]
    return [
        {
            "title": _("Enrolled"),
            "n": wording.count(flow["cases"]),
            "unit": _("cases"),
            "parts": [(reason, wording.count(n)) for reason, n in flow["excluded"].items()]
            + ([(_("withdrawn"), wording.count(flow["withdrawn"]))] if flow["withdrawn"] else []),
            "parts_title": _("left out"),
        },
        {
            "title": _("Included"),
            "n": wording.count(flow["included"]),
            "unit": _("cases"),
            "parts": [(partitions[name], wording.count(n)) for name, n in flow["partition_cases"].items()],
            "parts_title": _("partition"),
        },
        {
            "title": _("Read"),
            "n": wording.count(flow["reads_submitted"]),
            "unit": _("first reads"),
            "parts": [],
            "parts_title": "",
        },
        {
            "title": _("Settled"),
            "n": wording.count(flow["items"]),
            "unit": _("items"),
            "parts": settled,
            "parts_title": _("how they arose"),
        },
        {
            "title": _("Analysed"),
            "n": wording.count(flow["analysed"]),
            "unit": _("cases"),
            "parts": [(_("unfinished"), wording.count(flow["unfinished"]))] if flow["unfinished"] else [],
            "parts_title": _("left out"),
        },
    ]


def chart_data(figures: Mapping[str, Any], document: ProtocolDocument, plan: AnalysisPlan) -> dict[str, Any]:
    """Return what the charts draw: numbers, and every text that they show."""
    names = finding_names(document)
    finding = document.finding(figures["view"]["finding"])
    return {
        "figures": {
            key: figures[key]
            for key in ("view", "headline", "model", "readers", "curve", "agreement", "forest", "calibration")
        }
        | {"subgroups": [row | {"label": _subgroup_label(row, document)} for row in figures["subgroups"]]}
        | {"confusion": {key: figures["confusion"][key] for key in ("model", "readers")}},
        "margin": plan.margin,
        "findingNames": names,
        "grades": [
            {"value": grade.value, "label": grade.label.in_language(_language())} for grade in finding.scale
        ],
        "text": {
            "sensitivity": _("Sensitivity"),
            "specificity": _("Specificity"),
            "oneMinusSpecificity": _("1 − specificity"),
            "to": _("%(low)s to %(high)s") % {"low": "{low}", "high": "{high}"},
            "margin": _("margin"),
            "modelCurve": _("Model: AUC {value}"),
            "ci": _("from probabilities, {interval}"),
            "model": _("Model"),
            "readersTogether": _("Readers {codes} together"),
            "reference": _("Reference"),
            "givenByModel": _("Grade given by the model"),
            "givenByReaders": _("Grade given by the readers"),
            "betweenReaders": _("Between readers"),
            "withReference": _("With the reference standard"),
            "and": _("{first} and {second}"),
            "notEstimable": _("Not estimable"),
            "differentCases": _("not one pair on every case"),
            "same": _("same grade"),
            "oneApart": _("one apart"),
            "further": _("two or more"),
            "distance": _("Distance from the reference"),
            "gradeAtLeast": _("grade ≥ {cut}: {positive} of {items}"),
            "sensitivityDifference": _("Sensitivity, model minus mean reader"),
            "specificityDifference": _("Specificity, model minus mean reader"),
            "noInterval": _("no interval"),
            "predicted": _("Predicted probability"),
            "observed": _("Observed share"),
            "oneGroup": _("The items shown are of one group only."),
            "noModel": _("No model was run on these cases."),
            "noCurve": _("No curve: {reason}"),
            "reasons": {
                reason: _(reason)
                for reason in ("no positive items", "no negative items")
            },
            "decisions": {
                code: wording.position_words(code)
                for code in (
                    "non_inferior", "inferior", "not_shown", "not_tested", "described", "not_estimable",
                    "no_variability",
                )
            },
        },
    }  # fmt: skip
