"""
The analysis plan: what was decided before unblinding, read from the frozen protocol.

Everything outside it is exploratory and says so.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from readerstudy.studies.protocols.document import ProtocolDocument

ModelGrade = Literal["argmax", "median", "thresholds"]

CONFIRMATORY_PARTITIONS = ("test", "external", "test+external")


@dataclass(frozen=True)
class Endpoint:
    """One planned comparison of the model with the readers."""

    finding: str
    measure: str  # sensitivity, specificity, auc, kappa
    comparator: str  # mean-reader, each-reader
    cut: int


@dataclass(frozen=True)
class AnalysisPlan:
    """
    The plan of one protocol version.

    Parameters
    ----------
    cuts : mapping of str to int
        Cut of each finding: positive from this grade on. A planned end point may name another.
    margin : float
        Non-inferiority margin for differences model minus readers.
    alpha : float
        Two-sided; one-sided limits are drawn at half of it.
    """

    endpoints: tuple[Endpoint, ...]
    cuts: Mapping[str, int]
    primary_model: str
    model_grade: ModelGrade
    margin: float
    alpha: float
    multiplicity: str
    bootstrap: int
    seed: int
    protocol_digest: str

    @classmethod
    def of(cls, document: ProtocolDocument) -> "AnalysisPlan":
        """Read the plan of a protocol."""
        given = document.analysis
        cuts = {finding.id: finding.cut for finding in document.findings if finding.kind != "continuous"}
        endpoints = tuple(
            Endpoint(
                finding=each["finding"],
                measure=each["measure"],
                comparator=each.get("comparator", "mean-reader"),
                cut=each.get("cut", cuts.get(each["finding"], 1)),
            )
            for each in given.get("endpoints", ())
        )
        return cls(
            endpoints=endpoints,
            cuts=cuts,
            primary_model=given.get("primary_model") or "",
            model_grade=given["model_grade"],
            margin=float(given["margin"]),
            alpha=float(given["alpha"]),
            multiplicity=given.get("multiplicity", "none"),
            bootstrap=int(given["bootstrap"]),
            seed=int(given["seed"]),
            protocol_digest=document.digest,
        )

    @property
    def confidence(self) -> float:
        """Coverage of every interval."""
        return 1.0 - self.alpha

    def cut_of(self, finding: str) -> int:
        """Return the cut of a finding: that of its first planned end point, else the finding's own."""
        planned = [each.cut for each in self.endpoints if each.finding == finding]
        return planned[0] if planned else self.cuts[finding]

    def planned(self, finding: str, measure: str, cut: int) -> Endpoint | None:
        """Return the end point that plans this comparison, or None."""
        for each in self.endpoints:
            if (each.finding, each.measure, each.cut) == (finding, measure, cut):
                return each
        return None

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "endpoints": [vars(each) for each in self.endpoints],
            "cuts": dict(self.cuts),
            "primary_model": self.primary_model,
            "model_grade": self.model_grade,
            "margin": self.margin,
            "alpha": self.alpha,
            "multiplicity": self.multiplicity,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "protocol_digest": self.protocol_digest,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "AnalysisPlan":
        """Rebuild a plan from `as_dict`."""
        values = dict(given)
        values["endpoints"] = tuple(Endpoint(**each) for each in values["endpoints"])
        return cls(**values)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan in canonical form."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
