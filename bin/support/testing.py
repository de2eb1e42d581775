"""``bash bin/test``: set up, run everything, say plainly what was not run."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from environment import (
    ROOT,
    SetUpFailed,
    prepare_front_end,
    prepare_python,
    prepare_translations,
    say,
)

CI = os.environ.get("READERSTUDY_CI") == "1"

# Which test files belong to which part: the longest prefix wins; "" takes what nobody else does.
PYTEST_PARTS = {
    "house": (
        "",
        "tests/architecture",
        "tests/readerstudy/core",
        "tests/readerstudy/accounts",
        "tests/readerstudy/studies",
        "tests/readerstudy/demo",
    ),
    "phantoms": ("tests/readerstudy/phantom",),
    "statistics": ("tests/readerstudy/stats", "tests/reference"),
    "imaging": (
        "tests/readerstudy/imaging",
        "tests/readerstudy/dicom",
        "tests/browser/test_viewer",
        "tests/browser/viewer",
    ),
    "reading": ("tests/grading", "tests/flows", "tests/blinding", "tests/browser"),
    "models": ("tests/inference",),
    "dashboard": ("tests/readerstudy/analysis", "tests/browser/dashboard"),
}
# Files with few but long tests, the longest first: two processes begin with them, so that neither waits at the end.
LONG_FILES = (
    "tests/test_on_postgresql.py",
    "tests/readerstudy/demo/test_demo_command.py",
    "tests/grading/test_workflow_machine.py",
    "tests/blinding/test_canary_crawl.py",
    "tests/blinding/test_sabotage.py",
    "tests/browser/test_nothing_is_lost.py",
    "tests/grading/test_killed_web_workers.py",
    "tests/inference/test_radiographs.py",
    "tests/inference/engine/test_lesions_on_phantoms.py",
    "tests/inference/test_worker_killed.py",
    "tests/inference/engine/test_presence.py",
    "tests/readerstudy/analysis/test_spider.py",
)
CHECKS = ("lint", "contracts", "types", "migrations")
PARTS = (*CHECKS, *PYTEST_PARTS, "javascript")


def files_of_parts(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the test files of each part; every ``test_*.py`` below tests/ is in exactly one."""
    prefixes = sorted(
        ((prefix, part) for part, each in PYTEST_PARTS.items() for prefix in each),
        key=lambda pair: -len(pair[0]),
    )
    result: dict[str, list[str]] = {part: [] for part in PYTEST_PARTS}
    for path in sorted((root / "tests").rglob("test_*.py")):
        name = path.relative_to(root).as_posix()
        part = next(
            part
            for prefix, part in prefixes
            if not prefix or name == prefix or name.startswith((f"{prefix}/", f"{prefix}_", f"{prefix}."))
        )
        result[part].append(name)
    return result


@dataclass
class Outcome:
    """What one part came to."""

    part: str
    seconds: float = 0.0
    ok: bool = True
    passed: int = 0
    failed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    deselected_full: int = 0
    nothing: bool = False


def _command(part: str, command: list[str], environment: dict[str, str]) -> Outcome:
    started = time.monotonic()
    finished = subprocess.run(command, cwd=ROOT, env=environment)
    return Outcome(part, time.monotonic() - started, finished.returncode == 0)


def _check(part: str, python: Path, environment: dict[str, str]) -> Outcome:
    bin_folder = python.parent
    commands = {
        "lint": [[f"{bin_folder}/ruff", "check", "."], [f"{bin_folder}/ruff", "format", "--check", "."]],
        "contracts": [[f"{bin_folder}/lint-imports"]],
        "types": [[f"{bin_folder}/mypy"]],
        "migrations": [[str(python), "manage.py", "makemigrations", "--check", "--dry-run"]],
    }[part]
    with tempfile.TemporaryDirectory(prefix="readerstudy-check-") as folder:
        environment = {**environment, "READERSTUDY_DATA_ROOT": folder}
        outcomes = [_command(part, command, environment) for command in commands]
    return Outcome(part, sum(each.seconds for each in outcomes), all(each.ok for each in outcomes))


# What takes long is said after each part, so that it can be shortened.
_SLOWEST = ["--durations=6", "--durations-min=20"]


def _processes() -> list[str]:
    """
    How pytest shares a part among the cores: whole files, so that what a module sets up is set up once.

    Two processes at most: each may drive a browser, servers and a database of its own.
    """
    wanted = os.environ.get("READERSTUDY_TEST_PROCESSES") or str(min(2, os.cpu_count() or 1))
    return ["-n", wanted, "--dist", "loadfile", "--no-loadscope-reorder"] if wanted != "1" else []


def _longest_first(files: list[str]) -> list[str]:
    return sorted(files, key=lambda name: LONG_FILES.index(name) if name in LONG_FILES else len(LONG_FILES))


