"""Comparisons that treat readers as a sample, as rows of words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis import wording


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
