"""What may be claimed of a difference, and what several end points take back."""

import math

import pytest
from scipy.stats import t

from readerstudy.analysis.plan import AnalysisPlan, Endpoint
from readerstudy.analysis.results.claims import claim, p_of_margin, with_multiplicity
from readerstudy.stats import Estimate


def plan(multiplicity="none", endpoints=("sensitivity", "specificity")):
    return AnalysisPlan(
        endpoints=tuple(Endpoint("narrowing", name, "mean-reader", 2) for name in endpoints),
        cuts={"narrowing": 2}, primary_model="", model_grade="argmax", margin=0.05, alpha=0.05,
        multiplicity=multiplicity, bootstrap=2000, seed=1, protocol_digest="0" * 64,
    )  # fmt: skip


def difference(value, se, m=50):
    half = t.ppf(0.975, m - 1) * se
    return Estimate(value, value - half, value + half, se, 500, m, "difference", 0.95)


@pytest.mark.parametrize(
    ("value", "se", "position"),
    [
        (0.02, 0.02, "non_inferior"),
        (-0.03, 0.005, "non_inferior"),
        (0.0, 0.03, "not_shown"),
        (-0.06, 0.01, "not_shown"),
        (-0.12, 0.02, "inferior"),
        (0.0, 0.0, "no_variability"),
    ],
)
def test_position_of_the_interval_to_the_margin(value, se, position):
    assert claim(difference(value, se), plan(), [])["position"] == position


def test_p_value_agrees_with_the_one_sided_limit():
    # The lower limit on the margin itself: p is half of alpha.
    m, se = 40, 0.03
    value = -0.05 + t.ppf(0.975, m - 1) * se
    assert p_of_margin(difference(value, se, m), 0.05) == pytest.approx(0.025, abs=1e-9)


def test_undefined_difference_claims_nothing():
    gone = Estimate.undefined("no positive items", n=0, n_clusters=0, method="difference", confidence=0.95)
    given = claim(gone, plan(), [])
    assert (given["position"], given["p_margin"]) == ("not_estimable", None)


def _claims(the_plan, **differences):
    given = {f"narrowing|{name}|2": claim(one, the_plan, []) for name, one in differences.items()}
    with_multiplicity(given, the_plan)
    return {key.split("|")[1]: one["decision"] for key, one in given.items()}


def test_hierarchy_stops_at_the_first_end_point_that_fails():
    weak, strong = difference(0.0, 0.03), difference(0.05, 0.01)
    assert _claims(plan("hierarchical"), sensitivity=weak, specificity=strong) == {
        "sensitivity": "not_shown",
        "specificity": "not_tested",
    }
    assert _claims(plan("hierarchical"), sensitivity=strong, specificity=weak) == {
        "sensitivity": "non_inferior",
        "specificity": "not_shown",
    }


def test_holm_asks_the_smallest_p_for_half_of_alpha_over_all():
    # p = 0.02 passes alone (0.025) but not as the smaller of two (0.0125).
    m = 1000
    se = 0.01
    at = lambda p: difference(-0.05 + t.ppf(1 - p, m - 1) * se, se, m)  # noqa: E731
    both = _claims(plan("holm"), sensitivity=at(0.02), specificity=at(0.022))
    assert both == {"sensitivity": "not_shown", "specificity": "not_shown"}
    first = _claims(plan("holm"), sensitivity=at(0.001), specificity=at(0.022))
    assert first == {"sensitivity": "non_inferior", "specificity": "non_inferior"}
    assert math.isclose(p_of_margin(at(0.02), 0.05), 0.02, rel_tol=1e-6)


def test_exploratory_claims_are_described():
    given = {"narrowing|sensitivity|2": claim(difference(0.05, 0.01), plan(), ["not_held_out"])}
    with_multiplicity(given, plan())
    assert given["narrowing|sensitivity|2"]["decision"] == "described"
    assert given["narrowing|sensitivity|2"]["position"] == "non_inferior"
