"""Reads for the apps above: what a case shows, and its pixels for the model worker."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from readerstudy.dicom.frames import Json, frame_places, pixel_spacing_of, rescale_values
from readerstudy.dicom.intake import FRAME_TAIL, frame_head
from readerstudy.dicom.pixels import decode_frame
from readerstudy.dicom.series import projection_view, view_code
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, ImportBatch, ImportOutcome, Instance, Series
from readerstudy.imaging.uids import UidMap


@dataclass(frozen=True)
class SeriesRow:
    """
    One series as a reading page needs it; primitives only, blinded.

    Parameters
    ----------
    study_uid, series_uid : str
        Under which the presentation shows them.
    number : int
        Neutral running number.
    modality, plane, weighting, label : str
        From geometry and codes.
    view : str
        ``AP``, ``lateral``, ``oblique`` or "" of a radiograph.
    n_images : int
        Images to scroll through (frames of all instances).
    laterality : str
        What is known of left and right: ``established``, ``by-convention``, ``unknown``.
    frame_of_reference : str
        Shared by series whose places can be compared, "" where there is none.
    has_geometry, has_spacing : bool
        Whether images have a place in the patient, and a scale.
    """

    study_uid: str
    series_uid: str
    number: int
    modality: str
    plane: str
    weighting: str
    label: str
    view: str
    n_images: int
    rows: int
    columns: int
    laterality: str
    frame_of_reference: str
    has_geometry: bool
    has_spacing: bool


def study_table(
    image_set: ImageSet, *, alias: str = "", only_series: frozenset[str] | None = None
) -> tuple[SeriesRow, ...]:
    """
    Return the series of an image set under the UIDs that a presentation with this alias shows.

    Parameters
    ----------
    alias, only_series
        As given to `services.open_case`.
    """
    uids = UidMap.for_alias(alias) if alias else None
    rows = (
        Series.objects.filter(imaging_study__image_set=image_set)
        .select_related("imaging_study__image_set", "imaging_study__drawer")
        .order_by("imaging_study__pk", "number")
    )
    out = []
    for number, row in enumerate(rows, start=1):
        if only_series is not None and row.blinded_uid not in only_series:
            continue
        study = row.imaging_study
        reference = row.frame_of_reference_uid
        view = _view(row) if row.plane == "projection" else ""
        # Taken in before obliques were told apart.
        label = "Oblique X-ray" if view == "oblique" and row.label == "AP X-ray" else row.label
        out.append(
            SeriesRow(
                study_uid=uids.uid(study.blinded_uid) if uids else study.blinded_uid,
                series_uid=uids.uid(row.blinded_uid) if uids else row.blinded_uid,
                number=number,
                modality=row.modality,
                plane=row.plane,
                weighting=row.weighting,
                label=label_in_words(label),
                view=view,
                n_images=row.n_frames,
                rows=row.rows,
                columns=row.columns,
                laterality=study.laterality,
                frame_of_reference=uids.uid(reference) if uids and reference else reference,
                has_geometry=row.has_geometry,
                has_spacing=row.has_spacing,
            )
        )
    return tuple(out)


def label_in_words(label: str) -> str:
    """Return a neutral label (`dicom.series.neutral_label`) in the language of the page."""
    whole = {
        "AP X-ray": _("AP X-ray"),
        "Lateral X-ray": _("Lateral X-ray"),
        "X-ray": _("X-ray"),
        "Image": _("Image"),
    }
    if label in whole:
        return whole[label]
    first, _blank, rest = label.partition(" ")
    if label.startswith("Oblique X-ray"):
        return _("Oblique X-ray") + label.removeprefix("Oblique X-ray")
    if rest == "localiser":
        return _("{kind} localiser").format(kind=first)
    planes = {
        "Sagittal": _("Sagittal {kind}"),
        "Axial": _("Axial {kind}"),
        "Coronal": _("Coronal {kind}"),
        "Oblique": _("Oblique {kind}"),
    }
    return planes[first].format(kind=rest) if first in planes and rest else label


def blinded_frame(uid: str, *, alias: str = "") -> str:
    """Return a blinded Frame of Reference UID as a presentation with this alias shows it."""
    return UidMap.for_alias(alias).uid(uid) if alias and uid else uid


RADIOGRAPHS = frozenset({"CR", "DX", "RF", "RG", "XA"})


def modalities_of(image_set_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Return the kinds of image of each set, radiographs of any modality as ``X-ray``, in a fixed order."""
    rows = Series.objects.filter(imaging_study__image_set__in=image_set_ids).values_list(
        "imaging_study__image_set_id", "modality"
    )
    found: dict[int, set[str]] = {}
    for image_set_id, modality in rows:
        found.setdefault(image_set_id, set()).add("X-ray" if modality in RADIOGRAPHS else modality)
    order = {"MR": 0, "CT": 1, "X-ray": 2}
    return {
        key: tuple(sorted(kinds, key=lambda kind: (order.get(kind, 9), kind))) for key, kinds in found.items()
    }


