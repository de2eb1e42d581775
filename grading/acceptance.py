"""Acceptance of an item after all independent first reads. Pure: answers in, decision out."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from grading.answers import GivenAnswer
from grading.models import Kind, ReferenceGrade
from readerstudy.studies.protocols.document import AgreementRule, Finding


@dataclass(frozen=True)
class Accepted:
    """An item that needs no adjudicator."""

    answer: GivenAnswer
    provenance: str


def accept(finding: Finding, answers: Sequence[GivenAnswer]) -> Accepted | None:
    """
    Decide whether the first reads of one item agree by the finding's rule.

    Parameters
    ----------
    finding : Finding
        Its `agreement` is ``exact``, ``within`` n (grades or values), or ``same-side`` of the cut.
    answers : sequence of GivenAnswer
        One per independent first read.

    Returns
    -------
    Accepted or None
        The value kept and its provenance; None where the item goes to the adjudicator. The same typed
        answer from everyone is agreed; a typed answer against a grade is discordant.

    Raises
    ------
    ValueError
        If there are fewer than two answers.
    """
    if len(answers) < 2:
        raise ValueError(f"answers holds {len(answers)} entry; at least 2 first reads are compared")
    first = answers[0]
    if all(first.same_as(other) for other in answers[1:]):
        return Accepted(first, ReferenceGrade.Provenance.AGREED)
    rule = finding.agreement
    if rule.kind == "exact" or first.kind not in {Kind.GRADE, Kind.VALUE}:
        return None
    if any(answer.kind != first.kind for answer in answers):
        return None
    if first.kind == Kind.VALUE:
        return _accept_values(rule, sorted(answer.value for answer in answers if answer.value is not None))
    grades = sorted(answer.grade for answer in answers if answer.grade is not None)
    if rule.kind == "within":
        agreed = grades[-1] - grades[0] <= rule.within
    else:
        agreed = len({grade >= finding.cut for grade in grades}) == 1
    if not agreed:
        return None
    kept = {
        "lower": grades[0],
        "higher": grades[-1],
        # The lower median: always a grade that somebody gave.
        "median": statistics.median_low(grades),
    }[rule.keep]
    return Accepted(GivenAnswer(kind=Kind.GRADE, grade=kept), ReferenceGrade.Provenance.WITHIN_RULE)


def _accept_values(rule: AgreementRule, values: list[float]) -> Accepted | None:
    """Measured values, sorted: the whole span must lie within the rule. Of two, the median is the middle."""
    # Values are decimals: 12.3 and 10.3 are 2 apart, whatever binary fractions make of it.
    if values[-1] - values[0] > rule.within + 1e-9:
        return None
    kept = {"lower": values[0], "higher": values[-1], "median": statistics.median(values)}[rule.keep]
    return Accepted(GivenAnswer(kind=Kind.VALUE, value=round(kept, 6)), ReferenceGrade.Provenance.WITHIN_RULE)
