"""The images of a case under the UIDs of one presentation, and where they lie in the patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readerstudy.dicom.frames import Json, frame_affine, frame_places
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, Instance, Series
from readerstudy.imaging.selectors.cached import folder_of
from readerstudy.imaging.uids import UidMap


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
            entries = stores.read_metadata(folder_of(self._series[image.series_uid]))
            self._entries[image.series_uid] = {entry["00080018"]["Value"][0]: entry for entry in entries}
        return self._entries[image.series_uid].get(image.blinded_uid)

    def affine(self, image: ShownInstance, frame: int) -> NDArray[np.float64] | None:
        """Return the affine of one frame, from (0, row, column) to patient mm; None without a place."""
        entry = self._entry(image)
        if entry is None or not image.frame_of_reference:
            return None
        place = dict(frame_places(entry, image.n_frames)).get(frame)
        return frame_affine(entry, place)

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
