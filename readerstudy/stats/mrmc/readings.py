"""The readings of a multi-reader study as arrays: treatments x readers x cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from readerstudy.stats._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_binary,
    as_clusters,
    as_scores,
    same_length,
)


def places(name: str, wanted: Sequence[str], known: Sequence[str]) -> list[int]:
    """Positions of the wanted identifiers among the known ones; ValueError for one that is not there."""
    for one in wanted:
        if one not in known:
            raise ValueError(f"there is no {name} {one!r}; there are {', '.join(known)}")
    return [known.index(one) for one in wanted]


def positions(
    name: str, values: Sequence[Any], order: Sequence[Any] | None
) -> tuple[tuple[str, ...], IntArray]:
    """
    Give each value its place in `order` (or in the sorted values), compared as text; -1 where not listed.
    """
    texts = np.array([str(value) for value in values])
    labels = tuple(str(x) for x in order) if order is not None else tuple(sorted(set(texts.tolist())))
    if len(set(labels)) != len(labels):
        raise ValueError(f"{name} lists a value twice")
    place = {label: k for k, label in enumerate(labels)}
    return labels, np.array([place.get(text, -1) for text in texts.tolist()], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Readings:
    """
    Ratings of cases by readers under treatments (reading conditions, systems).

    Parameters
    ----------
    treatments, readers, cases : tuple of str
        Identifiers, in the order of the axes.
    diseased : ndarray of bool, shape (n_cases,)
        The reference standard.
    ratings : ndarray, shape (n_treatments, n_readers, n_cases)
        Higher = more suspicious; NaN where the reader did not read the case under the treatment.
    clusters : ndarray of int, shape (n_cases,), optional
        Patient of each case, where cases (lesions, joints) are nested in patients.
    """

    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    diseased: BoolArray
    ratings: FloatArray
    clusters: IntArray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.treatments), len(self.readers), len(self.cases))
        if self.ratings.shape != shape:
            raise ValueError(f"ratings must have shape {shape}, got {self.ratings.shape}")
        if self.diseased.shape != shape[2:]:
            raise ValueError(f"diseased must hold one value per case, got {self.diseased.shape}")
        if 0 in shape:
            raise ValueError(f"there must be a treatment, a reader and a case, got shape {shape}")

    @property
    def n_clusters(self) -> int | None:
        """Patients, where cases are nested in them."""
        return None if self.clusters is None else int(np.unique(self.clusters).size)

    @property
    def read(self) -> BoolArray:
        """Whether a case was read, shape (n_treatments, n_readers, n_cases)."""
        return np.asarray(~np.isnan(self.ratings))

    @property
    def complete(self) -> bool:
        """Whether every reader read every case under every treatment."""
        return not bool(np.isnan(self.ratings).any())

    def only(
        self, *, readers: Sequence[str] | None = None, treatments: Sequence[str] | None = None
    ) -> Readings:
        """The same study with some of its readers or treatments, in the order given."""
        r = places("reader", self.readers if readers is None else readers, self.readers)
        t = places("treatment", self.treatments if treatments is None else treatments, self.treatments)
        return Readings(
            tuple(self.treatments[k] for k in t),
            tuple(self.readers[k] for k in r),
            self.cases,
            self.diseased,
            self.ratings[np.ix_(t, r)],
            self.clusters,
        )


def readings_from_long(
    reader: Sequence[Any],
    treatment: Sequence[Any],
    case: Sequence[Any],
    diseased: ArrayLike,
    rating: ArrayLike,
    *,
    readers: Sequence[Any] | None = None,
    treatments: Sequence[Any] | None = None,
    clusters: Sequence[Any] | None = None,
) -> Readings:
    """
    Arrange one row per reading into arrays.

    Parameters
    ----------
    reader, treatment, case : sequence, length n_rows
        Identifiers, compared as text.
    diseased : array_like of bool or 0/1, shape (n_rows,)
        Reference of the row's case.
    rating : array_like, shape (n_rows,)
        Rating of the row.
    readers, treatments : sequence, optional
        Those to take, in the order of the results; rows of others are left out. All, sorted, by default.
    clusters : sequence, length n_rows, optional
        Patient of the row's case.

    Returns
    -------
    Readings
        Cases in the order of their first row.

    Raises
    ------
    ValueError
        If a reading occurs twice, or rows of a case disagree on its reference or patient.
    """
    truth, values = as_binary("diseased", diseased), as_scores("rating", rating)
    n = same_length(diseased=truth, rating=values)
    for name, sequence in (("reader", reader), ("treatment", treatment), ("case", case)):
        if len(sequence) != n:
            raise ValueError(f"{name} must have {n} rows, got {len(sequence)}")
    reader_ids, j = positions("readers", reader, readers)
    treatment_ids, i = positions("treatments", treatment, treatments)
    kept = (i >= 0) & (j >= 0)
    if not kept.any():
        raise ValueError("no row belongs to the readers and treatments that were asked for")
    names = np.array([str(x) for x in case])[kept]
    unique, first, index = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    k = rank[index]
    i, j, truth, values = i[kept], j[kept], truth[kept], values[kept]
    by_case = np.zeros(unique.size, dtype=bool)
    by_case[k] = truth
    if np.any(by_case[k] != truth):
        raise ValueError(f"case {names[np.flatnonzero(by_case[k] != truth)[0]]} has two references")
    ratings = np.full((len(treatment_ids), len(reader_ids), unique.size), np.nan)
    cell = (i * len(reader_ids) + j) * unique.size + k
    if np.unique(cell).size != cell.size:
        seen, copies = np.unique(cell, return_counts=True)
        at = np.flatnonzero(cell == seen[copies > 1][0])[0]
        raise ValueError(
            f"case {names[at]} was read twice by reader {reader_ids[j[at]]} under {treatment_ids[i[at]]}"
        )
    ratings[i, j, k] = values
    codes: IntArray | None = None
    if clusters is not None:
        row_codes, _ = as_clusters(np.array([str(c) for c in clusters])[kept], int(kept.sum()))
        codes = np.zeros(unique.size, dtype=np.int64)
        codes[k] = row_codes
        if np.any(codes[k] != row_codes):
            raise ValueError(f"case {names[np.flatnonzero(codes[k] != row_codes)[0]]} has two patients")
    ids: NDArray[Any] = unique[order]
    return Readings(treatment_ids, reader_ids, tuple(ids.tolist()), by_case, ratings, codes)
