"""What a series is: plane, weighting, neutral label and the order of its images, from geometry and codes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from readerstudy.dicom.frames import Json, frame_places, pixel_spacing_of

PLANES = ("sagittal", "axial", "coronal", "oblique", "projection", "unknown")
_PROJECTIONS = frozenset({"CR", "DX", "RF", "XA", "MG", "IO", "PX"})
_AXES = ("sagittal", "coronal", "axial")
# 45 degrees lie midway between two planes; a disc of L5/S1 is tilted by up to 42 degrees and is read as axial.
_OBLIQUE_COSINE = math.cos(math.radians(44))


Vector = tuple[float, float, float]


def slice_normal(cosines: Sequence[float]) -> Vector:
    """Return the unit normal (row x column direction) of an image in patient LPS."""
    # Plain arithmetic: called for every image of an import, where NumPy's overhead on three numbers counts.
    a, b, c, d, e, f = cosines
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def plane_of(cosines: Sequence[float]) -> str:
    """Return ``sagittal``, ``coronal``, ``axial`` or ``oblique`` of one image's six direction cosines."""
    return _plane_of(tuple(cosines))


@lru_cache(maxsize=1024)
def _plane_of(cosines: tuple[float, ...]) -> str:
    normal = [abs(part) for part in slice_normal(cosines)]
    largest = max(normal)
    return _AXES[normal.index(largest)] if largest >= _OBLIQUE_COSINE else "oblique"


@dataclass(frozen=True)
class Place:
    """One frame of a series with what orders it."""

    instance: int
    frame: int
    cosines: tuple[float, ...] | None
    position: tuple[float, ...] | None
    centre: Vector | None


def _centre(attributes: Json, cosines: Sequence[float], position: Sequence[float]) -> Vector:
    between_rows, between_columns = pixel_spacing_of(attributes) or (1.0, 1.0)
    along_row = between_columns * (attributes["00280011"]["Value"][0] - 1) / 2
    along_column = between_rows * (attributes["00280010"]["Value"][0] - 1) / 2
    x, y, z = (position[k] + cosines[k] * along_row + cosines[k + 3] * along_column for k in range(3))
    return x, y, z


def places(instances: Sequence[Json]) -> list[Place]:
    """Return every frame of the instances (DICOM JSON each) with its place."""
    out = []
    for number, attributes in enumerate(instances):
        n_frames = int((attributes.get("00280008", {}).get("Value") or [1])[0])
        for frame, place in frame_places(attributes, n_frames):
            if place is None:
                out.append(Place(number, frame, None, None, None))
            else:
                cosines, position = place
                centre = _centre(attributes, cosines, position)
                out.append(Place(number, frame, tuple(cosines), tuple(position), centre))
    return out


def series_plane(modality: str, frames: Sequence[Place]) -> str:
    """
    Return the plane of a series.

    Radiographs are projections; a series is of a plane when four fifths of its frames are; other mixtures
    (localisers) are oblique, and without orientation the plane is unknown.
    """
    if modality in _PROJECTIONS:
        return "projection"
    known = [plane_of(frame.cosines) for frame in frames if frame.cosines]
    if not known or len(known) < len(frames):
        return "unknown"
    for plane in (*_AXES, "oblique"):
        if known.count(plane) >= 0.8 * len(known):
            return plane
    return "oblique"


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def reading_order(frames: Sequence[Place], numbers: Sequence[float]) -> list[int]:
    """
    Return the order in which the instances of a series are scrolled.

    Parameters
    ----------
    frames : sequence of Place
        Frames from `places`.
    numbers : sequence of float
        Instance number of each instance, the order where geometry says nothing.

    Returns
    -------
    list of int
        Instance indices: sagittal from the patient's right to left, coronal from front to back, axial from
        head to foot (along the mean normal, so that tilted stacks of discs follow each other). Instances
        without a place come last, by instance number.
    """
    first: dict[int, Place] = {}
    for frame in frames:
        first.setdefault(frame.instance, frame)
    groups: dict[str, list[int]] = {}
    for index, frame in first.items():
        groups.setdefault(plane_of(frame.cosines) if frame.cosines else "unknown", []).append(index)
    order: list[int] = []
    for plane in ("sagittal", "coronal", "axial", "oblique", "unknown"):
        members = groups.get(plane, [])
        if plane == "unknown":
            order += sorted(members, key=lambda index: (numbers[index], index))
            continue
        if not members:
            continue
        normals = [slice_normal(first[index].cosines or ()) for index in members]
        # Images of one plane may be turned over: their normals count in the direction of the first.
        signs = [1.0 if _dot(normal, normals[0]) >= 0 else -1.0 for normal in normals]
        x, y, z = (
            sum(s * n[k] for s, n in zip(signs, normals, strict=True)) / len(normals) for k in range(3)
        )
        axis = max(range(3), key=lambda k: abs((x, y, z)[k]))
        # Right to left and front to back run along +x and +y of LPS, head to foot against +z.
        turn = (-1.0 if axis == 2 else 1.0) * (1.0 if (x, y, z)[axis] >= 0 else -1.0)
        mean = (x * turn, y * turn, z * turn)
        along = {index: round(_dot(mean, first[index].centre or (0, 0, 0)), 3) for index in members}
        order += sorted(members, key=lambda index: (along[index], numbers[index], index))
    return order


