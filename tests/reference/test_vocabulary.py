"""
The whole vocabulary of the reference folder, beyond the entries that stand in it.

Other folders of the same form ask for other subsets, levels, designs and figures. Whatever is drawn must
validate against the schema, and its result must hold every documented key with a number or a reason, or be
refused with one: a traceback or a key that is not there would be a hole that no entry of the folder shows.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache

import jsonschema
import pytest

from . import driver, vocabulary
from .layouts import Folder

FOLDER = driver.folder()
SLOW = {"bootstrap_auc_ci": 1, "bootstrap_auc_test": 1, "standalone_vs_readers": 3, "mcnemar_per_reader": 3}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not (driver.ROOT.parent / "shared" / "reference" / "stats" / "params.schema.json").is_file()
        and not (FOLDER / "params.schema.json").is_file(),
        reason=f"no params.schema.json at {FOLDER}",
    ),
]


@lru_cache(maxsize=1)
def _home() -> Folder:
    """The folder whose data files the draws name: the default one, whichever folder is being driven."""
    default = driver.ROOT.parent / "shared" / "reference" / "stats"
    return Folder(default if default.is_dir() else FOLDER)


@lru_cache(maxsize=1)
def _schema() -> dict:
    return json.loads((_home().path / "params.schema.json").read_text(encoding="utf-8"))


def _problems(function: str, draws: int, seed: int) -> list[str]:
    definitions = {"$ref": f"#/$defs/function_{function}", "$defs": _schema()["$defs"]}
    form = jsonschema.Draft202012Validator(definitions)
    drawer = vocabulary.Drawer(_home(), seed)
    out = []
    for _ in range(draws):
        params = drawer.draw(function)
        form.validate(json.loads(json.dumps(params)))
        try:
            found = vocabulary.complaints(params, driver.run_one(_home(), params))
        except Exception as fault:
            found = [f"{type(fault).__name__}: {fault}"]
        out += [f"{problem} in {json.dumps(params)}" for problem in found[:3]]
    return out


def test_every_function_of_the_schema_is_drawn_and_driven():
    named = {name.removeprefix("function_") for name in _schema()["$defs"] if name.startswith("function_")}
    assert named == set(vocabulary.FUNCTIONS) == set(vocabulary.KEYS) == set(driver.FUNCTIONS)


@pytest.mark.parametrize("function", vocabulary.FUNCTIONS)
def test_any_valid_entry_gives_its_keys_or_a_reason(function):
    assert _problems(function, SLOW.get(function, 8), seed=20) == []


@pytest.mark.full
@pytest.mark.parametrize("function", vocabulary.FUNCTIONS)
def test_any_valid_entry_gives_its_keys_or_a_reason_long(function):
    assert _problems(function, 25 * SLOW.get(function, 8), seed=21) == []


@pytest.mark.parametrize(
    ("function", "result"),
    [
        ("delong_single", {"auc": 0.7, "var": 0.1, "ci_lower": 0.6}),
        ("delong_single", {"auc": 0.7, "var": math.nan, "ci_lower": 0.6, "ci_upper": 0.8}),
        ("delong_single", {"auc": 0.7, "var": 0.1, "ci_lower": 0.9, "ci_upper": 0.8}),
        ("delong_unpaired", {"t": 1.0, "df": 9.0, "p": 1.2}),
        ("froc_operating_points", [{"x": 0.0, "y": 0.0}, {"x": 0.0}]),
        ("mcnemar", {"refused": ""}),
    ],
)
def test_a_result_of_the_wrong_form_is_found(function, result):
    assert vocabulary.complaints({"function": function}, result)
