"""Options that the methods of the command line share, one function per group."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import readerstudy.stats as stats

from . import items, studies

Add = Callable[[argparse.ArgumentParser], None]


def cut(parser: argparse.ArgumentParser) -> None:
    """Cut of the scale."""
    parser.add_argument("--cut", type=float, help="positive at or above this grade (or score)")


def seed(parser: argparse.ArgumentParser) -> None:
    """Generator and number of resamples."""
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (1)")
    parser.add_argument("--resamples", type=int, default=2000, help="resamples (2000)")


def grades(parser: argparse.ArgumentParser) -> None:
    """Length of the scale."""
    parser.add_argument("--grades", type=int, help="number of grades of the scale (highest used + 1)")


def roles(*roles: str, more: tuple[Callable[[argparse.ArgumentParser], None], ...] = ()) -> Any:
    """Columns (or readers) of the roles, and further options."""

    def options(parser: argparse.ArgumentParser) -> None:
        items.add_columns(parser, *roles)
        for add in more:
            add(parser)

    return options


def at(what: str) -> Callable[[argparse.ArgumentParser], None]:
    """The fixed sensitivity or specificity."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.set_defaults(what=what, at=None)
        if what:
            parser.add_argument("--at", type=float, required=True, help=f"the fixed {what}, in 0..1")

    return add


def table(parser: argparse.ArgumentParser) -> None:
    """A square table of counts instead of one row per item."""
    parser.add_argument(
        "--table", metavar="COLUMN",
        help="the file is a square table of counts, first reader in rows, whose labels are in this column",
    )  # fmt: skip


def probabilities(parser: argparse.ArgumentParser) -> None:
    """Columns of the classes' probabilities."""
    parser.add_argument(
        "--probabilities", help="columns of class probabilities separated by commas (p_0, p_1, ...)"
    )


def raters(*, more: tuple[Callable[[argparse.ArgumentParser], None], ...] = ()) -> Any:
    """Several readers' columns (or ids), and further options."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV: a column per reader, or long reads")
        parser.add_argument("--raters", help="readers' columns (or reader_ids) separated by commas")
        parser.add_argument(
            "--cluster", metavar="COLUMN", help="column of the patient (long files: patient_id)"
        )
        parser.add_argument("--independent", action="store_true", help="one item per patient")
        parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]")
        for add in more:
            add(parser)

    return options


def scale(parser: argparse.ArgumentParser) -> None:
    """The scale in order."""
    parser.add_argument("--categories", help="the scale in order, separated by commas (the values in use)")


def mrmc_options(parser: argparse.ArgumentParser) -> None:
    """Readings and form of the analysis."""
    studies.add_study(parser)
    parser.add_argument(
        "--covariance", default="jackknife", choices=["jackknife", "delong", "unbiased", "obuchowski1997"]
    )
    parser.add_argument("--readers-are", default="random", choices=["random", "fixed"])
    parser.add_argument("--cases-are", default="random", choices=["random", "fixed"])
    parser.add_argument(
        "--design", default="factorial", choices=["factorial", "case_in_reader", "case_in_treatment", "mixed"]
    )
    parser.add_argument(
        "--available", action="store_true", help="use what was read where readings are missing"
    )


def number_options(*names: tuple[str, Any, Any, str]) -> Callable[[argparse.ArgumentParser], None]:
    """Numbers instead of a file."""

    def options(parser: argparse.ArgumentParser) -> None:
        for name, kind, default, text in names:
            needed = default is ...
            parser.add_argument(
                f"--{name}", type=kind, required=needed, default=None if needed else default, help=text
            )

    return options


def choices_of(name: str, *choices: str) -> Callable[[argparse.ArgumentParser], None]:
    """One option with named choices, the first by default."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(f"--{name}", default=choices[0], choices=choices, help=f"default {choices[0]}")

    return add


KAPPA_WEIGHTS = choices_of("weights", "quadratic", "linear", "identity", "ordinal", "ratio")


