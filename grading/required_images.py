"""
Which series a protocol requires for a case: those that its hanging protocol puts up.

The rules are those of the viewer (``static/js/viewer/hanging.js``); the server applies them itself, so that a
page cannot leave an image out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from readerstudy.imaging.selectors import RADIOGRAPHS, SeriesRow
from readerstudy.studies.protocols.document import ProtocolDocument

#: Where no hanging protocol fits, the viewer puts up this many series as they come.
AS_THEY_COME = 3


def required_series(document: ProtocolDocument, series: Sequence[SeriesRow]) -> tuple[SeriesRow, ...]:
    """
    Return the series of a case that must have been shown at full quality before its read is submitted.

    That is the first hanging protocol for which the case has every image, else the one of which it has most,
    else the first series as they come.

    Parameters
    ----------
    document : ProtocolDocument
    series : sequence of SeriesRow
        The case's series in the order in which the viewer is told of them.
    """
    filled = [
        (_fill(each["viewports"], series), len(each["viewports"])) for each in document.display["hanging"]
    ]
    complete = [found for found, wanted in filled if len(found) == wanted]
    if complete:
        return complete[0]
    most = max((found for found, _ in filled), key=len, default=())
    return most or tuple(series[:AS_THEY_COME])


def _fill(rules: Sequence[Mapping[str, Any]], series: Sequence[SeriesRow]) -> tuple[SeriesRow, ...]:
    used: list[SeriesRow] = []
    for rule in rules:
        fitting = [each for each in series if each not in used and _fits(rule, each)]
        weighting = str(rule.get("weighting", "")).lower()
        preferred = [each for each in fitting if not weighting or weighting in _words(each)]
        used += (preferred or fitting)[:1]
    return tuple(used)


def _fits(rule: Mapping[str, Any], series: SeriesRow) -> bool:
    wanted = rule.get("modality", "")
    if wanted and wanted != series.modality and not (wanted == "XR" and series.modality in RADIOGRAPHS):
        return False
    if rule.get("plane") and rule["plane"] != series.plane:
        return False
    return not rule.get("view") or str(rule["view"]).lower() == series.view.lower()


def _words(series: SeriesRow) -> list[str]:
    text = f"{series.weighting} {series.label}".lower()
    return "".join(c if c.isascii() and c.isalnum() else " " for c in text).split()
