"""docs/statistics.md, made from the registry and the coverage table; a test keeps it up to date."""

from __future__ import annotations

import json
from pathlib import Path

from . import INVARIANTS, REGISTRY

COVERAGE = Path(__file__).resolve().parents[3] / "docs" / "statistics_coverage.json"

_HEAD = """# Statistics

This page is generated: `python -m readerstudy.stats --document > docs/statistics.md`. Change the registry
(`readerstudy/stats/registry/`), not this file.

`readerstudy.stats` takes arrays and returns frozen results: value, interval, standard error, items, patients,
method, seed, and a reason when there is no value. A quantity that the data do not define is printed as "not
estimable (reason)", never as 0; identical readers have a difference of 0 with p = 1; an area below 1/2 stays
below 1/2. The package needs NumPy and SciPy alone.

The patient is the unit of inference: joints, levels and lesions are nested in patients, and every clustered
form says how many patients stand behind its number. The plain forms are for one item per patient.

On the command line: `python -m readerstudy.stats --list`, `python -m readerstudy.stats METHOD --help`. A
file with several items per patient needs `--cluster COLUMN` (long files carry `patient_id`); `--independent`
says that each item is a patient of its own.

    python -m readerstudy.stats kappa reads.csv --reader R1 --second-reader R2 --where finding=narrowing
    python -m readerstudy.stats accuracy reads.csv --reader R1 --reference-file reference.csv --cut 1
    python -m readerstudy.stats auc predictions.csv --reference-file reference.csv --cut 1 --json
    python -m readerstudy.stats mrmc vandyke.csv
    python -m readerstudy.stats froc-mrmc marks.csv --lesions lesions.csv --cases reference.csv --figure wAFROC

`python -m readerstudy.stats.benchmark` times the package, beside loops over scikit-learn (and pROC where R is
installed) in the same run, with one thread for matrix products and CPU time beside the clock's.
`python -m tests.reference.driver [FOLDER]` runs a folder of reference results.

## Conventions

- Scores: higher is more suspicious; ties count one half; the direction is never flipped (Hand-Till's measure
  for one score and several classes is the stated exception).
- Grades are positions 0 .. n - 1 of a scale whose length is given, used or not.
- Intervals are two-sided whatever the alternative; an alternative changes p alone, and is of the first minus
  the second.
- Obuchowski-Rockette, missing readings: refused in a factorial design unless `missing="available"` is said.
  Then each cell uses the cases that were read, and in the jackknife a case that a cell did not read leaves
  its figure as it is.
- DBM and Obuchowski-Rockette are one analysis: DBM reports pseudovalue components beside the same tests, with
  fixed readers too (chi-square and normal).
- Marks: of several marks on a lesion the highest rating counts; unmarked lesions and cases without a
  non-lesion mark rank below every rating and tie among themselves. The jackknife of HrSe and MaxLLF leaves
  out diseased cases only, that of HrSp and MaxNLF non-diseased ones only.
- Eliasziw-Donner: the correlation of discordant outcomes may come out negative and is used as it comes.
- Refusals (`AnalysisRefused`): random readers with one reader; a model against fewer than two readers; fixed
  readers with fixed cases; figures that are undefined when one case is left out.

## Defaults that were chosen by simulation

{coverage}

"""


def _coverage() -> str:
    if not COVERAGE.is_file():
        return "The coverage table has not been made yet."
    table = json.loads(COVERAGE.read_text(encoding="utf-8"))
    error = 100 * (0.95 * 0.05 / table["runs"]) ** 0.5
    lines = [
        f"Simulated studies (synthetic): {table['patients']} patients x {table['joints']} joints, "
        f"{table['runs']:,} runs, seed {table['seed']}. Share of runs in which the nominal 95 % interval "
        "held the population's value; beside it the same figure as if the joints were independent. "
        f"Monte Carlo standard error about {error:.1f} percentage points. Made by "
        f"`python -m readerstudy.stats.simulation --runs {table['runs']} --json "
        "docs/statistics_coverage.json`; the suite runs a short form, `pytest -m full` the long one.",
        "",
        "| figure | clustered | as if independent | mean width |",
        "|---|---:|---:|---:|",
    ]
    for row in table["rows"]:
        naive = "" if row["naive"] is None else f"{100 * row['naive']:.1f} %"
        lines.append(
            f"| {row['figure']} | {100 * row['clustered']:.1f} % | {naive} | {row['mean_width']:.3f} |"
        )
    lines += [
        "",
        "Other intervals of the same figures on studies of the same kind, for comparison:",
        "",
        "| figure | interval | coverage |",
        "|---|---|---:|",
    ]
    for row in table["others"]:
        lines.append(f"| {row['figure']} | {row['interval']} | {100 * row['coverage']:.1f} % |")
    return "\n".join(lines)


def document() -> str:
    """Return the whole page."""
    parts = [_HEAD.format(coverage=_coverage())]
    groups: dict[str, list[str]] = {}
    for method in REGISTRY.values():
        groups.setdefault(method.group, []).append(
            f"| {method.title} | {_cell(method.formula)} | {method.source} | `{method.function}` |"
        )
    for group, rows in groups.items():
        parts.append(f"## {group}\n\n| method | formula | source | function |\n|---|---|---|---|\n")
        parts.append("\n".join(rows) + "\n\n")
    parts.append("## Invariants\n\nEach function is tested for these where they apply:\n\n")
    parts.append("\n".join(f"- **{name}**: {text}." for name, text in INVARIANTS.items()) + "\n\n")
    parts.append("| function | holds | does not apply |\n|---|---|---|\n")
    for method in REGISTRY.values():
        reasons: dict[str, list[str]] = {}
        for name in INVARIANTS:
            if name not in method.holds:
                reasons.setdefault(method.why_not(name), []).append(name)
        why = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        parts.append(f"| `{method.function}` | {', '.join(method.holds)} | {why} |\n")
    return "".join(parts)


def _cell(formula: str) -> str:
    """A formula in dollars; words, and words with a formula of their own, as they are."""
    if "$" in formula or not any(mark in formula for mark in "\\=_^/"):
        return formula
    return "$" + formula.replace("|", r"\vert ") + "$"