_WORDS = (
    ("STIR", re.compile(r"(?<![A-Z])(STIR|TIRM)(?![A-Z])")),
    ("FLAIR", re.compile(r"FLAIR|DARK.?FLUID")),
    ("T2", re.compile(r"(?<![A-Z0-9])T2")),
    ("T1", re.compile(r"(?<![A-Z0-9])T1|MPRAGE")),
    ("PD", re.compile(r"(?<![A-Z])PD(?![A-Z])|PROTON")),
)


def weighting_of(
    *, names: Sequence[str], tr_ms: float | None, te_ms: float | None, ti_ms: float | None
) -> str:
    """
    Return ``T1``, ``T2``, ``PD``, ``STIR``, ``FLAIR`` or "" of an MR series.

    Parameters
    ----------
    names : sequence of str
        Sequence, protocol and series names; only compared with words, never kept.
    tr_ms, te_ms, ti_ms : float or None
        Repetition, echo and inversion time in ms. The usual limits: T1 below 1,000 / 30 ms, T2 above
        1,500 / 60 ms, proton density long TR and short TE, STIR with TI 100-250 ms, FLAIR above 1,500 ms.
    """
    text = " ".join(names).upper()
    for weighting, pattern in _WORDS:
        if pattern.search(text):
            return weighting
    if ti_ms and tr_ms and tr_ms > 1500:
        if 100 <= ti_ms <= 250:
            return "STIR"
        if ti_ms > 1500:
            return "FLAIR"
    if tr_ms and te_ms:
        if tr_ms < 1000 and te_ms < 30:
            return "T1"
        if tr_ms > 1500:
            return "T2" if te_ms > 60 else "PD" if te_ms < 40 else ""
    return ""


_OBLIQUE_VIEWS = frozenset({"RLO", "LLO", "RPO", "LPO", "RAO", "LAO", "OBLIQUE"})


def view_code(attributes: Json) -> str:
    """Return the view position of a radiograph as its file states it, "" where it does not."""
    return str((attributes.get("00185101", {}).get("Value") or [""])[0])


def projection_view(attributes: Json) -> str:
    """Return ``AP``, ``lateral``, ``oblique`` or "" of a radiograph, from view position or patient orientation."""
    code = view_code(attributes)
    if code in ("AP", "PA"):
        return "AP"
    if code in ("LL", "RL", "LAT", "LATERAL", "LLD", "RLD"):
        return "lateral"
    if code in _OBLIQUE_VIEWS:
        return "oblique"
    directions = attributes.get("00200020", {}).get("Value") or []
    if len(directions) == 2 and directions[1][:1] in ("F", "H"):
        # Two letters of the horizontal plane: columns run between a side and front or back (PS3.3 C.7.6.1.1.1).
        if set(directions[0]) & set("LR") and set(directions[0]) & set("AP"):
            return "oblique"
        if directions[0][:1] in ("L", "R"):
            return "AP"
        if directions[0][:1] in ("A", "P"):
            return "lateral"
    return ""


def neutral_label(
    *, modality: str, plane: str, weighting: str, view: str, localiser: bool, code: str = ""
) -> str:
    """Return the label under which readers see a series; made of codes only, nothing of the file's text."""
    if plane == "projection":
        if view == "oblique":
            # Which oblique it is decides whose joints are seen end on.
            return "Oblique X-ray" + (f", {code}" if code in _OBLIQUE_VIEWS - {"OBLIQUE"} else "")
        return {"AP": "AP X-ray", "lateral": "Lateral X-ray"}.get(view, "X-ray")
    kind = weighting or modality
    if localiser:
        return f"{modality} localiser"
    if plane == "unknown":
        return kind if kind != "OT" else "Image"
    return f"{plane.capitalize()} {kind}"


@dataclass(frozen=True)
class SeriesFacts:
    """What is known of a series once its instances are there."""

    modality: str
    plane: str
    weighting: str
    label: str
    rows: int
    columns: int
    n_frames: int
    has_geometry: bool
    has_spacing: bool
    order: tuple[int, ...]


def describe(
    instances: Sequence[Json], *, numbers: Sequence[float], weightings: Sequence[str]
) -> SeriesFacts:
    """
    Classify and order a series.

    Parameters
    ----------
    instances : sequence of dict
        DICOM JSON of each instance.
    numbers : sequence of float
        Instance numbers as the files state them.
    weightings : sequence of str
        Weighting found for each instance; the commonest counts.
    """
    frames = places(instances)
    modality = str(instances[0]["00080060"]["Value"][0])
    plane = series_plane(modality, frames)
    known = [weighting for weighting in weightings if weighting]
    weighting = max(sorted(set(known)), key=known.count) if known else ""
    planes = {plane_of(frame.cosines) for frame in frames if frame.cosines}
    kinds: list[Any] = instances[0].get("00080008", {}).get("Value", [])
    localiser = modality in ("CT", "MR") and (
        "LOCALIZER" in kinds or (len(planes) > 1 and plane == "oblique")
    )
    label = neutral_label(
        modality=modality,
        plane=plane,
        weighting=weighting,
        view=projection_view(instances[0]),
        localiser=localiser,
        code=view_code(instances[0]),
    )
    return SeriesFacts(
        modality=modality,
        plane=plane,
        weighting=weighting,
        label=label,
        rows=int(max(item["00280010"]["Value"][0] for item in instances)),
        columns=int(max(item["00280011"]["Value"][0] for item in instances)),
        n_frames=len(frames),
        has_geometry=plane != "projection" and bool(frames) and all(frame.cosines for frame in frames),
        has_spacing=all(pixel_spacing_of(item) is not None for item in instances),
        order=tuple(reading_order(frames, numbers)),
    )
