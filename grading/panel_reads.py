"""How the panel's own reads make the reference of an item. Pure: answers in, decision out."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grading.answers import GivenAnswer
from grading.models import Kind
from readerstudy.studies.protocols.document import Finding


@dataclass(frozen=True)
class PanelDecision:
    """The reference of one item, and whether no majority stood behind it."""

    answer: GivenAnswer
    no_majority: bool = False


def decide(
    finding: Finding, answers: Mapping[str, GivenAnswer], reference: Mapping[str, Any]
) -> PanelDecision:
    """
    Decide one item from the panel's reads.

    Parameters
    ----------
    finding : Finding
    answers : mapping
        Code of the member -> answer.
    reference : mapping
        The protocol's section: ``decide`` (``majority``, ``median`` or ``chair``) and ``chair`` (a code).

    Returns
    -------
    PanelDecision
        ``chair``: the chair's answer. ``median``: the middle of those who graded or measured, where they are more
        than half; of an even number the lower grade, or the middle of two values. ``majority``: what more than half
        say. Where neither decides, the chair does, else the median of those who graded, else the most frequent
        answer; the item is then marked as without a majority.
    """
    given = list(answers.values())
    chair = answers.get(str(reference.get("chair", "")))
    if reference["decide"] == "chair" and chair is not None:
        return PanelDecision(chair)
    (kind, grade, value), most = Counter((each.kind, each.grade, each.value) for each in given).most_common(
        1
    )[0]
    reason = next(each.reason for each in given if each.kind == kind)
    frequent = GivenAnswer(kind=kind, grade=grade, value=value, reason=reason)
    middle = _median(finding, given)
    if reference["decide"] == "median" and middle is not None:
        return PanelDecision(middle)
    if most * 2 > len(given):
        return PanelDecision(frequent)
    return PanelDecision(chair or middle or frequent, no_majority=True)


def _median(finding: Finding, given: list[GivenAnswer]) -> GivenAnswer | None:
    """The middle of the grades or values, where more than half gave one and they have an order."""
    if finding.kind == "nominal":
        return None
    grades = [each.grade for each in given if each.grade is not None]
    values = [each.value for each in given if each.value is not None]
    if max(len(grades), len(values)) * 2 <= len(given):
        return None
    if values:
        return GivenAnswer(kind=Kind.VALUE, value=round(statistics.median(values), 6))
    # The lower median: always a grade that somebody gave.
    return GivenAnswer(kind=Kind.GRADE, grade=statistics.median_low(grades))
