"""DICOM objects from volumes: attributes by module, in the standard's own words (PS3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from readerstudy.phantom.files.identity import Identity, make_uid
from readerstudy.phantom.render import Volume
from readerstudy.phantom.scanner import Scanner

Array = NDArray[Any]

SYNTHETIC = "SYNTHETIC PHANTOM - NOT A PATIENT"


@dataclass(frozen=True)
class Study:
    """One imaging study of a case: what all its series share."""

    seed: object
    identity: Identity
    scanner: Scanner
    modality: str
    number: int
    frame_of_reference: str
    body_part: str = "LSPINE"

    @property
    def uid(self) -> str:
        """Study Instance UID."""
        return make_uid(self.seed, self.identity.case_id, "study", self.modality, self.number)


def image_orientation(affine: Array) -> list[float]:
    """Image Orientation (Patient) of an affine: direction of the row, then of the column."""
    row = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    column = affine[:3, 1] / np.linalg.norm(affine[:3, 1])
    return [round(float(v), 8) + 0.0 for v in (*row, *column)]


def decimal(value: float) -> float:
    """A number that fits DICOM's 16-character decimal string."""
    return float(f"{value:.8g}") if abs(value) >= 1e-6 else 0.0


def patient_and_study(study: Study) -> Dataset:
    """Patient, General Study, Patient Study and General Equipment modules."""
    who, where = study.identity, study.scanner
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = who.name
    ds.PatientID = who.hospital_number
    ds.IssuerOfPatientID = where.institution
    ds.PatientBirthDate = who.birth_date.strftime("%Y%m%d")
    ds.PatientSex = who.sex
    ds.PatientAge = f"{(who.study_date - who.birth_date).days // 365:03d}Y"
    ds.PatientAddress = where.address
    ds.PatientComments = SYNTHETIC
    ds.QualityControlSubject = "YES"
    ds.StudyInstanceUID = study.uid
    ds.StudyDate = who.study_date.strftime("%Y%m%d")
    ds.StudyTime = f"{8 + study.number:02d}1500"
    ds.ReferringPhysicianName = who.referring
    ds.StudyID = str(study.number)
    ds.AccessionNumber = f"{who.accession}{study.number}"
    region = "cervical" if study.body_part == "CSPINE" else "lumbar"
    ds.StudyDescription = f"{study.modality} {region} spine ({SYNTHETIC})"
    ds.OperatorsName = who.operator
    ds.Manufacturer = where.vendor
    ds.InstitutionName = where.institution
    ds.InstitutionAddress = where.address
    ds.StationName = f"{study.modality}ROOM{where.centre}"
    model = {"CT": where.ct_model, "MR": where.mr_model}.get(study.modality, where.xr_model)
    ds.ManufacturerModelName = model
    ds.DeviceSerialNumber = f"FICT-{where.centre}-{study.modality}-001"
    ds.SoftwareVersions = "phantom 1"
    # A private block with an identity in it: work for whoever removes private attributes.
    private = ds.private_block(0x0019, f"{where.vendor.split()[0].upper()} PHANTOM 01", create=True)
    private.add_new(0x01, "LO", f"{who.name} / {who.hospital_number}")
    private.add_new(0x02, "DS", "1.5")
    return ds


def slice_objects(
    study: Study,
    volume: Volume,
    *,
    series_number: int,
    description: str,
    first_instance: int = 1,
    window: tuple[float, float],
) -> Iterator[Dataset]:
    """
    One CT or MR Image object per slice of a volume.

    Parameters
    ----------
    study : Study
    volume : Volume
    series_number : int
    description : str
        Series Description.
    first_instance : int
        Instance Number of the first slice (stacks of several orientations share one series).
    window : tuple of float
        Centre and width offered to a viewer.

    Yields
    ------
    pydicom.dataset.Dataset
        Complete, with file meta information, Explicit VR Little Endian.
    """
    shared = patient_and_study(study)
    series_uid = make_uid(study.uid, "series", series_number)
    orientation = image_orientation(volume.affine)
    spacing = volume.spacing_mm
    pixels = stored_pixels(volume)
    for index in range(len(volume.array)):
        ds = Dataset()
        ds.update(shared)
        instance = first_instance + index
        ds.SOPClassUID = CTImageStorage if study.modality == "CT" else MRImageStorage
        ds.SOPInstanceUID = make_uid(series_uid, instance)
        ds.Modality = study.modality
        ds.SeriesInstanceUID = series_uid
        ds.SeriesNumber = series_number
        ds.SeriesDescription = description
        ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = ds.StudyDate
        ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = ds.StudyTime
        ds.BodyPartExamined = study.body_part
        ds.PatientPosition = "HFS"
        ds.ProtocolName = description
        ds.FrameOfReferenceUID = study.frame_of_reference
        ds.PositionReferenceIndicator = ""
        ds.InstanceNumber = instance
        ds.AcquisitionNumber = 1
        ds.ImageComments = SYNTHETIC
        ds.BurnedInAnnotation = "NO"
        ds.ImageOrientationPatient = orientation
        position = volume.affine[:3, 3] + index * volume.affine[:3, 0]
        ds.ImagePositionPatient = [decimal(v) for v in position]
        ds.PixelSpacing = [decimal(spacing[1]), decimal(spacing[2])]
        ds.SliceThickness = decimal(volume.thickness_mm)
        ds.SpacingBetweenSlices = decimal(spacing[0])
        normal = np.cross(orientation[:3], orientation[3:])
        ds.SliceLocation = decimal(float(position @ normal))
        if study.modality == "CT":
            _ct_attributes(ds)
        else:
            _mr_attributes(ds, volume, study.scanner)
        ds.WindowCenter, ds.WindowWidth = (decimal(v) for v in window)
        finish(ds, pixels[index], signed=study.modality == "CT")
        yield ds


def stored_pixels(volume: Volume) -> Array:
    """Stored values of a volume: CT in int16 Hounsfield units, MR in uint16 of 12 bits."""
    if volume.contrast == "CT":
        ct: Array = np.rint(np.clip(volume.array, -1024, 3071)).astype(np.int16)
        return ct
    mr: Array = np.rint(np.clip(volume.array, 0, 4095)).astype(np.uint16)
    return mr


def _ct_attributes(ds: Dataset) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "HU"
    ds.KVP = 120
    ds.XRayTubeCurrent = 220
    ds.ConvolutionKernel = "BONE" if "bone" in ds.SeriesDescription.lower() else "SOFT"


def _mr_attributes(ds: Dataset, volume: Volume, scanner: Scanner) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.ScanningSequence = "SE"
    ds.SequenceVariant = "SK"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "2D"
    ds.MagneticFieldStrength = scanner.field_t
    ds.EchoTrainLength = 16 if volume.contrast == "T2" else 3
    ds.RepetitionTime, ds.EchoTime = (3500, 100) if volume.contrast == "T2" else (560, 10)


def finish(ds: Dataset, pixels: Array, *, signed: bool) -> None:
    """Add pixels (rows x columns, 16 bits allocated) and file meta information, in place."""
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated = 16
    ds.BitsStored, ds.HighBit = (16, 15) if signed else (12, 11)
    ds.PixelRepresentation = int(signed)
    ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
