"""Sound images of any size, for whoever reads files."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.readerstudy.imaging.canaries import Canaries, canary_object

#: What is said of a file that is none.
NOT_DICOM = (
    "not a DICOM file (no DICM mark, not the beginning of an image). If it is one, export it again as DICOM."
)


def image(path: Path, size: int) -> Path:
    """Write a sound square image of noise and return its path."""
    dataset = canary_object(Canaries("IMGE"), index=0)
    for element in list(dataset):
        if element.VR == "SQ" or element.tag.is_private or element.tag.group == 0x6000:
            del dataset[element.tag]
    dataset.Rows = dataset.Columns = size
    dataset.PixelData = np.random.default_rng(3).integers(0, 4096, (size, size)).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path
