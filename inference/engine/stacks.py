"""
Image series as the engine sees them: slices with their place in the patient, whatever their order.

Patient coordinates are DICOM's LPS (x to the patient's left, y to the back, z to the head) in millimetres.
Pixels are indexed ``[slice, row, column]``; the origin of a slice is the centre of its first pixel. Every
slice carries its own geometry, because axial slices along the discs are not parallel to one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from inference.engine.radiographs import Radiograph

Array = NDArray[Any]

AXIAL, SAGITTAL, CORONAL = "axial", "sagittal", "coronal"
_PLANES = (SAGITTAL, CORONAL, AXIAL)  # by the patient axis nearest to the slice normal
_PARALLEL_COSINE = float(np.cos(np.deg2rad(1.0)))


@dataclass(frozen=True)
class ImageStack:
    """
    One series.

    Parameters
    ----------
    identifier : str
        Any text that names the series; only used to break ties.
    modality : str
        ``CT`` or ``MR``; radiographs are no stacks, see `radiographs`.
    pixels : ndarray, shape (n_slices, n_rows, n_columns)
        Stored values with the rescale applied (Hounsfield units for CT).
    origins_mm : ndarray, shape (n_slices, 3)
        Centre of the first pixel of each slice; empty where the series has no geometry.
    along_columns_mm : ndarray, shape (n_slices, 3)
        Step from one column to the next (direction times spacing).
    along_rows_mm : ndarray, shape (n_slices, 3)
        Step from one row to the next.
    frame_of_reference : str
        Series of the same frame share coordinates.
    weighting : str
        Of MR: ``T1``, ``T2`` or empty where unknown.

    Raises
    ------
    ValueError
        If the arrays do not fit each other.
    """

    identifier: str
    modality: str
    pixels: Array
    origins_mm: Array
    along_columns_mm: Array
    along_rows_mm: Array
    frame_of_reference: str = ""
    weighting: str = ""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or not self.pixels.size:
            raise ValueError(f"pixels must have slices, rows and columns, got shape {self.pixels.shape}")
        for name in ("origins_mm", "along_columns_mm", "along_rows_mm"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.size and value.shape != (len(self.pixels), 3):
                raise ValueError(f"{name} must have shape ({len(self.pixels)}, 3), got {value.shape}")
            object.__setattr__(self, name, value)

    @classmethod
    def from_affine(
        cls,
        pixels: Array,
        affine: ArrayLike,
        *,
        modality: str,
        identifier: str = "",
        frame_of_reference: str = "",
        weighting: str = "",
    ) -> ImageStack:
        """
        A stack of parallel, evenly spaced slices.

        Parameters
        ----------
        pixels : ndarray, shape (n_slices, n_rows, n_columns)
        affine : array_like, shape (4, 4)
            Takes ``(slice, row, column, 1)`` to ``(x, y, z, 1)`` in LPS millimetres.
        modality, identifier, frame_of_reference, weighting : str
        """
        matrix = np.asarray(affine, dtype=np.float64)
        number = np.arange(len(pixels))[:, None]
        return cls(
            identifier=identifier,
            modality=modality,
            pixels=pixels,
            origins_mm=matrix[:3, 3] + number * matrix[:3, 0],
            along_columns_mm=np.tile(matrix[:3, 2], (len(pixels), 1)),
            along_rows_mm=np.tile(matrix[:3, 1], (len(pixels), 1)),
            frame_of_reference=frame_of_reference,
            weighting=weighting,
        )

    @property
    def has_geometry(self) -> bool:
        """Whether every slice has a place and a spacing."""
        steps = (self.along_columns_mm, self.along_rows_mm)
        return bool(self.origins_mm.size) and all(
            step.size and bool(np.all(np.linalg.norm(step, axis=1) > 0)) for step in steps
        )

    @cached_property
    def normals(self) -> Array:
        """Unit normals of the slices, shape (n_slices, 3): column step x row step."""
        normal = np.cross(self.along_columns_mm, self.along_rows_mm)
        unit: Array = normal / np.linalg.norm(normal, axis=1, keepdims=True)
        return unit

    @cached_property
    def plane(self) -> str:
        """``axial``, ``sagittal`` or ``coronal``: the patient axis nearest to the mean slice normal."""
        turned = self.normals * np.sign(self.normals @ self.normals[0])[:, None]
        return _PLANES[int(np.argmax(np.abs(turned.mean(axis=0))))]

    @cached_property
    def in_plane_spacing_mm(self) -> float:
        """The coarser of the two pixel spacings."""
        steps = [np.linalg.norm(step, axis=1).max() for step in (self.along_columns_mm, self.along_rows_mm)]
        return float(max(steps))

    @cached_property
    def groups(self) -> tuple[SliceGroup, ...]:
        """Runs of parallel neighbouring slices."""
        return _groups(self)

    @cached_property
    def slice_spacing_mm(self) -> float:
        """Median distance of neighbouring slices within the groups; infinite where none has two slices."""
        gaps = np.concatenate([np.diff(group.offsets_mm) for group in self.groups] or [np.empty(0)])
        return float(np.median(gaps)) if gaps.size else float("inf")

    @cached_property
    def centre_mm(self) -> Array:
        """Middle of the space that the series covers, shape (3,)."""
        corners = self.corners_mm
        middle: Array = (corners.min(axis=0) + corners.max(axis=0)) / 2
        return middle

    @cached_property
    def corners_mm(self) -> Array:
        """Corners of all slices, shape (4 * n_slices, 3)."""
        rows, columns = self.pixels.shape[1] - 1, self.pixels.shape[2] - 1
        corners = [
            self.origins_mm + r * self.along_rows_mm + c * self.along_columns_mm
            for r in (0, rows)
            for c in (0, columns)
        ]
        joined: Array = np.concatenate(corners)
        return joined


@dataclass(frozen=True)
class SliceGroup:
    """
    Parallel neighbouring slices, sorted along `normal`.

    Attributes
    ----------
    indices : ndarray of int, shape (n,)
        Slices of the stack.
    normal : ndarray, shape (3,)
        Unit normal that points along the positive patient axis nearest to it.
    offsets_mm : ndarray, shape (n,)
        Place of each slice along the normal, increasing.
    """

    indices: NDArray[np.intp]
    normal: Array
    offsets_mm: Array

    def distance_mm(self, point_mm: Array) -> float:
        """Distance of a point from the nearest slice of the group, along the normal."""
        return float(np.abs(self.offsets_mm - point_mm @ self.normal).min())


def _groups(stack: ImageStack) -> tuple[SliceGroup, ...]:
    normals = stack.normals.copy()
    axis = np.argmax(np.abs(normals), axis=1)
    normals *= np.sign(normals[np.arange(len(normals)), axis])[:, None]
    columns = stack.along_columns_mm / np.linalg.norm(stack.along_columns_mm, axis=1, keepdims=True)
    left = np.arange(len(normals))
    found: list[SliceGroup] = []
    while left.size:
        first = left[0]
        same = (normals[left] @ normals[first] > _PARALLEL_COSINE) & (
            np.abs(columns[left] @ columns[first]) > _PARALLEL_COSINE
        )
        members, left = left[same], left[~same]
        normal = normals[members].mean(axis=0)
        normal /= np.linalg.norm(normal)
        offsets = stack.origins_mm[members] @ normal
        # Ties (the same place twice) are broken by the pixels' mean, never by the order of arrival.
        order = np.lexsort((stack.pixels[members].mean(axis=(1, 2)), offsets))
        members, offsets = members[order], offsets[order]
        gaps = np.diff(offsets)
        usual = float(np.median(gaps[gaps > 0.01])) if np.any(gaps > 0.01) else 0.0
        cuts = np.flatnonzero(gaps > max(2.5 * usual, 3.0)) + 1
        for part, places in zip(np.split(members, cuts), np.split(offsets, cuts), strict=True):
            found.append(SliceGroup(part, normal, places))
    return tuple(sorted(found, key=lambda group: tuple(np.round(group.normal * group.offsets_mm[0], 3))))


@dataclass(frozen=True)
class CaseImages:
    """
    Everything that the model may see of one case.

    Parameters
    ----------
    stacks : tuple of ImageStack
        In any order.
    points_mm : mapping of frame of reference to (mapping of structure to (3,) point), optional
        Places of the structures that a person confirmed; the localiser finds those that are missing.
    radiographs : tuple of Radiograph
        In any order.
    points_px : mapping of identifier to (mapping of structure to (row, column)), optional
        Places of the structures that a person marked on radiographs.
    """

    stacks: tuple[ImageStack, ...]
    points_mm: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    radiographs: tuple[Radiograph, ...] = ()
    points_px: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The order of series must not matter, down to the last bit.
        ordered = tuple(sorted(self.stacks, key=lambda s: (s.modality, s.identifier)))
        object.__setattr__(self, "stacks", ordered)
        pictures = tuple(sorted(self.radiographs, key=lambda each: each.identifier))
        object.__setattr__(self, "radiographs", pictures)
