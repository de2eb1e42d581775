"""
Rows become arrays: the data set of a study, as every figure is computed from it.

One grid for all findings: item k is structure ``k % n_structures`` of case ``k // n_structures``. What is not
a grade keeps a code below zero, so that it can be left out of denominators and counted.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

GradeArray = NDArray[np.int8]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

NO_READ = -1
NOT_ASSESSABLE = -2
ABSENT = -3
FUSED = -4
CODES: Mapping[str, int] = {"not_assessable": NOT_ASSESSABLE, "absent": ABSENT, "fused": FUSED}

PARTITIONS = ("", "train", "validation", "test", "external")
PROVENANCES = (
    "",
    "agreed",
    "agreed_within_rule",
    "adjudicated",
    "jointly_settled",
    "confirmed",
    "overruled",
    "panel_read",
    "external",
)


@dataclass(frozen=True)
class ReaderEntry:
    """A reader by neutral code."""

    code: str
    is_truther: bool


@dataclass(frozen=True)
class ModelEntry:
    """The model version whose predictions are analysed."""

    name: str
    version: str
    digest: str
    is_synthetic: bool
    n_cases: int
    is_primary: bool  # named by the plan, or the only one with predictions
    is_approved: bool  # before unblinding

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class CaseEntry:
    """A case by pseudonym, with the places of its patient, centre and partition."""

    pseudonym: str
    patient: int
    centre: int
    partition: int


@dataclass(frozen=True)
class FindingData:
    """
    Everything known about one finding, item by item.

    Parameters
    ----------
    n_grades : int
        Grades of the scale.
    reference : ndarray of int8, shape (n_items,)
        Reference grade, or a code below zero.
    provenance, basis : ndarray of int8, shape (n_items,)
        Place in `PROVENANCES`: how the reference grade stands, and how it arose before the panel.
    reads, first_reads : ndarray of int8, shape (n_items, n_readers)
        Grades of the standing reads, and as first submitted.
    aided : ndarray of int8, shape (n_items, n_readers)
        Grades of the standing reads with the model's aid; all `NO_READ` where the design has none.
    contributed : ndarray of bool, shape (n_items, n_readers)
        Whether that reader's own grade made the reference of that item.
    probabilities : ndarray of float64, shape (n_items, n_grades)
        The model's probability of each grade; NaN where there is no prediction.
    repeats : ndarray of int8, shape (n_items, n_readers)
        Grades of the second reading without aid; `NO_READ` where there was none.
    covered : ndarray of int8, shape (n_items,)
        The adjudicator's own grade of an agreed item that was sent along unmarked; `NO_READ` elsewhere.
    """

    n_grades: int
    reference: GradeArray
    provenance: GradeArray
    basis: GradeArray
    reads: GradeArray
    first_reads: GradeArray
    aided: GradeArray
    contributed: BoolArray
    probabilities: FloatArray
    repeats: GradeArray
    covered: GradeArray


@dataclass(frozen=True)
class ReadTimes:
    """
    Every submitted first reading: whose, of which case, as which in order, and how long.

    Parameters
    ----------
    reader, case, position : ndarray of int64, shape (n_reads,)
        Places in the readers and cases, and the running number in the reader's own order.
    seconds : ndarray of float64, shape (n_reads,)
        Focused time; NaN where none was recorded.
    """

    reader: IntArray
    case: IntArray
    position: IntArray
    seconds: FloatArray


@dataclass(frozen=True)
class MarkData:
    """
    Lesions of the reference standard and the marks of readers and models.

    Parameters
    ----------
    conditions, people : tuple of str
        Reading conditions, and codes of the readers and names of the models that marked.
    is_model : tuple of bool
        Whether a person is a model.
    lesion_case : ndarray of int64, shape (n_lesions,)
        Case of each lesion; the lesions of a case stand together.
    weights : ndarray of float64, shape (n_lesions,)
        Share of the lesion in its case; NaN where all lesions of the case count alike.
    mark_case, mark_by, mark_condition : ndarray of int64, shape (n_marks,)
        Places in the cases, people and conditions.
    rating : ndarray of float64, shape (n_marks,)
        Confidence.
    hit : ndarray of int64, shape (n_marks,)
        Lesion that the mark hits, counted from 1 within its case; 0 for none.
    """

    conditions: tuple[str, ...]
    people: tuple[str, ...]
    is_model: tuple[bool, ...]
    lesion_case: IntArray
    weights: FloatArray
    mark_case: IntArray
    mark_by: IntArray
    mark_condition: IntArray
    rating: FloatArray
    hit: IntArray


# A read that an accidental unblinding touches leaves the primary set and the per-protocol set; one that a
# deviation takes out leaves the per-protocol set alone.
FULL, PRIMARY, PER_PROTOCOL = "full", "primary", "per-protocol"
LEAVES = {FULL: 3, PRIMARY: 2, PER_PROTOCOL: 1}


def _without(data: FindingData, out: BoolArray) -> FindingData:
    """Return a finding without the reads marked in `out`, shape (n_items, n_readers)."""
    masked = {
        part: np.where(out, NO_READ, getattr(data, part)).astype(np.int8)
        for part in ("reads", "first_reads", "aided", "repeats")
    }
    return replace(data, **masked)


@dataclass(frozen=True)
class Dataset:
    """One study's data, frozen."""

    structures: tuple[str, ...]
    levels: tuple[str, ...]  # of each structure
    sides: tuple[str, ...]  # of each structure; empty where the protocol has none
    patients: tuple[str, ...]
    centres: tuple[str, ...]
    external_centres: tuple[str, ...]
    cases: tuple[CaseEntry, ...]
    readers: tuple[ReaderEntry, ...]
    model: ModelEntry | None
    findings: Mapping[str, FindingData]
    flow: Mapping[str, Any] = field(default_factory=dict)
    marks: MarkData | None = None
    times: ReadTimes | None = None
    # int8, shape (n_cases, n_readers): which sets a reader's reads of a case leave, as `LEAVES` counts.
    leaving: GradeArray | None = None

    @property
    def sets(self) -> tuple[str, ...]:
        """The analysis sets that differ here, the primary one first."""
        if self.leaving is None or not self.leaving.any():
            return (PRIMARY,)
        out = tuple(name for name in (FULL, PER_PROTOCOL) if self._left_out(name) != self._left_out(PRIMARY))
        return (PRIMARY, *out)

    def _left_out(self, name: str) -> int:
        return 0 if self.leaving is None else int((self.leaving >= LEAVES[name]).sum())

    def of_set(self, name: str) -> "Dataset":
        """Return the data without the reads that are not in an analysis set; reference and model stay."""
        if not self._left_out(name):
            return self
        known: dict[str, Dataset] = self.__dict__.setdefault("_of_set", {})
        if name not in known:
            assert self.leaving is not None  # noqa: S101
            out = np.repeat(self.leaving >= LEAVES[name], len(self.structures), axis=0)
            known[name] = replace(
                self, findings={key: _without(data, out) for key, data in self.findings.items()}
            )
        return known[name]

    @property
    def n_items(self) -> int:
        """Places of the grid: cases times structures."""
        return len(self.cases) * len(self.structures)

    def _per_item(self, values: list[int]) -> IntArray:
        return np.repeat(np.asarray(values, dtype=np.int64), len(self.structures))

    @cached_property
    def patient_of(self) -> IntArray:
        """Patient of each item, shape (n_items,): the cluster."""
        return self._per_item([case.patient for case in self.cases])

    @cached_property
    def case_of(self) -> IntArray:
        """Case of each item, shape (n_items,)."""
        return self._per_item(list(range(len(self.cases))))

    @cached_property
    def centre_of(self) -> IntArray:
        """Centre of each item, shape (n_items,)."""
        return self._per_item([case.centre for case in self.cases])

    @cached_property
    def partition_of(self) -> IntArray:
        """Place in `PARTITIONS` of each item, shape (n_items,)."""
        return self._per_item([case.partition for case in self.cases])

    def comparison_readers(self) -> list[int]:
        """Return the readers compared with the model: those who made no reference, else all."""
        apart = [k for k, reader in enumerate(self.readers) if not reader.is_truther]
        return apart or list(range(len(self.readers)))


