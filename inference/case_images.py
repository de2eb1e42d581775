"""A case's images as the engine takes them, read from the blinded cache; decoded series are kept for a while."""

from collections import OrderedDict
from threading import Lock

import numpy as np
from django.conf import settings

from inference.engine.radiographs import OBLIQUE, Radiograph
from inference.engine.stacks import CaseImages, ImageStack
from inference.services.runs import given_points
from readerstudy.imaging.models import Series
from readerstudy.imaging.selectors import NotAVolume, read_projections, read_volume
from readerstudy.studies.models import Case

_VOLUMES, _RADIOGRAPHS = ("CT", "MR"), ("CR", "DX", "RG")

#: What one series is to the engine: a stack, or its radiographs, each by itself.
Decoded = tuple[ImageStack, ...] | tuple[Radiograph, ...]


def _n_bytes(decoded: Decoded) -> int:
    return sum(each.pixels.nbytes for each in decoded)


class _VolumeCache:
    """Decoded series of this process, the least recently used dropped first."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], Decoded] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, series: Series) -> Decoded:
        # The UID alone would miss a later import into the same series.
        key = series.blinded_uid, f"{series.n_frames}"
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        decoded = _radiographs(series) if series.modality in _RADIOGRAPHS else (_stack(series),)
        limit = settings.READERSTUDY_VOLUME_CACHE_MB << 20
        with self._lock:
            if _n_bytes(decoded) <= limit and key not in self._held:
                self._held[key] = decoded
                self._bytes += _n_bytes(decoded)
                while self._bytes > limit:
                    _, dropped = self._held.popitem(last=False)
                    self._bytes -= _n_bytes(dropped)
        return decoded

    @property
    def bytes_held(self) -> int:
        return self._bytes


volume_cache = _VolumeCache()


def _stack(series: Series) -> ImageStack:
    volume = read_volume(series)
    empty = np.empty((0, 3))
    slices = volume.slice_affines
    return ImageStack(
        identifier=series.blinded_uid,
        modality=volume.modality,
        pixels=volume.values,
        origins_mm=slices[:, :3, 3] if slices is not None else empty,
        along_rows_mm=slices[:, :3, 1] if slices is not None else empty,
        along_columns_mm=slices[:, :3, 2] if slices is not None else empty,
        frame_of_reference=volume.frame_of_reference,
        weighting=volume.weighting,
    )


def _radiographs(series: Series) -> tuple[Radiograph, ...]:
    return tuple(
        Radiograph(
            identifier=each.blinded_uid,
            pixels=each.values,
            spacing_mm=each.spacing_mm,
            view=each.view,
            columns_to=each.columns_to,
            rows_to=each.rows_to,
            oblique=each.view_code if each.view == OBLIQUE else "",
            at_detector=each.at_detector,
        )
        for each in read_projections(series)
    )


def load_case_images(case: Case) -> tuple[CaseImages, list[str]]:
    """
    Read a case.

    Returns
    -------
    images : CaseImages
    notes : list of str
        Series that could not be read, in words.
    """
    stacks: list[ImageStack] = []
    radiographs: list[Radiograph] = []
    notes = []
    wanted = Series.objects.filter(
        imaging_study__image_set_id=case.image_set_id, modality__in=[*_VOLUMES, *_RADIOGRAPHS]
    )
    for series in wanted.order_by("blinded_uid"):
        try:
            for each in volume_cache.get(series):
                if isinstance(each, ImageStack):
                    stacks.append(each)
                else:
                    radiographs.append(each)
        except NotAVolume as error:
            notes.append(f"{series.label}: {error}")
    points = {
        frame: {name: np.array(point) for name, point in own.items()}
        for frame, own in given_points(case).items()
    }
    return CaseImages(tuple(stacks), points, tuple(radiographs)), notes
