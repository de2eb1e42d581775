"""The design of an assignment: what is chosen before a seed decides the rest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.errors import StudyRefused

BALANCED, CROSSED, SPLIT_PLOT = "balanced", "crossed", "split-plot"
LAYOUTS = (BALANCED, CROSSED, SPLIT_PLOT)
INDEPENDENT, SEQUENTIAL, CROSSOVER = "independent", "sequential", "crossover"
AIDED_ORDERS = (INDEPENDENT, SEQUENTIAL, CROSSOVER)


@dataclass(frozen=True)
class AssignmentDesign:
    """
    Who reads how much, in which conditions, how often.

    Parameters
    ----------
    layout : str
        ``balanced`` (each case has `readers_per_case` readers, loads differ by one at most), ``crossed``
        (every reader reads every case) or ``split-plot`` (readers and cases are dealt into `groups`; within
        a group every reader reads every case).
    overlap_fraction : float
        Share of the cases that every reader reads, beside the balanced dealing of the others.
    conditions : tuple of str
        ``("unaided",)`` or ``("unaided", "aided")``.
    aided_order : str
        ``sequential`` (aided straight after unaided, the unaided read closed for good), ``independent``
        (all unaided, then all aided in a session of its own) or ``crossover`` (each session half aided,
        which half differs from reader to reader).
    repeat_fraction : float
        Share of each reader's cases shown once more, hidden among cases that are held back for it.
    washout_days : int
        Days of 24 hours by the server's clock between the last read of what a session shows again and
        its opening.
    """

    layout: str = BALANCED
    readers_per_case: int = 2
    groups: int = 2
    overlap_fraction: float = 0.0
    conditions: tuple[str, ...] = ("unaided",)
    aided_order: str = SEQUENTIAL
    repeat_fraction: float = 0.0
    washout_days: int = 0

    def __post_init__(self) -> None:
        problems = []
        if self.layout not in LAYOUTS:
            problems.append(
                _("the layout is one of %(known)s, not %(given)s")
                % {"known": ", ".join(LAYOUTS), "given": repr(self.layout)}
            )
        if self.aided_order not in AIDED_ORDERS:
            problems.append(
                _("aided reads come %(known)s, not %(given)s")
                % {"known": ", ".join(AIDED_ORDERS), "given": repr(self.aided_order)}
            )
        if not 0 <= self.overlap_fraction <= 1:
            problems.append(_("the share read by everybody runs from 0 to 1"))
        if not 0 <= self.repeat_fraction <= 1:
            problems.append(_("the share of repeats runs from 0 to 1"))
        if not 0 <= self.washout_days <= 3650:
            problems.append(_("the washout runs from 0 to 3,650 days"))
        if self.readers_per_case < 1 or self.groups < 1:
            problems.append(_("readers per case and groups are 1 or more"))
        if not self.conditions or set(self.conditions) - {"unaided", "aided"}:
            problems.append(_("the conditions are unaided, or unaided and aided"))
        elif "unaided" not in self.conditions:
            problems.append(_("every design has an unaided read: it is what aided reads are compared with"))
        if self.is_aided and self.repeat_fraction and self.aided_order != SEQUENTIAL:
            problems.append(
                _("repeats beside aided sessions of their own are not drawn; choose one of the two")
            )
        if problems:
            raise StudyRefused(
                _("The design does not hold: %(problems)s. Nothing was changed.")
                % {"problems": "; ".join(problems)}
            )

    @property
    def is_aided(self) -> bool:
        return "aided" in self.conditions

    @classmethod
    def of(cls, document: ProtocolDocument) -> "AssignmentDesign":
        """Return the design that the protocol asks for."""
        reading = document.reading
        return cls(
            readers_per_case=document.readers_per_case,
            conditions=tuple(reading["conditions"]),
            aided_order=str(reading.get("aided_order", SEQUENTIAL)),
            layout=str(reading.get("layout", BALANCED)),
            overlap_fraction=float(reading.get("overlap_fraction", 0)),
            repeat_fraction=float(reading.get("repeat_fraction", 0)),
            washout_days=int(reading.get("washout_days", 0)),
        )

    def rule(self) -> dict[str, Any]:
        """Return the design as the draw keeps it."""
        return {**asdict(self), "conditions": list(self.conditions)}

    @classmethod
    def from_rule(cls, rule: Mapping[str, Any]) -> "AssignmentDesign":
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in rule.items() if name in known}
        if "conditions" in given:
            given["conditions"] = tuple(given["conditions"])
        return cls(**given)