_ARRAYS = (
    "reference",
    "provenance",
    "basis",
    "reads",
    "first_reads",
    "aided",
    "contributed",
    "probabilities",
    "repeats",
    "covered",
)
_TIMES = ("reader", "case", "position", "seconds")
_MARK_NAMES = ("conditions", "people", "is_model")
_MARK_ARRAYS = ("lesion_case", "weights", "mark_case", "mark_by", "mark_condition", "rating", "hit")


def freeze(dataset: Dataset) -> bytes:
    """Write a data set as one NumPy archive (no pickles)."""
    meta = {
        "structures": dataset.structures,
        "levels": dataset.levels,
        "sides": dataset.sides,
        "patients": dataset.patients,
        "centres": dataset.centres,
        "external_centres": dataset.external_centres,
        "cases": [list(asdict(case).values()) for case in dataset.cases],
        "readers": [asdict(reader) for reader in dataset.readers],
        "model": asdict(dataset.model) if dataset.model else None,
        "findings": {name: data.n_grades for name, data in dataset.findings.items()},
        "flow": dataset.flow,
        "marks": {name: getattr(dataset.marks, name) for name in _MARK_NAMES} if dataset.marks else None,
    }
    arrays = {
        f"{name}.{part}": getattr(data, part) for name, data in dataset.findings.items() for part in _ARRAYS
    }
    if dataset.marks:
        arrays |= {f"marks/{name}": getattr(dataset.marks, name) for name in _MARK_ARRAYS}
    if dataset.leaving is not None:
        arrays["sets/leaving"] = dataset.leaving
    if dataset.times:
        arrays |= {f"times/{name}": getattr(dataset.times, name) for name in _TIMES}
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, allow_pickle=False, meta=np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8), **arrays
    )
    return buffer.getvalue()


