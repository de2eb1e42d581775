"""
Run every entry of a folder of reference results by its `params` alone.

The folder is `READERSTUDY_REFERENCE`, else `reference/stats` under `READERSTUDY_SHARED`, else
`../shared/reference/stats` beside the repository. `python -m tests.reference.driver [FOLDER]`
prints what fails.
"""

from __future__ import annotations

import dis
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import readerstudy.stats
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


def entries(path: Path) -> list[tuple[str, Any]]:
    """
    All entries of all JSON files of a folder, named by file and id.

    A file that cannot be read, or is neither a list of entries nor a JSON Schema, stands as one entry, a
    text that says what is wrong with it: it must not vanish from the count.
    """
    out: list[tuple[str, Any]] = []
    for file in sorted(path.glob("*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8-sig"))
        except ValueError as fault:
            out.append((file.name, f"the file is no JSON: {fault}"))
            continue
        if isinstance(content, list):
            for number, entry in enumerate(content):
                name = entry.get("id", number) if isinstance(entry, dict) else number
                out.append((f"{file.name}:{name}", entry))
        elif not (isinstance(content, dict) and "$schema" in content):
            out.append((file.name, "the file is no list of entries"))
    return out


def malformed(entry: Any) -> str:
    """Why something is no entry; empty when it is one."""
    if not isinstance(entry, dict):
        return entry if isinstance(entry, str) else "an entry must be an object"
    params = entry.get("params")
    if not isinstance(params, dict) or not isinstance(params.get("function"), str):
        return "an entry needs params with a function"
    parts = params.get("parts")
    if params["function"] == "multi":
        if not isinstance(parts, dict) or not parts:
            return "a multi needs parts"
        for name, part in parts.items():
            whole = {**params.get("common", {}), **part} if isinstance(part, dict) else {}
            if not isinstance(whole.get("function"), str) or whole["function"] == "multi":
                return f"part {name} needs a function of its own"
    if not isinstance(entry.get("values"), dict | list) and not isinstance(entry.get("expected"), dict):
        return "an entry needs values or expected"
    return ""


_PACKAGE = str(Path(readerstudy.stats.__file__).parent)


def _is_refusal(fault: ValueError) -> bool:
    """Whether the package itself raised the error, by a `raise` of its own: its documented refusal."""
    if isinstance(fault, AnalysisRefused):
        return True
    last = fault.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    code = last.tb_frame.f_code
    # The instruction at which the frame was left: a call that failed inside NumPy is no `raise`.
    raised = dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"
    return raised and code.co_filename.startswith(_PACKAGE)


def run_one(data: Folder, params: dict):
    """Run one function; a refusal is a result with its reason."""
    try:
        return FUNCTIONS[params["function"]](data, params)
    except ValueError as fault:
        if not _is_refusal(fault):
            raise
        return {"refused": str(fault)}


def run(data: Folder, params: dict):
    """Run the parts of a `multi` under their names, or the one function."""
    if params["function"] != "multi":
        return run_one(data, params)
    common = params.get("common", {})
    return {name: run_one(data, {**common, **part}) for name, part in params["parts"].items()}


def _functions(params: dict) -> set[str]:
    if params["function"] == "multi":
        common = params.get("common", {})
        return {{**common, **part}["function"] for part in params["parts"].values()}
    return {params["function"]}


def _warned(result) -> bool:
    """Whether the result, or a part of it, carries a note or the reason why a value is not estimable."""
    if isinstance(result, dict):
        said = result.get("note") or result.get("undefined_because")
        return bool(said) or any(_warned(value) for value in result.values())
    return any(_warned(value) for value in result) if isinstance(result, list | tuple) else False


def check(path: Path, name: str, entry: Any) -> Outcome:
    """Run an entry and compare what came with what it expects."""
    if fault := malformed(entry):
        return Outcome(name, (f"malformed entry: {fault}",))
    missing = _functions(entry["params"]) - set(FUNCTIONS)
    if missing:
        return Outcome(name, not_covered=", ".join(sorted(missing)))
    expected = entry.get("expected")
    wanted = entry["values"] if expected is None else expected.get("values", expected)
    try:
        result = run(Folder(path), entry["params"])
        problems = compare.differences(result, wanted, entry.get("tolerance"))
    except Exception as fault:
        return Outcome(name, (f"{type(fault).__name__}: {fault}",))
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
    found = entries(path)
    if not found:
        say(f"no reference entries in {path}: set READERSTUDY_REFERENCE")
        return 2
    outcomes = [check(path, name, entry) for name, entry in found]
    for outcome in outcomes:
        if outcome.not_covered:
            say(f"{outcome.name}: not covered ({outcome.not_covered})")
        for problem in outcome.problems[:6]:
            say(f"{outcome.name}: {problem}")
    say(summary(outcomes))
    return int(any(o.problems or o.not_covered for o in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
