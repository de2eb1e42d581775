"""The page of marks as plain values."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.tables import ESTIMATE_COLUMNS, Table, linked, raw_cells
from readerstudy.analysis.datasets import PRIMARY

CURVES = ("FROC", "AFROC", "wAFROC")


def _figure_titles() -> dict[str, str]:
    return {
        "wAFROC": _("wAFROC"),
        "AFROC": _("AFROC"),
        "wAFROC1": _("wAFROC1"),
        "AFROC1": _("AFROC1"),
        "HrAuc": _("AUC of the highest mark"),
        "MaxLLF": _("Lesions marked"),
        "MaxNLFAllCases": _("False marks per case"),
        "LROC": _("Area under LROC"),
    }


def marks_fact(
    figures: Mapping[str, Any], partition: str, summary: Mapping[str, Any], analysis_set: str = PRIMARY
) -> str:
    """Return the sentence below the title: on whom."""
    cases = ngettext("%(n)s case", "%(n)s cases", figures["cases"]) % {"n": wording.count(figures["cases"])}
    sentence = _("%(partition)s: %(cases)s, %(diseased)s of them with %(lesions)s lesions.") % {
        "partition": wording.partition_names()[partition],
        "cases": cases,
        "diseased": wording.count(figures["diseased"]),
        "lesions": wording.count(figures["lesions"]),
    }
    if len(summary.get("sets", ())) < 2:
        return sentence
    # A case of which somebody's read is left out leaves that person's figures, and every comparison.
    left = [
        f"{row['code']} {figures['cases'] - row['cases']}"
        for row in figures["people"]
        if row.get("cases", figures["cases"]) < figures["cases"]
    ]
    sentence += f" {wording.set_names()[analysis_set]}."
    if left:
        sentence += " " + _("Cases left out per reader: %(left)s.") % {"left": ", ".join(dict.fromkeys(left))}
    return sentence


def chosen_condition(figures: Mapping[str, Any], asked: str) -> str:
    """Return the condition whose curves are drawn: the one asked for, else the first."""
    found = list(dict.fromkeys(row["condition"] for row in figures["people"]))
    return asked if asked in found else (found[0] if found else "")


def marks_filters(
    results: Mapping[str, Any],
    partition: str,
    figures: Mapping[str, Any],
    condition: str,
    analysis_set: str = PRIMARY,
) -> list[dict[str, Any]]:
    """Return the filter row: partition, analysis set where several differ, the condition whose curves are drawn."""
    sets = wording.set_names()
    offered = results["summary"].get("sets", ()) if results.get("marks_of_sets") else ()
    names = wording.partition_names()
    conditions = list(dict.fromkeys(row["condition"] for row in figures["people"]))
    return [
        {
            "name": "partition",
            "label": _("Partition"),
            "choices": [(key, names[key], key == partition) for key in results["marks"]],
        },
        *(
            [
                {
                    "name": "set",
                    "label": _("Reads"),
                    "choices": [(key, sets[key], key == analysis_set) for key in offered],
                }
            ]
            if offered
            else []
        ),
        {
            "name": "condition",
            "label": _("Curves of condition"),
            "choices": [(key, key, key == condition) for key in conditions],
        },
    ]


def _value(figure: Mapping[str, Any], digits: int = 3) -> str:
    if figure["value"] is None:
        return _("Not estimable: %(reason)s") % {"reason": _(figure["undefined_because"])}
    return wording.number(figure["value"], digits)


def marks_rows(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of figures of merit: a row per reader or model and condition."""
    names = ("wAFROC", "AFROC", "HrAuc", "MaxNLFAllCases")
    titles = _figure_titles()
    return {
        "heads": [titles[name] for name in names],
        "rows": [
            {
                "who": row["code"],
                "kind": row["kind"],
                "condition": row["condition"],
                "marks": wording.count(row["marks"]),
                "values": [_value(row["figures"][name]) for name in names],
                "estimates": [wording.estimate(row[name]) for name in ("precision", "recall", "f1")],
            }
            for row in figures["people"]
        ],
    }


def marks_refusal(given: Mapping[str, Any]) -> str:
    """Return why a comparison of marks is not shown."""
    return {
        "one_condition": _("One reading condition: there is nothing to compare."),
        "few_readers": _(
            "%(n)s readers: nothing can be said of readers like them with fewer than %(needed)s."
        ),
        "several_cases_of_a_patient": _(
            "Some patients have several cases. The jackknife leaves out one case at a time and would call the "
            "interval too narrow, so no comparison is shown."
        ),
        "no_common_condition": _("No condition was marked both by the model and by three readers."),
        "not_one_mark_per_case": _(
            "LROC needs one rating and one place for every case from everyone; these marks are not that."
        ),
        "one_class": _("Not estimable: %(positive)s of %(of)s cases have a lesion."),
    }[given["refused"]] % given


