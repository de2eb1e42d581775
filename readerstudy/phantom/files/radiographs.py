"""Digital X-Ray objects from projections."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from readerstudy.phantom.files.identity import make_uid
from readerstudy.phantom.files.objects import SYNTHETIC, Study, decimal, finish, patient_and_study
from readerstudy.phantom.radiograph import ORIENTATION, Radiograph, View

# PS3.16 CID 4010 DX View.
_VIEW_CODES: Final[dict[View, tuple[str, str, str]]] = {
    "AP": ("399348003", "SCT", "antero-posterior"),
    "LL": ("399173006", "SCT", "left lateral"),
    "RPO": ("399038007", "SCT", "right posterior oblique"),
    "LPO": ("399006002", "SCT", "left posterior oblique"),
}


def radiograph_object(study: Study, picture: Radiograph, *, series_number: int) -> Dataset:
    """
    One Digital X-Ray Image for presentation (PS3.3 A.26).

    Parameters
    ----------
    study : Study
        Its modality is DX.
    picture : Radiograph
    series_number : int

    Returns
    -------
    pydicom.dataset.Dataset
        Complete, with file meta information. It has no position in the patient, as a real one has none.
    """
    ds = patient_and_study(study)
    series = make_uid(study.uid, "series", series_number)
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID = make_uid(series, 1)
    ds.Modality = "DX"
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.SeriesInstanceUID = series
    ds.SeriesNumber = series_number
    ds.SeriesDescription = f"{study.body_part} {picture.view}"
    ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = ds.StudyDate
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = ds.StudyTime
    ds.BodyPartExamined = study.body_part
    ds.InstanceNumber = 1
    ds.AcquisitionNumber = 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.ImageComments = SYNTHETIC
    ds.PatientOrientation = list(ORIENTATION[picture.view])
    if picture.view in ("AP", "LL"):
        ds.ViewPosition = picture.view
    ds.ViewCodeSequence = [_code(*_VIEW_CODES[picture.view])]
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = []
    ds.PositionerType = "NONE"
    ds.ImageLaterality = "U"
    ds.AnatomicRegionSequence = [_code("421060004", "SCT", "Vertebral column")]
    ds.AcquisitionContextSequence = []
    ds.DetectorType = "SCINTILLATOR"
    ds.DetectorConfiguration = "AREA"
    ds.ImagerPixelSpacing = [decimal(picture.pixel_mm)] * 2
    ds.PixelSpacing = [decimal(picture.pixel_mm)] * 2
    ds.PixelSpacingCalibrationType = "GEOMETRY"
    ds.PixelSpacingCalibrationDescription = "Parallel projection"
    ds.EstimatedRadiographicMagnificationFactor = 1
    ds.KVP = 80
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "NO"
    low, high = np.percentile(picture.array, (1.0, 99.8))
    ds.WindowCenter, ds.WindowWidth = decimal(float(low + high) / 2), decimal(float(high - low))
    finish(ds, np.rint(picture.array).astype(np.uint16), signed=False)
    return ds


def _code(value: str, scheme: str, meaning: str) -> Any:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
