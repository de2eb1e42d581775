"""Figures with a bootstrap interval, as words; the page shows them when they are there."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.tables import ESTIMATE_COLUMNS, Table, raw_cells

RESAMPLED_TABLES = ("precision", "matched")


def resampled(figures: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return average precision, calibration error and the matched points as words; None while pending."""
    if figures is None:
        return None
    return {
        "average_precision": wording.estimate(figures["average_precision"]),
        "calibration_error": wording.estimate(figures["calibration_error"]),
        "matched": [
            {
                "code": row["code"],
                "specificity": wording.number(row["specificity"]),
                "sensitivity": wording.number(row["sensitivity"]),
                "model": wording.estimate(row["model"])["words"],
                "difference": wording.estimate(row["difference"], with_sign=True)["words"],
                "test": wording.p_value(row["test"] | {"df": None, "df2": None}),
            }
            for row in figures["matched"]
        ],
    }


def resampled_tables(figures: Mapping[str, Any]) -> dict[str, Table]:
    """Return the bootstrap figures as files hold them."""
    columns = ["who", "figure", *ESTIMATE_COLUMNS, "seed"]
    precision: list[list[Any]] = []
    for name in ("average_precision", "calibration_error"):
        if figures[name] is not None:
            precision.append([_("model"), name, *raw_cells(figures[name]), figures[name]["seed"]])
    matched: list[list[Any]] = []
    for row in figures["matched"]:
        for name in ("model", "difference"):
            figure = "model at the reader's specificity" if name == "model" else "model minus reader"
            matched.append([row["code"], figure, *raw_cells(row[name]), row[name]["seed"]])
    return {
        name: {"heads": columns, "shown": [], "numbers_from": 2, "columns": columns, "rows": rows}
        for name, rows in (("precision", precision), ("matched", matched))
    }