def marks_comparisons(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the comparisons, each as tables by figure of merit or as the reason why not."""
    parts = []
    for key, title in (
        ("conditions", _("Conditions against each other")),
        ("model", _("Readers against the model")),
    ):
        given = figures[key]
        if given is None:
            continue
        part: dict[str, Any] = {"key": key, "title": title, "refused": "", "figures": []}
        parts.append(part)
        if "refused" in given:
            part["refused"] = marks_refusal(given)
        elif key == "conditions":
            part["figures"] = [
                {
                    "code": name,
                    "title": _figure_titles()[name],
                    "rows": list(_condition_rows(claims)),
                    "refused": "",
                }
                for name, claims in given["figures"].items()
            ]
        else:
            part["figures"] = list(_model_figures(given["conditions"]))
    return parts


def _condition_rows(claims: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for claim in claims:
        words = {"code": claim["claim"], "claim": wording.claim_words(claim["claim"])}
        if "refused" in claim:
            yield words | {"refused": claim["refused"]}
            continue
        if len(claim["means"]) > 2:
            yield words | {
                "pair": _("all alike"),
                "test": wording.p_value(claim["global_test"], is_global=True),
            }
        for each in claim["differences"]:
            is_only = len(claim["means"]) == 2
            yield words | {
                "pair": _("%(first)s minus %(second)s") % each,
                "difference": wording.estimate(each["difference"], digits=4, with_sign=True),
                "test": wording.p_value(claim["global_test"], is_global=True)
                if is_only
                else wording.p_value(each["test"]),
            }


def _model_figures(conditions: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in conditions:
        for name, given in one["figures"].items():
            title = _figure_titles()[name]
            if len(conditions) > 1:
                title = f"{title}, {one['condition']}"
            if "refused" in given:
                yield {"code": name, "title": title, "rows": [], "refused": marks_refusal(given)}
                continue
            rows = []
            for row in given["rows"]:
                words = {"code": row["claim"], "claim": wording.claim_words(row["claim"])}
                if "refused" in row:
                    rows.append(words | {"refused": row["refused"]})
                    continue
                pair = _("mean reader %(readers)s minus model %(model)s") % {
                    "readers": wording.number(row["readers"]["value"]),
                    "model": wording.number(row["model"]),
                }
                rows.append(
                    words
                    | {
                        "pair": pair,
                        "difference": wording.estimate(row["difference"], digits=4, with_sign=True),
                        "test": wording.p_value(row["test"]),
                    }
                )
            yield {"code": name, "title": title, "rows": rows, "refused": ""}


def marks_tables(figures: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables behind the page, as files hold them."""
    return {
        "figures": _figures_table(figures),
        "curves": _curves_table(figures),
        "comparisons": _comparisons_table(figures),
    }


def _table(columns: list[str], rows: list[list[Any]], numbers_from: int = 9) -> Table:
    return {"heads": columns, "shown": [], "numbers_from": numbers_from, "columns": columns, "rows": rows}


def _figures_table(figures: Mapping[str, Any]) -> Table:
    rows = []
    for row in figures["people"]:
        who = [row["code"], row["kind"], row["condition"]]
        for name, figure in row["figures"].items():
            rows.append(
                [
                    *who,
                    name,
                    figure["value"],
                    None,
                    None,
                    None,
                    figures["cases"],
                    None,
                    "",
                    figure["undefined_because"],
                ]
            )
        rows.extend([*who, name, *raw_cells(row[name])] for name in ("precision", "recall", "f1"))
    return _table(["who", "kind", "condition", "figure", *ESTIMATE_COLUMNS], rows)


def _curves_table(figures: Mapping[str, Any]) -> Table:
    heads = [_("Who"), _("Condition"), _("Curve"), "x", "y"]
    rows = [
        [row["code"], row["condition"], name, x, y]
        for row in figures["people"]
        for name in CURVES
        for x, y in zip(*row["curves"][name], strict=True)
    ]
    table = _table(["who", "condition", "curve", "x", "y"], rows, 3)
    shown = [[*row[:3], wording.number(row[3]), wording.number(row[4])] for row in rows[:400]]
    return linked(table | {"heads": heads, "shown": shown})


def _comparisons_table(figures: Mapping[str, Any]) -> Table:
    columns = [
        "comparison", "figure", "claim", "first", "second", *ESTIMATE_COLUMNS, "statistic", "df", "df2", "p"
    ]  # fmt: skip
    rows: list[list[Any]] = []

    def add(names: list[Any], difference: Mapping[str, Any], test: Mapping[str, Any]) -> None:
        rows.append(
            [*names, *raw_cells(difference), test["statistic"], test["df"], test.get("df2"), test["p"]]
        )

    conditions, model = figures["conditions"], figures["model"]
    for name, claims in (conditions or {}).get("figures", {}).items():
        for claim in claims:
            for each in claim.get("differences", ()):
                names = ["conditions", name, claim["claim"], each["first"], each["second"]]
                add(names, each["difference"], each["test"])
    for one in (model or {}).get("conditions", ()):
        for name, given in one["figures"].items():
            for row in given.get("rows", ()):
                if "refused" not in row:
                    names = [f"model, {one['condition']}", name, row["claim"], "readers", "model"]
                    add(names, row["difference"], row["test"])
    return _table(columns, rows)


def marks_chart_data(figures: Mapping[str, Any], condition: str) -> dict[str, Any]:
    """Return what the curves draw."""
    return {
        "curves": [
            {"code": row["code"], "kind": row["kind"], "curves": row["curves"]}
            for row in figures["people"]
            if row["condition"] == condition
        ],
        "text": {
            "falsePerCase": _("False marks per case"),
            "lesions": _("Share of lesions marked"),
            "weightedLesions": _("Share of lesions marked, weighted"),
            "falseCases": _("Share of cases without a lesion that have a false mark"),
            "noCurve": _("Nobody marked a lesion or a case here."),
        },
    }
