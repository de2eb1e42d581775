"""
Run every entry of a folder of reference results by its `params` alone.

The folder is `READERSTUDY_REFERENCE`, else `reference/stats` under `READERSTUDY_SHARED`, else
`../shared/reference/stats` beside the repository. `python -m tests.reference.driver [FOLDER]`
prints what fails.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from readerstudy.stats import AnalysisRefused

from . import compare, multireader, planning, readers, single_reader
from .layouts import Folder

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = {
    **single_reader.FUNCTIONS,
    **readers.FUNCTIONS,
    **multireader.FUNCTIONS,
    **planning.FUNCTIONS,
}

# Entries that are not to be matched, each with its reason: none. A peer that is wrong is kept by the
# reference set itself in `peer_extra`, which is never compared.


@dataclass(frozen=True)
class Outcome:
    """What came of one entry: problems, or that no function covers it."""

    name: str
    problems: tuple[str, ...] = ()
    not_covered: str = ""


def folder() -> Path:
    """The folder of reference results."""
    if "READERSTUDY_REFERENCE" in os.environ:
        return Path(os.environ["READERSTUDY_REFERENCE"])
    shared = Path(os.environ.get("READERSTUDY_SHARED", ROOT.parent / "shared"))
    return shared / "reference" / "stats"


def entries(path: Path) -> list[tuple[str, dict]]:
    """All entries of all JSON files of a folder; a file that is no list of entries is passed over."""
    out = []
    for file in sorted(path.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, list):
            out += [(f"{file.name}:{entry.get('id', number)}", entry) for number, entry in enumerate(content)]
    return out


def run_one(data: Folder, params: dict):
    """Run one function; a refusal is a result with its reason."""
    try:
        return FUNCTIONS[params["function"]](data, params)
    except AnalysisRefused as refusal:
        return {"refused": str(refusal)}


def run(data: Folder, params: dict):
    """Run the parts of a `multi` under their names, or the one function."""
    if params["function"] != "multi":
        return run_one(data, params)
    common = params.get("common", {})
    return {name: run_one(data, {**common, **part}) for name, part in params["parts"].items()}


def _functions(params: dict) -> set[str]:
    if params["function"] == "multi":
        return {part["function"] for part in params["parts"].values()}
    return {params["function"]}


def _warned(result) -> bool:
    """Whether the result, or a part of it, carries a note."""
    if isinstance(result, dict):
        return bool(result.get("note")) or any(_warned(value) for value in result.values())
    return any(_warned(value) for value in result) if isinstance(result, list | tuple) else False


def check(path: Path, name: str, entry: dict) -> Outcome:
    """Run an entry and compare what came with what it expects."""
    missing = _functions(entry["params"]) - set(FUNCTIONS)
    if missing:
        return Outcome(name, not_covered=", ".join(sorted(missing)))
    expected = entry.get("expected")
    wanted = entry["values"] if expected is None else expected.get("values", expected)
    try:
        result = run(Folder(path), entry["params"])
    except Exception as fault:
        return Outcome(name, (f"{type(fault).__name__}: {fault}",))
    problems = compare.differences(result, wanted, entry.get("tolerance"))
    if expected is not None and expected.get("warning") and not _warned(result):
        problems.append("a warning was expected with the values")
    return Outcome(name, tuple(problems))


def summary(outcomes: list[Outcome]) -> str:
    """The last line of a run."""
    covered = [o for o in outcomes if not o.not_covered]
    good = sum(not o.problems for o in covered)
    return (
        f"reference: {good} of {len(outcomes)} within tolerance, {len(outcomes) - len(covered)} not covered"
    )


def main(arguments: list[str]) -> int:
    def say(line: str) -> None:
        sys.stdout.write(line + "\n")

    path = Path(arguments[0]) if arguments else folder()
    if not entries(path):
        say(f"no reference entries in {path}: set READERSTUDY_REFERENCE")
        return 2
    outcomes = [check(path, name, entry) for name, entry in entries(path)]
    for outcome in outcomes:
        if outcome.not_covered:
            say(f"{outcome.name}: not covered ({outcome.not_covered})")
        for problem in outcome.problems[:6]:
            say(f"{outcome.name}: {problem}")
    say(summary(outcomes))
    return int(any(o.problems or o.not_covered for o in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
