"""Synthetic images for measuring: the size and the compressibility of a CT, nobody's body."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy.ndimage import gaussian_filter


def write_series(folder: Path, n_slices: int, *, size: int = 512, seed: int = 1) -> list[Path]:
    """
    Write a synthetic CT series of `n_slices` slices of `size` x `size` pixels of 16 bit.

    Parameters
    ----------
    folder : Path
        Made when missing.
    seed : int
        Of the noise.

    Returns
    -------
    list of Path
        The files, in slice order.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    study, series, frame_of_reference = (generate_uid(entropy_srcs=[str(seed), word]) for word in "abc")
    body = gaussian_filter(rng.normal(size=(size, size)), 12) * 4000 + 1000
    noise = [gaussian_filter(rng.normal(size=(size, size)), 0.7) * 30 for _ in range(min(8, n_slices))]
    paths = []
    for index in range(n_slices):
        values = np.clip(np.roll(body, index, axis=0) + noise[index % len(noise)], 0, 4095).astype("<u2")
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(seed), "instance", str(index)])
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.FrameOfReferenceUID = frame_of_reference
        dataset.PatientID, dataset.PatientName = f"BENCHMARK-{seed}", "Synthetic^Benchmark"
        dataset.PatientBirthDate, dataset.PatientSex = "", "O"
        dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20240101", "120000", ""
        dataset.StudyID, dataset.ReferringPhysicianName = "1", ""
        dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 1, index + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient = [-125, -125, float(index)]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing, dataset.SliceThickness = [0.488, 0.488], 1
        dataset.Rows = dataset.Columns = size
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 0
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
        dataset.WindowCenter, dataset.WindowWidth = 40, 400
        dataset.PixelData = values.tobytes()
        path = folder / f"{index + 1:05d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
