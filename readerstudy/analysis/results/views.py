"""A state of the filters: which finding, at which cut, of whom."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import PARTITIONS, PRIMARY, BoolArray, Dataset
from readerstudy.analysis.plan import CONFIRMATORY_PARTITIONS, AnalysisPlan

ALL = "all"
PARTITION_CHOICES = ("test+external", "test", "external", ALL, "validation", "train")


class BadView(ValueError):
    """A state of the filters that the study does not have."""


@dataclass(frozen=True)
class View:
    """
    One state of the filters.

    partition : one of `PARTITION_CHOICES`; `centre` : a centre's code or ``"all"``; `analysis_set` :
    ``primary``, ``full`` or ``per-protocol``.
    """

    finding: str
    cut: int
    partition: str
    centre: str = ALL
    analysis_set: str = PRIMARY

    @property
    def key(self) -> str:
        """The state as one string, for stored results."""
        apart = "" if self.analysis_set == PRIMARY else f"|{self.analysis_set}"
        return f"{self.finding}|{self.cut}|{self.partition}|{self.centre}{apart}"

    @property
    def is_held_out(self) -> bool:
        """Whether only patients that trained nothing are in it."""
        return self.partition in CONFIRMATORY_PARTITIONS

    def items(self, dataset: Dataset) -> BoolArray:
        """Return which items of the grid belong to it, shape (n_items,)."""
        inside = np.ones(dataset.n_items, dtype=bool)
        if self.partition != ALL:
            wanted = [PARTITIONS.index(name) for name in self.partition.split("+")]
            inside &= np.isin(dataset.partition_of, wanted)
        if self.centre != ALL:
            inside &= dataset.centre_of == dataset.centres.index(self.centre)
        return inside


def partitions_present(dataset: Dataset) -> list[str]:
    """Return the partition filters that hold at least one case, the confirmatory ones first."""
    present = {PARTITIONS[case.partition] for case in dataset.cases}
    choices = []
    for choice in PARTITION_CHOICES:
        parts = choice.split("+")
        if choice == ALL or (set(parts) <= present and (len(parts) == 1 or present >= set(parts))):
            choices.append(choice)
    return choices


def view_from(given: Mapping[str, str], *, summary: Mapping[str, Any], plan: AnalysisPlan) -> View:
    """
    Read a state of the filters from the address of a page.

    Parameters
    ----------
    given : mapping
        ``finding``, ``cut``, ``partition``, ``centre``, ``set``; what is absent gets the plan's own state.
    summary : mapping
        The summary of a snapshot: its findings, partitions and centres.

    Raises
    ------
    BadView
        If a value is not one of the study's.
    """
    findings = summary["findings"]
    planned = plan.endpoints[0].finding if plan.endpoints else next(iter(findings))
    finding = given.get("finding") or planned
    if finding not in findings:
        raise BadView(f"the study has no finding {finding!r}")
    try:
        cut = int(given.get("cut") or plan.cut_of(finding))
    except ValueError:
        raise BadView("cut must be a grade") from None
    if not 1 <= cut < findings[finding]:
        raise BadView(f"cut must lie in 1..{findings[finding] - 1}, not {cut}")
    partition = given.get("partition") or summary["default_partition"]
    if partition not in summary["partitions"]:
        raise BadView(f"partition must be one of {', '.join(summary['partitions'])}")
    centre = given.get("centre") or ALL
    if centre != ALL and centre not in summary["centres"]:
        raise BadView(f"the study has no centre {centre!r}")
    analysis_set = given.get("set") or PRIMARY
    # A snapshot of an earlier version knows the primary set alone.
    if analysis_set not in summary.get("sets", [PRIMARY]):
        raise BadView(f"set must be one of {', '.join(summary.get('sets', [PRIMARY]))}")
    return View(finding, cut, partition, centre, analysis_set)


FEW_PATIENTS = 10


def default_partition(dataset: Dataset) -> str:
    """
    Return the partition shown first.

    The held-out patients (test and external) when there are enough of them for an interval that says
    anything, else all patients; the page says which.
    """
    choices = partitions_present(dataset)
    for choice in ("test+external", "test", "external"):
        if choice in choices:
            view = View("", 1, choice)
            inside = view.items(dataset)
            if len(np.unique(dataset.patient_of[inside])) >= FEW_PATIENTS:
                return choice
    return ALL


def planned_views(dataset: Dataset, plan: AnalysisPlan) -> list[View]:
    """Return the states that a snapshot computes: every finding at its cut, in each partition present."""
    views = []
    for partition in partitions_present(dataset):
        for finding in dataset.findings:
            cuts = {plan.cut_of(finding)} | {e.cut for e in plan.endpoints if e.finding == finding}
            views.extend(View(finding, cut, partition) for cut in sorted(cuts))
    # The other sets, where they differ, on the patients shown first: how much the exclusions matter.
    shown_first = default_partition(dataset)
    views += [
        replace(view, analysis_set=name)
        for name in dataset.sets
        if name != PRIMARY
        for view in list(views)
        if view.partition == shown_first and view.analysis_set == PRIMARY
    ]
    return views