AGREE_WEIGHTS = choices_of("weights", "identity", "linear", "quadratic", "ordinal", "ratio")


ALTERNATIVE = choices_of("alternative", "two-sided", "greater", "less")


def axis_range(parser: argparse.ArgumentParser) -> None:
    """Part of an axis of the ROC curve."""
    parser.add_argument("--focus", default="specificity", choices=["specificity", "sensitivity"])
    parser.add_argument("--start", type=float, default=0.9, help="range on that axis (0.9)")
    parser.add_argument("--stop", type=float, default=1.0, help="range on that axis (1)")
    parser.add_argument("--corrected", action="store_true", help="McClish's standardisation")


def within(parser: argparse.ArgumentParser) -> None:
    """Grades that may lie between two answers."""
    parser.add_argument("--within", type=int, default=0, help="grades that may lie between the two (0)")


def bins(parser: argparse.ArgumentParser) -> None:
    """Bins of probability."""
    parser.add_argument("--bins", type=int, default=10, help="bins of probability (10)")


def icc_options(parser: argparse.ArgumentParser) -> None:
    """Form of the intraclass correlation."""
    parser.add_argument("--model", default="twoway", choices=["oneway", "twoway"])
    parser.add_argument("--type", default="agreement", choices=["consistency", "agreement"])
    parser.add_argument("--unit", default="single", choices=["single", "average"])
    parser.add_argument("--variant", default="mcgraw_wong", choices=["mcgraw_wong", "shrout_fleiss"])


def study_plus(*adds: Callable[[argparse.ArgumentParser], None]) -> Any:
    """A file of readings, and further options."""

    def options(parser: argparse.ArgumentParser) -> None:
        studies.add_study(parser)
        for add in adds:
            add(parser)

    return options


def standalone_options(parser: argparse.ArgumentParser) -> None:
    """The model among the readers."""
    parser.add_argument("--model", required=True, help="the model among the readers")
    parser.add_argument(
        "--correct", metavar="COLUMN", help="LROC file: column that says whether the place was right (1 or 0)"
    )
    parser.add_argument("--cases-are", default="random", choices=["random", "fixed"])


def margin_options(parser: argparse.ArgumentParser) -> None:
    """Treatments and margin."""
    parser.add_argument("--reference", required=True, help="reference treatment")
    parser.add_argument("--test", required=True, help="treatment under test")
    parser.add_argument("--margin", type=float, required=True, help="margin fixed in the plan")
    parser.add_argument("--kind", default="non_inferiority", choices=["non_inferiority", "superiority"])


def froc_mrmc_options(parser: argparse.ArgumentParser) -> None:
    """Marks and figure of merit."""
    studies.add_marks(parser)
    parser.add_argument("--figure", default="wAFROC", choices=list(stats.FIGURES))
    parser.add_argument("--readers-are", default="random", choices=["random", "fixed"])


def proportion_options(parser: argparse.ArgumentParser) -> None:
    """Successes, items and interval."""
    parser.add_argument("successes", type=int)
    parser.add_argument("n", type=int)
    choices_of("method", "wilson", "clopper_pearson", "agresti_coull", "jeffreys", "wald")(parser)


def shares(parser: argparse.ArgumentParser) -> None:
    """Shares of the categories."""
    parser.add_argument(
        "--proportions", required=True, help="share of each category separated by commas, summing to 1"
    )


def together(*adds: Callable[[argparse.ArgumentParser], None]) -> Any:
    """Several groups of options."""

    def options(parser: argparse.ArgumentParser) -> None:
        for add in adds:
            add(parser)

    return options


POWER = (("alpha", float, 0.05, "two-sided level (0.05)"), ("power", float, 0.8, "power (0.8)"))


NEST = (
    ("items_per_patient", float, 1.0, "items of a patient (1)"),
    ("correlation", float, 0.0, "intraclass correlation within patients (0)"),
)
