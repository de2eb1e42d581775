"""The page of readers as plain values: time, repeats, trends, audit."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import finding_names
from readerstudy.analysis.dashboard.tables import ESTIMATE_COLUMNS, Table, raw_cells
from readerstudy.studies.protocols.document import ProtocolDocument


def _seconds(value: float | None) -> str:
    return "" if value is None else _("%(n)s s") % {"n": wording.number(value, 0)}


def reader_times(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how long each reader took, and whether it changed with the cases read."""
    rows = []
    index = {row["code"]: row for row in given["disagreement"]}
    for row in given["times"]:
        quartiles = row["quartiles"]
        trend = wording.estimate(row["trend"], with_sign=True)
        rows.append(
            {
                "code": row["code"],
                "reads": wording.count(row["reads"]),
                "median": _seconds(quartiles[1]) if quartiles else _("no time was recorded"),
                "quartiles": _("%(low)s to %(high)s")
                % {"low": _seconds(quartiles[0]), "high": _seconds(quartiles[2])}
                if quartiles
                else "",
                "trend": trend,
                "by_case": wording.estimate(index[row["code"]]["by_case"]),
                "by_item": wording.estimate(index[row["code"]]["by_item"]),
            }
        )
    return rows


def reader_findings(given: Mapping[str, Any], document: ProtocolDocument) -> list[dict[str, Any]]:
    """Return, by finding and reader, shares and the agreement with the reader's own repeats."""
    names = finding_names(document)
    return [
        {
            "finding": names[row["finding"]],
            "code": row["code"],
            "positive": wording.estimate(row["positive"]),
            "not_assessable": wording.estimate(row["not_assessable"]),
            "repeats": wording.count(row["repeats"]["n"]),
            "kappa": wording.estimate(row["repeats"]["kappa"], 2),
            "exact": wording.estimate(row["repeats"]["exact"]),
        }
        for row in given["findings"]
    ]


def audit_rows(given: Mapping[str, Any], document: ProtocolDocument) -> list[dict[str, Any]]:
    """Return what the audit of agreed items says, by finding."""
    names = finding_names(document)
    return [
        {
            "finding": names[row["finding"]],
            "agreed": wording.count(row["agreed"]),
            "audited": wording.count(row["audited"]),
            "wrong": wording.count(row["wrong"]),
            "rate": wording.estimate(row["rate"]),
            "share_of_all": wording.estimate(row["share_of_all"]),
            "expected": wording.number(row["expected_items"], 0),
        }
        for row in given["audit"]
    ]


def readers_tables(given: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables of the page as files hold them."""
    columns = ["finding", "who", "figure", *ESTIMATE_COLUMNS]
    findings: list[list[Any]] = []
    for row in given["findings"]:
        who = [row["finding"], row["code"]]
        findings.append([*who, "share of positive items", *raw_cells(row["positive"])])
        findings.append([*who, "share of not assessable items", *raw_cells(row["not_assessable"])])
        findings.append([*who, "kappa within repeats", *raw_cells(row["repeats"]["kappa"])])
        findings.append([*who, "same grade within repeats", *raw_cells(row["repeats"]["exact"])])
    times: list[list[Any]] = []
    for row in given["times"]:
        quartiles = row["quartiles"] or [None, None, None]
        times.append([row["code"], row["reads"], *quartiles, *raw_cells(row["trend"])])
    audit = [
        [row["finding"], row["agreed"], row["audited"], row["wrong"], name, *raw_cells(row[name])]
        for row in given["audit"]
        for name in ("rate", "share_of_all")
    ]
    head = ["finding", "agreed", "audited", "wrong", "figure", *ESTIMATE_COLUMNS]
    time_head = ["who", "reads", "quartile_1_s", "median_s", "quartile_3_s", *ESTIMATE_COLUMNS]
    return {
        name: {"heads": heads, "shown": [], "numbers_from": 3, "columns": heads, "rows": rows}
        for name, heads, rows in (
            ("findings", columns, findings),
            ("times", time_head, times),
            ("audit", head, audit),
        )
    }


def readers_chart_data(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the chart of times draws."""
    return {
        "times": [{"code": row["code"], "running": row.get("running", [])} for row in given["times"]],
        "text": {
            "order": _("Place in the reader's own order"),
            "seconds": _("Seconds per case, running median"),
            "noTime": _("No time was recorded: these reads came from a table."),
        },
    }