def lateralities(image_set: ImageSet) -> tuple[str, ...]:
    """Return what is known of left and right in each imaging study of a set."""
    return tuple(image_set.imaging_studies.order_by("pk").values_list("laterality", flat=True))


def _folder_of(series: Series) -> Path:
    study = series.imaging_study
    root = stores.view_root(study.image_set.scope, study.home.public_id)
    return stores.series_folder(root, study.blinded_uid, series.blinded_uid)


def _cached(series: Series) -> tuple[Path, list[Json]]:
    """Return the folder of a series and its images' attributes; FileNotFoundError where it is not there any more."""
    folder = _folder_of(series)
    entries = stores.read_metadata(folder)
    if not entries:
        raise FileNotFoundError("The images of this series are not in the cache.")
    return folder, entries


def _view(series: Series) -> str:
    entries = stores.read_metadata(_folder_of(series))
    return projection_view(entries[0]) if entries else ""


@dataclass(frozen=True)
class SeriesVolume:
    """
    Pixels of a series with where they lie.

    Parameters
    ----------
    values : ndarray of float32, shape (n_slices, rows, columns)
        Image values after rescale (HU for CT), in reading order.
    affine : ndarray of float, shape (4, 4), or None
        From voxel (slice, row, column; 0 at the centre of the first), the array's own order and the convention
        of `dicom.geometry`, to patient LPS in mm. None where the slices are not parallel and evenly spaced, or
        have no place.
    slice_affines : ndarray of float, shape (n_slices, 4, 4), or None
        The same for each slice alone, from (0, row, column): for stacks along discs. None without place.
    modality, plane, weighting : str
        As in `SeriesRow`.
    frame_of_reference : str
        Blinded Frame of Reference UID, "" where there is none.
    pixel_digests : tuple of str
        SHA-256 of each instance's pixels.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64] | None
    slice_affines: NDArray[np.float64] | None
    modality: str
    plane: str
    weighting: str
    frame_of_reference: str
    pixel_digests: tuple[str, ...]


class NotAVolume(ValueError):
    """The series' images differ in size or are in colour."""


def read_volume(series: Series) -> SeriesVolume:
    """
    Return a series' pixels and geometry from the blinded cache.

    Raises
    ------
    NotAVolume
        If the images differ in size or are in colour.
    FileNotFoundError
        If the images were withdrawn.
    """
    folder, entries = _cached(series)
    planes: list[NDArray[np.float32]] = []
    affines: list[NDArray[np.float64] | None] = []
    for entry in entries:
        if entry["00280002"]["Value"][0] != 1:
            raise NotAVolume("The series is in colour.")
        shape = (entry["00280010"]["Value"][0], entry["00280011"]["Value"][0])
        if planes and planes[0].shape != shape:
            raise NotAVolume("The images of the series differ in size.")
        n_frames = int((entry.get("00280008", {}).get("Value") or [1])[0])
        for frame, place in frame_places(entry, n_frames):
            planes.append(_values(folder, entry, frame))
            affines.append(_slice_affine(entry, place))
    rows = series.instances.order_by("index").values_list("pixel_digest", flat=True)
    known = [affine for affine in affines if affine is not None]
    slices = np.stack(known) if known and len(known) == len(affines) else None
    return SeriesVolume(
        values=np.stack(planes),
        affine=_common_affine(slices) if slices is not None else None,
        slice_affines=slices,
        modality=series.modality,
        plane=series.plane,
        weighting=series.weighting,
        frame_of_reference=series.frame_of_reference_uid,
        pixel_digests=tuple(rows),
    )


