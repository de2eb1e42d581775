"""
A small client of the results API, with nothing but Python's own library.

It signs in as a person does, asks /api/v1/ for figures, and writes the dashboard's tables from them. In a notebook:

    from results_client import ResultsClient, table
    study = ResultsClient("http://127.0.0.1:8000", "pi", "the password", study="facet-finished")
    study.summary()["summary"]["findings"]
    print(table(study.headline(finding="narrowing")))
    print(table(study.counts(finding="narrowing", partition="all")))
    study.items(finding="narrowing", who="R1", cell="fn")["items"][:3]

From a shell: python examples/results_client.py URL NAME STUDY [finding=... cut=... partition=... centre=...]
"""

import getpass
import http.cookiejar
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

MEASURES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


class ResultsClient:
    """One signed-in person looking at one unblinded study."""

    def __init__(self, address: str, name: str, password: str, *, study: str) -> None:
        self.address, self.study = address.rstrip("/"), study
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self._sign_in(name, password)

    def _sign_in(self, name: str, password: str) -> None:
        page = f"{self.address}/sign-in/"
        self.opener.open(page).read()
        token = next(cookie.value for cookie in self.cookies if cookie.name.endswith("csrftoken"))
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token, "next": ""}
        request = urllib.request.Request(
            page, urllib.parse.urlencode(form).encode(), headers={"Referer": page}
        )
        self.opener.open(request).read()
        if not any(cookie.name.endswith("sessionid") for cookie in self.cookies):
            raise PermissionError("This name and password do not fit.")

    def ask(self, what: str = "", **filters: Any) -> dict[str, Any]:
        """Ask for a part of the results: "", figures, resampled, marks, readers or items."""
        path = f"{self.address}/api/v1/studies/{self.study}/results/{what + '/' if what else ''}"
        query = urllib.parse.urlencode(filters)
        with self.opener.open(f"{path}?{query}" if query else path) as answer:
            return dict(json.load(answer))

    def summary(self) -> dict[str, Any]:
        """Plan, flow and the states that were computed."""
        return self.ask()

    def figures(self, **filters: Any) -> dict[str, Any]:
        """Every figure of one state of the filters."""
        return dict(self.ask("figures", **filters)["figures"])

    def items(self, **cell: Any) -> dict[str, Any]:
        """The items behind a number."""
        return self.ask("items", **cell)

    def headline(self, **filters: Any) -> list[list[str]]:
        """Model, mean reader and their difference, as the page's headline writes them."""
        figures = self.figures(**filters)
        rows = [["measure", "model", "mean reader", "model minus mean reader", "against the margin"]]
        for measure, block in figures["headline"].items():
            own = figures["model"]["auc_on_grades" if measure == "auc" else measure]
            decision = block["claim"]["decision"].replace("_", " ")
            rows.append(
                [measure, words(own), words(block["readers"]), words(block["difference"], 3), decision]
            )
        return rows

    def counts(self, **filters: Any) -> list[list[str]]:
        """Counts and measures of every reader and the model, as the page's last table writes them."""
        figures = self.figures(**filters)
        rows = [["who", "tp", "fn", "fp", "tn", *MEASURES]]
        for row in [*figures["readers"], *([figures["model"]] if figures["model"] else [])]:
            counts = row["counts"] or {}
            cells = [str(counts.get(name, "")) for name in ("tp", "fn", "fp", "tn")]
            rows.append([row["code"], *cells, *[words(row[name]) for name in MEASURES]])
        return rows


def words(estimate: dict[str, Any], limits: int = 2) -> str:
    """Write an estimate with its interval, or why there is none."""
    if estimate["value"] is None:
        return f"not estimable ({estimate['undefined_because']})"
    value = f"{estimate['value']:.3f}"
    if estimate["low"] is None or estimate["low"] == estimate["high"]:
        return f"{value} (no interval)"
    return f"{value} ({estimate['low']:.{limits}f} to {estimate['high']:.{limits}f})"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows in columns."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(arguments: Sequence[str]) -> None:
    """Print the headline and the counts of one state."""
    address, name, study, *rest = arguments
    filters = dict(each.split("=", 1) for each in rest)
    client = ResultsClient(address, name, getpass.getpass("Password: "), study=study)
    summary = client.summary()
    if summary["is_demonstration"]:
        print("Demonstration data: simulated, not from patients.")
    print(f"{summary['study']}, snapshot {summary['snapshot']}, data {summary['data_hash'][:12]}\n")
    print(table(client.headline(**filters)), table(client.counts(**filters)), sep="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
