"""
What a training is asked for: one YAML file, checked before anything starts.

Knows no torch, so that a page and a command can refuse a plan at once and say why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

NETWORK, SMALL_SAMPLE = "network", "small-sample"
PROTOTYPES, ANIL = "prototypes", "anil"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


class PlanRefused(ValueError):
    """A training plan that cannot be carried out. Says which key, what is allowed and what came."""


@dataclass(frozen=True)
class TrainingPlan:
    """
    How to train a grader on a study's reference standard.

    Parameters
    ----------
    name, version : str
        Of the model version that comes out.
    start_from : str
        A registered model, as ``name``, ``name:version`` or the beginning of its digest: its joint finder and input
        specification are taken over, and with `fine_tune` its weights wherever name and shape fit.
    fine_tune : bool
        False: the grader starts from random weights.
    freeze_encoder : bool
        Learn the last layers only; for few patients.
    epochs, batch, patience : int
        `patience`: epochs without a better validation loss after which training ends; 0 = never.
    learning_rate, weight_decay, drop_share : float
        `drop_share`: probability that a series is withheld from a joint, so that missing ones are learnt.
    finding_weights : mapping of finding to float
        Weight of each finding's loss; 1 where not named. Rare findings may need more.
    balance_grades : bool
        Rare grades of a finding count more in training, up to four times, so that they are not drowned by the usual
        ones. Figures and early stopping go by the true shares.
    mixed_precision : bool
    device : str
        ``cpu``, ``cuda`` or ``auto`` (a GPU where there is one).
    mode : str
        ``network`` or ``small-sample``: for few patients only the heads are fitted, on the frozen features of
        `start_from`, and judged by repeated cross-validation; fewer than five patients of a class are refused.
    head : str
        Of a small-sample training: ``prototypes`` or ``anil``.
    repeats : int
        Of the cross-validation of a small-sample training.
    seed : int
        Same plan, same training set, same machine: same weights, bit for bit on a CPU.
    """

    name: str
    version: str
    start_from: str
    fine_tune: bool = True
    freeze_encoder: bool = False
    epochs: int = 20
    batch: int = 16
    patience: int = 5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    drop_share: float = 0.2
    finding_weights: Mapping[str, float] = field(default_factory=dict)
    balance_grades: bool = False
    mixed_precision: bool = False
    device: str = "auto"
    mode: str = NETWORK
    head: str = PROTOTYPES
    repeats: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        for key in ("name", "version", "start_from"):
            if not isinstance(getattr(self, key), str) or not getattr(self, key):
                raise PlanRefused(f"{key}: a text is needed, not {getattr(self, key)!r}.")
        for key in ("name", "version"):
            if not _NAME.fullmatch(getattr(self, key)):
                raise PlanRefused(
                    f"{key}: small letters, digits, dots and hyphens, at most 60; not {getattr(self, key)!r}."
                )
        for key in ("fine_tune", "freeze_encoder", "balance_grades", "mixed_precision"):
            if not isinstance(getattr(self, key), bool):
                raise PlanRefused(f"{key}: true or false, not {getattr(self, key)!r}.")
        for key, low, high in (
            ("epochs", 1, 1000),
            ("batch", 1, 1024),
            ("patience", 0, 1000),
            ("repeats", 2, 200),
            ("seed", 0, 2**31 - 1),
        ):
            _number(key, getattr(self, key), low, high, whole=True)
        for key, least, most in (
            ("learning_rate", 1e-7, 1.0),
            ("weight_decay", 0.0, 1.0),
            ("drop_share", 0.0, 0.9),
        ):
            _number(key, getattr(self, key), least, most)
        if not isinstance(self.finding_weights, Mapping):
            raise PlanRefused("finding_weights: a mapping of finding to number is needed.")
        for finding, weight in self.finding_weights.items():
            _number(f"finding_weights.{finding}", weight, 0.0, 100.0)
        if self.device not in {"cpu", "cuda", "auto"}:
            raise PlanRefused(f"device: cpu, cuda or auto, not {self.device!r}.")
        for key, allowed in (("mode", (NETWORK, SMALL_SAMPLE)), ("head", (PROTOTYPES, ANIL))):
            if getattr(self, key) not in allowed:
                raise PlanRefused(f"{key}: {' or '.join(allowed)}, not {getattr(self, key)!r}.")
        if self.mode == SMALL_SAMPLE and not self.fine_tune:
            raise PlanRefused("mode: small-sample fits heads on learnt features; set fine_tune: true.")
        if self.freeze_encoder and not self.fine_tune:
            raise PlanRefused(
                "freeze_encoder: an encoder of random weights must not be frozen; set fine_tune: true."
            )

    @classmethod
    def from_json(cls, content: Any) -> TrainingPlan:
        """
        Read a plan from JSON or YAML values.

        Raises
        ------
        PlanRefused
            If a key is unknown or missing, or a value is out of its range.
        """
        if not isinstance(content, Mapping):
            raise PlanRefused("A training plan is a mapping of keys to values, such as 'name: my-model'.")
        known = {each.name for each in fields(cls)}
        unknown = sorted(str(key) for key in content if key not in known)
        if unknown:
            raise PlanRefused(f"Unknown: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
        missing = [key for key in ("name", "version", "start_from") if key not in content]
        if missing:
            raise PlanRefused(f"Missing: {', '.join(missing)}.")
        values = dict(content)
        # YAML reads 1 and 1.0 as numbers; a version is a text.
        if isinstance(values["version"], int | float) and not isinstance(values["version"], bool):
            values["version"] = str(values["version"])
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "finding_weights": dict(self.finding_weights)}


def read_plan(path: Path) -> TrainingPlan:
    """
    Read a plan from a YAML file.

    Raises
    ------
    PlanRefused
        With the file's name; if it is not YAML, with the line.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanRefused(f"{path.name} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise PlanRefused(f"{path.name}{where}: this is not YAML.") from error
    try:
        return TrainingPlan.from_json(content)
    except PlanRefused as error:
        raise PlanRefused(f"{path.name}: {error}") from error


def _number(key: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    allowed = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise PlanRefused(f"{key}: {kind} from {low:g} to {high:g} is needed, not {value!r}.")