def _thawed(archive: Any, name: str) -> dict[str, Any]:
    """Arrays of one finding; those that an earlier version did not keep are empty."""
    arrays = {part: archive[f"{name}.{part}"] for part in _ARRAYS if f"{name}.{part}" in archive.files}
    arrays.setdefault("repeats", np.full_like(arrays["reads"], NO_READ))
    arrays.setdefault("covered", np.full_like(arrays["reference"], NO_READ))
    return arrays


def thaw(content: bytes) -> Dataset:
    """Read what `freeze` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        meta = json.loads(archive["meta"].tobytes())
        findings = {
            name: FindingData(n_grades=n_grades, **_thawed(archive, name))
            for name, n_grades in meta["findings"].items()
        }
        names = meta.get("marks")
        marks = (
            MarkData(
                **{name: tuple(names[name]) for name in _MARK_NAMES},
                **{name: archive[f"marks/{name}"] for name in _MARK_ARRAYS},
            )
            if names
            else None
        )
        timed = "times/reader" in archive.files
        times = ReadTimes(**{name: archive[f"times/{name}"] for name in _TIMES}) if timed else None
        leaving = archive["sets/leaving"] if "sets/leaving" in archive.files else None
    return Dataset(
        structures=tuple(meta["structures"]),
        levels=tuple(meta["levels"]),
        sides=tuple(meta["sides"]),
        patients=tuple(meta["patients"]),
        centres=tuple(meta["centres"]),
        external_centres=tuple(meta["external_centres"]),
        cases=tuple(CaseEntry(*row) for row in meta["cases"]),
        readers=tuple(ReaderEntry(**row) for row in meta["readers"]),
        model=ModelEntry(**meta["model"]) if meta["model"] else None,
        findings=findings,
        flow=meta["flow"],
        marks=marks,
        times=times,
        leaving=leaving,
    )