def _values(folder: Path, entry: Json, frame: int) -> NDArray[np.float32]:
    """Return one frame's pixels after the rescale."""
    kind = "i" if entry["00280103"]["Value"][0] else "u"
    dtype = f"<{kind}{entry['00280100']['Value'][0] // 8}"
    syntax = entry["00083002"]["Value"][0]
    path = folder / stores.frame_name(entry["00080018"]["Value"][0], frame)
    data = path.read_bytes()[len(frame_head(syntax)) : -len(FRAME_TAIL)]
    slope, intercept = rescale_values(entry, frame)
    shape = (entry["00280010"]["Value"][0], entry["00280011"]["Value"][0])
    stored = decode_frame(data, syntax, shape=shape, dtype=dtype)
    values: NDArray[np.float32] = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return values


@dataclass(frozen=True)
class Projection:
    """
    One radiograph: its pixels and what its file says of them.

    Parameters
    ----------
    blinded_uid : str
        Of the instance: one series may hold several views.
    values : ndarray of float32, shape (rows, columns)
        After rescale, turned round where the file shows bone dark (MONOCHROME1), from 0.
    spacing_mm : tuple of float
        Of rows and columns: calibrated to the patient, else at the detector; empty where the file has neither.
    at_detector : bool
        Whether the spacing is that of the detector.
    view : str
        As `dicom.series.projection_view`.
    view_code : str
        View position as the file states it, "" where it does not.
    columns_to, rows_to : str
        Patient Orientation: where growing column and row numbers lead, "" where unknown.
    """

    blinded_uid: str
    values: NDArray[np.float32]
    spacing_mm: tuple[float, ...]
    at_detector: bool
    view: str
    view_code: str
    columns_to: str
    rows_to: str


def read_projections(series: Series) -> tuple[Projection, ...]:
    """
    Return the radiographs of a series from the blinded cache.

    Raises
    ------
    NotAVolume
        If one is in colour or moves.
    FileNotFoundError
        If the images were withdrawn.
    """
    folder, entries = _cached(series)
    found = []
    for entry in entries:
        if entry["00280002"]["Value"][0] != 1:
            raise NotAVolume("The series is in colour.")
        if int((entry.get("00280008", {}).get("Value") or [1])[0]) != 1:
            raise NotAVolume("The radiograph has more than one frame.")
        values = _values(folder, entry, 1)
        dark_bone = entry["00280004"]["Value"][0] == "MONOCHROME1"
        calibrated = pixel_spacing_of(entry)
        detector = entry.get("00181164", {}).get("Value")
        directions = entry.get("00200020", {}).get("Value") or ["", ""]
        found.append(
            Projection(
                blinded_uid=entry["00080018"]["Value"][0],
                values=values.max() - values if dark_bone else values - values.min(),
                spacing_mm=tuple(float(each) for each in calibrated or detector or ()),
                at_detector=calibrated is None and bool(detector),
                view=projection_view(entry),
                view_code=view_code(entry),
                columns_to=directions[0],
                rows_to=directions[1],
            )
        )
    return tuple(found)


def _slice_affine(entry: Json, place: tuple[list[float], list[float]] | None) -> NDArray[np.float64] | None:
    spacing = pixel_spacing_of(entry)
    if place is None or spacing is None:
        return None
    cosines, position = place
    row, column = np.asarray(cosines[:3], float), np.asarray(cosines[3:], float)
    affine = np.eye(4)
    # A step to the next row goes along the column direction by the spacing between rows, and the reverse.
    affine[:3, 0] = np.cross(row, column)
    affine[:3, 1] = column * spacing[0]
    affine[:3, 2] = row * spacing[1]
    affine[:3, 3] = position
    return affine


