"""The comparison itself must be able to fail: no other test can be trusted otherwise."""

import json
import math

import numpy as np
import pytest

from tests.reference import compare, driver, layouts


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (1.0, 1.1),
        (math.nan, 1.0),
        (-math.inf, math.inf),
        (1.0, math.nan),
        (0.0, None),
        ([1.0], [1.0, 2.0]),
        ({"a": 1.0}, {"b": 1.0}),
        ("2", 1),
        ({"value": 0.0}, {"status": "undefined", "reason_contains": None}),
        ({"undefined_because": "x"}, {"status": "undefined", "reason_contains": "y"}),
        ({"p": 0.5}, {"error": True}),
        ({"a": {"refused": "x"}, "b": {"p": 0.5}}, {"error": True}),
        ([{"undefined_because": "x"}, {"p": 0.5}], {"status": "undefined", "reason_contains": None}),
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
        (math.inf, math.inf),
        (None, math.nan),
        ("1", 1),
        ({"a": [1.0], "more": 2}, {"a": [1.0]}),
        ({"undefined_because": "no positive items"}, {"status": "undefined", "reason_contains": "positive"}),
        ({"refused": "one reader"}, {"error": True}),
        ({"a": {"refused": "x"}, "b": {"refused": "y"}}, {"error": True}),
        (
            [{"undefined_because": "x"}, {"undefined_because": "y"}],
            {"status": "undefined", "reason_contains": None},
        ),
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


def _folder_of(tmp_path, *contents):
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.json").write_text(
            content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
        )
    return str(tmp_path)


KAPPA = {"function": "sample_size_kappa_ci", "kappa0": 0.6, "kappa_lower": 0.4, "kappa_upper": None,
         "proportions": [0.3, 0.7], "raters": 2, "alpha": 0.05}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("[{", "no JSON"),
        ({"entries": []}, "no list of entries"),
        ([1], "must be an object"),
        ([{"id": "x", "values": {}}], "needs params"),
        ([{"id": "x", "params": {"function": "multi", "parts": {}}, "values": {}}], "needs parts"),
        ([{"id": "x", "params": {"function": "multi", "parts": {"a": {}}}, "values": {}}], "part a"),
        ([{"id": "x", "params": KAPPA}], "values or expected"),
        ([{"id": "x", "params": {"function": "delong_single"}, "values": {"auc": 1}}], "KeyError"),
        ([{"id": "x", "params": KAPPA, "values": {"n": {"a": 1}}}], "not an object"),
        ([{"id": "x", "params": KAPPA, "values": {"n": "many"}}], "wanted 'many'"),
        ([{"id": "x", "params": {**KAPPA, "raters": 1}, "values": {"n": 1}}], "refused"),
    ],
)
def test_what_is_no_entry_is_named_and_counted(tmp_path, capsys, content, word):
    good = [{"id": "good", "params": {**KAPPA, "raters": 1}, "expected": {"error": True}}]
    assert driver.main([_folder_of(tmp_path, good, content)]) == 1
    out = capsys.readouterr().out
    assert word in out
    assert "1.json" in out
    assert out.splitlines()[-1] == "reference: 1 of 2 within tolerance, 0 not covered"


def test_a_schema_is_no_file_of_entries_and_a_whole_folder_succeeds(tmp_path, capsys):
    good = [{"params": {**KAPPA, "raters": 1}, "expected": {"error": True}}]
    part = {
        "function": "multi",
        "common": KAPPA,
        "parts": {"one": {"raters": 1}, "other": {"function": "odd"}},
    }
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    assert driver.main([_folder_of(tmp_path, "\ufeff" + json.dumps(good), schema)]) == 0
    assert driver.main([_folder_of(tmp_path, good, [{"params": part, "values": {"one": {}}}])]) == 1
    out = capsys.readouterr().out
    assert "1.json:0: not covered (odd)" in out
    assert out.splitlines()[-1] == "reference: 1 of 2 within tolerance, 1 not covered"


def test_only_the_packages_own_errors_are_refusals():
    def of_numpy(data, params):
        return np.zeros(3).reshape(2, 2)

    driver.FUNCTIONS["of_numpy"] = of_numpy
    try:
        with pytest.raises(ValueError, match="reshape"):
            driver.run_one(None, {"function": "of_numpy"})
    finally:
        del driver.FUNCTIONS["of_numpy"]


def test_cells_are_compared_as_text_and_grades_by_value_too(tmp_path):
    (tmp_path / "g.csv").write_text("\ufeffid,a,b\n1.1,1.0,2\n1.10,2,NA\n1.10,10,\n", encoding="utf-8")
    folder = layouts.Folder(tmp_path)
    data = {"layout": "ratings", "file": "g.csv", "raters": ["a", "b"], "categories": [1, 2, 10]}
    assert layouts.ratings(folder, data)[0] == [["1", "2"], ["2", None], ["10", None]]
    assert layouts.ratings(folder, {**data, "keep": {"id": [1.1]}})[0] == [["1", "2"]]
    assert layouts.ratings(folder, {**data, "drop": [{"id": ["1.10"], "a": [10.0]}]})[0][-1] == ["2", None]
    del data["categories"]
    assert layouts.ratings(folder, data)[1] == ["1.0", "2", "10"]


def test_counts_of_clusters_say_the_same_as_their_targets(tmp_path):
    rng = np.random.default_rng(4)
    rows = [(k % 7, *rng.integers(0, 2, 2).tolist()) for k in range(40)]
    (tmp_path / "targets.csv").write_text(
        "patient,one,two\n" + "".join(f"{p},{a},{b}\n" for p, a, b in rows), encoding="utf-8"
    )
    counts = [[sum(r == (p, a, b) for r in rows) for a in (1, 0) for b in (1, 0)] for p in range(7)]
    (tmp_path / "counts.csv").write_text(
        "a,b,c,d\n" + "".join(",".join(map(str, row)) + "\n" for row in counts), encoding="utf-8"
    )
    methods = ["obuchowski", "durkalski", "eliasziw", "yang", "mcnemar"]
    targets = {"layout": "paired_calls", "file": "targets.csv", "positive": 1, "cluster": "patient",
               "calls": [{"column": "one"}, {"column": "two"}]}  # fmt: skip
    clusters = {"layout": "cluster_counts", "file": "counts.csv", **{k: k for k in "abcd"}}
    found = [
        driver.run_one(
            layouts.Folder(tmp_path), {"function": "clustered_mcnemar", "data": d, "methods": methods}
        )
        for d in (targets, clusters)
    ]
    assert compare.differences(found[0], found[1]) == []
    assert found[0]["n_rows"] == 40
    assert found[0]["n_clusters"] == 7
