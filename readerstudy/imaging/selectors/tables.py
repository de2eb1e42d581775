"""What is there, in rows: series of a case, kinds of image, what became of imported files."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from readerstudy.dicom.series import projection_view
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, ImportBatch, ImportOutcome, Instance, Series
from readerstudy.imaging.selectors.cached import folder_of
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


def _view(series: Series) -> str:
    entries = stores.read_metadata(folder_of(series))
    return projection_view(entries[0]) if entries else ""


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
