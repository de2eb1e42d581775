"""Reads for the apps above: what a case shows, and its pixels for the model worker."""

from readerstudy.imaging.selectors.shown import ShownInstance, ShownInstances, shown_instances
from readerstudy.imaging.selectors.tables import (
    RADIOGRAPHS,
    OutcomeRow,
    SeriesRow,
    blinded_frame,
    image_sets_of,
    import_report,
    label_in_words,
    lateralities,
    modalities_of,
    pixel_digests,
    study_table,
)
from readerstudy.imaging.selectors.volumes import (
    NotAVolume,
    Projection,
    SeriesVolume,
    read_projections,
    read_volume,
)

__all__ = [
    "RADIOGRAPHS",
    "NotAVolume",
    "OutcomeRow",
    "Projection",
    "SeriesRow",
    "SeriesVolume",
    "ShownInstance",
    "ShownInstances",
    "blinded_frame",
    "image_sets_of",
    "import_report",
    "label_in_words",
    "lateralities",
    "modalities_of",
    "pixel_digests",
    "read_projections",
    "read_volume",
    "shown_instances",
    "study_table",
]
