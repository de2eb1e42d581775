"""The comparison itself must be able to fail: no other test can be trusted otherwise."""

import math

import pytest

from tests.reference import compare, driver


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (1.0, 1.1),
        (math.nan, 1.0),
        (0.0, None),
        ([1.0], [1.0, 2.0]),
        ({"a": 1.0}, {"b": 1.0}),
        ("2", 1),
        ({"value": 0.0}, {"status": "undefined", "reason_contains": None}),
        ({"undefined_because": "x"}, {"status": "undefined", "reason_contains": "y"}),
        ({"p": 0.5}, {"error": True}),
        ({"refused": "why"}, {"p": 0.5}),
    ],
)
def test_a_wrong_result_is_found(result, wanted):
    assert compare.differences(result, wanted)


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (1.0, 1.0 + 5e-8),
        (math.nan, None),
        (math.inf, None),
        ("1", 1),
        ({"a": [1.0], "more": 2}, {"a": [1.0]}),
        ({"undefined_because": "no positive items"}, {"status": "undefined", "reason_contains": "positive"}),
        ({"refused": "one reader"}, {"error": True}),
    ],
)
def test_a_right_result_passes(result, wanted):
    assert compare.differences(result, wanted) == []


def test_the_longest_ending_of_a_path_sets_the_tolerance():
    tolerance = {"abs": 0.0, "rel": 0.0, "keys": {"z0": 1.0, "fleiss.categories.z0": 0.001}}
    result = {"fleiss": {"categories": [{"z0": 5.0}], "z0": 5.0}}
    wanted = {"fleiss": {"categories": [{"z0": 5.01}], "z0": 5.5}}
    problems = compare.differences(result, wanted, tolerance)
    assert len(problems) == 1
    assert "categories" in problems[0]


def test_a_missing_function_and_a_missing_warning_are_reported(tmp_path):
    entry = {"params": {"function": "no_such_function"}, "values": {}}
    assert driver.check(tmp_path, "x", entry).not_covered == "no_such_function"
    data = {"layout": "inline_scores", "truth": [0, 1, 0, 1], "scores": [[1, 2, 1, 1]]}
    params = {"function": "delong_single", "data": data, "confidence": 0.95, "clip": True}
    quiet = {"params": params, "expected": {"values": {"auc": 0.75}, "warning": True}}
    assert "warning" in driver.check(tmp_path, "x", quiet).problems[0]
    assert driver.summary(
        [driver.Outcome("a"), driver.Outcome("b", ("bad",)), driver.Outcome("c", (), "f")]
    ) == ("reference: 1 of 3 within tolerance, 1 not covered")


def test_an_empty_folder_is_no_success(tmp_path, capsys):
    assert driver.main([str(tmp_path)]) == 2
    assert "no reference entries" in capsys.readouterr().out
