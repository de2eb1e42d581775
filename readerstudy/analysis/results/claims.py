"""
What may be claimed of a difference: non-inferior, inferior, not shown, or only described.

A figure is confirmatory when the plan names its finding, measure and cut, the patients were held out, the model
was named before unblinding, and no reader in the comparison helped to make the reference standard.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from readerstudy.analysis.datasets import PRIMARY, Dataset
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.views import ALL, View
from readerstudy.stats import Estimate
from readerstudy.stats.distributions import t_tail


def why_exploratory(
    dataset: Dataset, plan: AnalysisPlan, view: View, measure: str, incorporated: bool
) -> list[str]:
    """Return the reasons, as codes, why a comparison is exploratory; none when it is confirmatory."""
    reasons = []
    if plan.planned(view.finding, measure, view.cut) is None:
        reasons.append("not_planned")
    if not view.is_held_out:
        reasons.append("not_held_out")
    if view.centre != ALL:
        reasons.append("one_centre")
    if view.analysis_set != PRIMARY:
        reasons.append("other_set")
    if dataset.model is not None and not dataset.model.is_primary:
        reasons.append("model_not_named")
    if dataset.model is not None and not dataset.model.is_approved:
        reasons.append("model_not_approved")
    if incorporated:
        reasons.append("incorporation")
    return reasons


def _position(difference: Estimate, margin: float) -> str:
    if not difference.defined or math.isnan(difference.low):
        return "not_estimable"
    if difference.se == 0.0:
        return "no_variability"
    if difference.low > -margin:
        return "non_inferior"
    return "inferior" if difference.high < -margin else "not_shown"


def p_of_margin(difference: Estimate, margin: float) -> float | None:
    """One-sided p-value of "the model is worse by the margin or more"; None where there is none."""
    if not difference.defined or math.isnan(difference.se) or difference.se == 0.0:
        return None
    df = (difference.n_clusters or 2) - 1
    return t_tail((difference.value + margin) / difference.se, df, "greater")


def claim(difference: Estimate, plan: AnalysisPlan, reasons: Sequence[str]) -> dict[str, Any]:
    """Return where the interval lies to the margin, whether that is a claim, and why not."""
    return {
        "position": _position(difference, plan.margin),
        "p_margin": p_of_margin(difference, plan.margin),
        "is_confirmatory": not reasons,
        "exploratory_because": list(reasons),
        "margin": plan.margin,
    }


def with_multiplicity(claims: Mapping[str, dict[str, Any]], plan: AnalysisPlan) -> None:
    """
    Take back confirmatory claims that the plan's rule for several end points does not allow.

    `claims` maps ``finding|measure|cut`` to a claim and is changed in place: `decision` is the
    position, or ``not_tested`` after an earlier end point of a hierarchy failed, or ``not_shown`` where
    Holm's step does not reach.
    """
    order = [f"{each.finding}|{each.measure}|{each.cut}" for each in plan.endpoints]
    for one in claims.values():
        one["decision"] = one["position"] if one["is_confirmatory"] else "described"
    confirmatory = [key for key in order if key in claims and claims[key]["is_confirmatory"]]
    if plan.multiplicity == "hierarchical":
        standing = True
        for key in confirmatory:
            if not standing:
                claims[key]["decision"] = "not_tested"
            standing = standing and claims[key]["position"] == "non_inferior"
    elif plan.multiplicity == "holm":
        tested = sorted(
            (key for key in confirmatory if claims[key]["p_margin"] is not None),
            key=lambda key: claims[key]["p_margin"],
        )
        standing = True
        for rank, key in enumerate(tested):
            standing = standing and claims[key]["p_margin"] <= plan.alpha / 2 / (len(tested) - rank)
            if claims[key]["position"] == "non_inferior" and not standing:
                claims[key]["decision"] = "not_shown"
