"""What the cache holds of a series: its folder and its images' attributes."""

from pathlib import Path

from readerstudy.dicom.frames import Json
from readerstudy.imaging import stores
from readerstudy.imaging.models import Series


def folder_of(series: Series) -> Path:
    study = series.imaging_study
    root = stores.view_root(study.image_set.scope, study.home.public_id)
    return stores.series_folder(root, study.blinded_uid, series.blinded_uid)


def cached(series: Series) -> tuple[Path, list[Json]]:
    """Return the folder of a series and its images' attributes; FileNotFoundError where it is not there any more."""
    folder = folder_of(series)
    entries = stores.read_metadata(folder)
    if not entries:
        raise FileNotFoundError("The images of this series are not in the cache.")
    return folder, entries