def _pytest(
    part: str, files: list[str], python: Path, environment: dict[str, str], arguments: list[str]
) -> Outcome:
    if not files:
        return Outcome(part, nothing=True)
    with tempfile.TemporaryDirectory(prefix="readerstudy-report-") as folder:
        report = Path(folder) / "report.json"
        environment = {**environment, "READERSTUDY_TEST_REPORT": str(report)}
        processes = _processes()
        if processes:
            # Threads of one process would wait for the other's: a training on two cores took twice the processor.
            environment.setdefault("OMP_NUM_THREADS", "1")
        outcome = _command(
            part,
            [str(python), "-m", "pytest", "-q", *processes, *_SLOWEST, *arguments, *_longest_first(files)],
            environment,
        )
        counts = json.loads(report.read_text()) if report.exists() else {}
    outcome.passed = counts.get("passed", 0)
    outcome.failed = counts.get("failed", 0) + (0 if counts else 1)
    outcome.skipped = [(each["test"], each["reason"]) for each in counts.get("skipped", [])]
    outcome.deselected_full = counts.get("deselected_full", 0)
    # No test at all (pytest's exit 5) is no success, unless the part holds long forms only.
    if not outcome.passed and not outcome.failed and not outcome.skipped and not outcome.deselected_full:
        outcome.ok = False
    return outcome


def _node(environment: dict[str, str]) -> Outcome:
    files = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / "js").rglob("*.test.js"))
    if not files:
        return Outcome("javascript", nothing=True)
    started = time.monotonic()
    finished = subprocess.run(
        ["node", "--test", "--test-reporter=spec", *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    counts = {}
    for line in finished.stdout.splitlines():
        words = line.replace("ℹ", "").split()
        if len(words) == 2 and words[0] in {"pass", "fail", "skipped", "todo"} and words[1].isdigit():
            counts[words[0]] = int(words[1])
    if finished.returncode:
        say(finished.stdout)
    say(f"{counts.get('pass', 0)} passed, {counts.get('fail', 0)} failed (node --test, {len(files)} files)")
    outcome = Outcome("javascript", time.monotonic() - started, finished.returncode == 0)
    outcome.passed, outcome.failed = counts.get("pass", 0), counts.get("fail", 0)
    outcome.skipped = [("tests/js", "a JavaScript test is skipped or to do")] * (
        counts.get("skipped", 0) + counts.get("todo", 0)
    )
    outcome.ok = outcome.ok and outcome.passed > 0 and not (CI and outcome.skipped)
    return outcome


def _close(outcomes: list[Outcome], full: bool, whole: bool, started: float) -> int:
    """Print minutes per part, what was not run, and one line in pytest's own words; return the exit status."""
    say()
    say("minutes  part")
    for each in outcomes:
        note = "nothing there yet" if each.nothing else ("" if each.ok else "FAILED")
        count = f"{each.passed} passed" if each.passed else ""
        say(f"{each.seconds / 60:7.2f}  {each.part:<12} {count:<14} {note}".rstrip())
    say()
    reasons: dict[str, list[str]] = {}
    for each in outcomes:
        for test, reason in each.skipped:
            reasons.setdefault(reason, []).append(test)
    long_forms = sum(each.deselected_full for each in outcomes)
    if reasons or long_forms or not whole:
        say("Not run:")
        for reason, tests in sorted(reasons.items()):
            say(f"  {len(tests)} x {reason}   ({tests[0]}{' ...' if len(tests) > 1 else ''})")
        if long_forms and not full:
            say(f"  {long_forms} x long form of a proof: bash bin/test --full")
        if not whole:
            say("  the parts that were not named: bash bin/test")
    else:
        say("Everything was run.")
    failed_parts = [each.part for each in outcomes if not each.ok]
    passed, failed = sum(each.passed for each in outcomes), sum(each.failed for each in outcomes)
    skipped = sum(len(each.skipped) for each in outcomes)
    if failed_parts:
        say(f"Failed: {', '.join(failed_parts)}")
    elif not passed and whole:
        say("No test was run.")
    words = [f"{failed} failed"] if failed else []
    words += [f"{passed} passed"]
    words += [f"{skipped} skipped"] if skipped else []
    say(f"===== {', '.join(words)} in {time.monotonic() - started:.2f}s =====")
    return 1 if failed_parts or failed or (whole and not passed) else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bash bin/test", description="Sets up what tests need and runs them."
    )
    which = f"one or more of {', '.join(PARTS)}; all by default"
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=which)
    parser.add_argument("--full", action="store_true", help="run the long forms of the proofs as well")
    parser.add_argument("--exitfirst", "-x", action="store_true", help="stop a part at its first failure")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        python = prepare_python("requirements.txt", "requirements-dev.txt")
        environment = prepare_front_end(python)
        prepare_translations(python)
    except SetUpFailed as error:
        print(error, file=sys.stderr)
        return 2
    environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
    environment.pop("READERSTUDY_DATA_ROOT", None)
    wanted = options.parts or list(PARTS)
    arguments = (["--full"] if options.full else []) + (["-x"] if options.exitfirst else [])
    files = files_of_parts()
    outcomes = [Outcome("set-up", time.monotonic() - started)]
    for part in PARTS:
        if part not in wanted:
            continue
        say(f"\n--- {part}")
        if part in CHECKS:
            outcomes.append(_check(part, python, environment))
        elif part == "javascript":
            outcomes.append(_node(environment))
        else:
            outcomes.append(_pytest(part, files[part], python, environment, arguments))
    return _close(outcomes, options.full, len(wanted) == len(PARTS), started)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
