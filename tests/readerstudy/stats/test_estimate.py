import json
import math

import pytest

from readerstudy.stats.estimate import Comparison, Estimate, HypothesisTest


def _estimate(**changed):
    given = {"value": 0.5, "low": 0.4, "high": 0.6, "se": 0.05, "n": 10, "n_clusters": 5}
    return Estimate(**{**given, "method": "m", "confidence": 0.95, **changed})


def test_an_estimate_prints_its_value_and_interval():
    assert str(_estimate()) == "0.500 (95 % CI 0.400 to 0.600)"


def test_an_undefined_estimate_prints_the_reason():
    gone = Estimate.undefined("no positive items", n=0, n_clusters=0, method="m", confidence=0.95)
    assert str(gone) == "not estimable (no positive items)"
    assert not gone.defined


@pytest.mark.parametrize(
    "changed",
    [
        {"confidence": 1.0},
        {"confidence": 0.0},
        {"low": 0.7},
        {"n": -1},
        {"value": math.nan},
        {"undefined_because": "but it has a value"},
    ],
)
def test_no_invalid_estimate_survives_its_constructor(changed):
    with pytest.raises(ValueError, match=r"."):
        _estimate(**changed)


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        _estimate().value = 1.0


def test_a_dictionary_of_a_result_is_plain_json():
    gone = Estimate.undefined("none", n=0, n_clusters=None, method="m", confidence=0.9)
    test = HypothesisTest(math.nan, math.inf, math.nan, 0, None, "m", undefined_because="none")
    text = json.dumps(Comparison(gone, gone, gone, test).as_dict(), allow_nan=False)
    assert json.loads(text)["difference"]["value"] is None


def test_a_p_value_lies_in_its_range():
    with pytest.raises(ValueError, match="p must lie"):
        HypothesisTest(1.0, 1.0, 1.5, 3, None, "m")