def _common_affine(slices: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return one affine for all slices, None where they are not parallel and evenly spaced (0.5 %, 0.02 mm)."""
    if len(slices) < 2 or not np.allclose(slices[:, :3, 1:3], slices[0, :3, 1:3], atol=1e-3):
        return None
    origins = slices[:, :3, 3]
    step = (origins[-1] - origins[0]) / (len(slices) - 1)
    length = float(np.linalg.norm(step))
    expected = origins[0] + np.arange(len(slices))[:, None] * step
    if length < 1e-3 or np.abs(origins - expected).max() > max(0.02, 0.005 * length):
        return None
    affine = slices[0].copy()
    affine[:3, 0] = step
    return affine


@dataclass(frozen=True)
class OutcomeRow:
    """One line of an import's report, for coordinators: the file's name is read from the identity store."""

    number: int
    name: str
    outcome: str
    reason: str


def import_report(batch: ImportBatch, *, only_problems: bool = False) -> list[OutcomeRow]:
    """Return what became of each file of an import, in order."""
    rows = batch.outcomes.order_by("number", "pk")
    if only_problems:
        rows = rows.exclude(outcome=ImportOutcome.Outcome.STORED)
    return [
        OutcomeRow(row.number, stores.open_name(batch.scope, row.name_sealed), row.outcome, row.reason)
        for row in rows
    ]


def pixel_digests(image_set: ImageSet) -> tuple[str, ...]:
    """Return the pixel digests of an image set in a fixed order; part of an inference key."""
    rows = Instance.objects.filter(series__imaging_study__image_set=image_set)
    return tuple(rows.order_by("blinded_uid").values_list("pixel_digest", flat=True))


def image_sets_of(scope: UUID) -> list[ImageSet]:
    """Return the image sets of a reader study that show images: not withdrawn, not joined into another."""
    return list(ImageSet.objects.filter(scope=scope, withdrawn_at=None, joined_into=None).order_by("pk"))


@dataclass(frozen=True)
class ShownInstance:
    """One image object of a case, by its blinded UIDs."""

    blinded_uid: str
    series_uid: str
    frame_of_reference: str
    n_frames: int
    rows: int
    columns: int


class ShownInstances:
    """The images of a case and the UIDs under which one presentation shows them."""

    def __init__(self, image_set: ImageSet | None, *, alias: str = "") -> None:
        self._uids = UidMap.for_alias(alias) if alias else None
        rows = (
            Instance.objects.filter(series__imaging_study__image_set=image_set)
            .select_related("series__imaging_study__image_set", "series__imaging_study__drawer")
            .order_by("pk")
            if image_set is not None
            else []
        )
        self._series: dict[str, Series] = {}
        self._by_blinded: dict[str, ShownInstance] = {}
        for row in rows:
            self._series[row.series.blinded_uid] = row.series
            self._by_blinded[row.blinded_uid] = ShownInstance(
                blinded_uid=row.blinded_uid,
                series_uid=row.series.blinded_uid,
                frame_of_reference=row.series.frame_of_reference_uid,
                n_frames=row.n_frames,
                rows=row.series.rows,
                columns=row.series.columns,
            )
        self._by_shown = {self.shown(uid): each for uid, each in self._by_blinded.items()}
        self._entries: dict[str, dict[str, Json]] = {}

    def shown(self, blinded: str) -> str:
        """Return the UID under which the presentation shows an object."""
        return self._uids.uid(blinded) if self._uids and blinded else blinded

    def find(self, shown: str) -> ShownInstance | None:
        """Return the image that the presentation shows under a UID; None where it shows none."""
        return self._by_shown.get(shown)

    def _entry(self, image: ShownInstance) -> Json | None:
        if image.series_uid not in self._entries:
            entries = stores.read_metadata(_folder_of(self._series[image.series_uid]))
            self._entries[image.series_uid] = {entry["00080018"]["Value"][0]: entry for entry in entries}
        return self._entries[image.series_uid].get(image.blinded_uid)

    def affine(self, image: ShownInstance, frame: int) -> NDArray[np.float64] | None:
        """Return the affine of one frame, from (0, row, column) to patient mm; None without a place."""
        entry = self._entry(image)
        if entry is None or not image.frame_of_reference:
            return None
        place = dict(frame_places(entry, image.n_frames)).get(frame)
        return _slice_affine(entry, place)

    def thickness_mm(self, image: ShownInstance) -> float:
        """Return the thickness of an image's slice, 0 where the file states none."""
        entry = self._entry(image) or {}
        stated = entry.get("00180050", {}).get("Value")
        for group in () if stated else entry.get("52009229", {}).get("Value", [])[:1]:
            measures = group.get("00289110", {}).get("Value", [])
            stated = measures[0].get("00180050", {}).get("Value") if measures else None
        return float(stated[0]) if stated else 0.0


def shown_instances(image_set: ImageSet | None, *, alias: str = "") -> ShownInstances:
    """Return the images of a case as a presentation with this alias shows them."""
    return ShownInstances(image_set, alias=alias)
