"""Objects with a unique string in every attribute that the confidentiality profile names."""

from pathlib import Path

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from readerstudy.dicom.basic_profile import ACTIONS

_TEXT = {"AE", "CS", "SH", "LO", "ST", "LT", "UT", "UC", "UR", "PN"}
ROOT_UID = "1.2.826.0.1.3680043.10.77777"


class Canaries:
    """Makes unique values by value representation and remembers each as bytes to search for."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._count = 0
        self.planted: dict[str, bytes] = {}

    def text(self, where: str) -> str:
        """Return a unique text of at most 16 characters."""
        self._count += 1
        value = f"{self._mark}{self._count:05d}Q"
        self.planted[where] = value.encode()
        return value

    def value(self, vr: str, where: str) -> object:
        """Return a unique value of a kind, None where a kind cannot hold one (short numbers, tags)."""
        if vr in _TEXT:
            return self.text(where)
        self._count += 1
        if vr == "UI":
            value = f"{ROOT_UID}.{ord(self._mark[0])}.{self._count}"
        elif vr == "DA":
            value = f"18{self._count % 90 + 10:02d}0{self._count % 9 + 1}13"
            self.planted[where] = value.encode()
            return value
        elif vr == "DT":
            value = f"1877031303141{self._count % 10}.{self._count:06d}"
        elif vr == "TM":
            value = f"03141{self._count % 10}.{self._count:06d}"
        elif vr in ("OB", "OW", "UN"):
            self.planted[where] = f"{self._mark}{self._count:05d}BYTES!".encode()
            return self.planted[where]
        else:
            return None
        self.planted[where] = value.encode()
        return value


def _fill(dataset: Dataset, canaries: Canaries, where: str, *, depth: int) -> None:
    for tag in ACTIONS:
        group, number = tag >> 16, tag & 0xFFFF
        if group in (0x0000, 0x0002, 0x0004, 0xFFFA, 0xFFFC):
            continue
        vr = dictionary_VR(tag).split(" or ")[-1]
        name = f"{where}({group:04X},{number:04X})"
        if vr == "SQ":
            if depth == 0:
                continue
            item = Dataset()
            item.add_new(0x00081150, "UI", CTImageStorage)
            item.add_new(0x00100010, "PN", canaries.text(f"{name}.PatientName"))
            item.add_new(0x00080080, "LO", canaries.text(f"{name}.InstitutionName"))
            item.add_new(0x00081155, "UI", canaries.value("UI", f"{name}.ReferencedSOPInstanceUID"))
            if depth > 1:
                _fill(item, canaries, f"{name}.", depth=0)
            dataset.add(DataElement(tag, "SQ", Sequence([item])))
            continue
        value = canaries.value(vr, name)
        if value is not None:
            dataset.add(DataElement(tag, vr, value))


def canary_object(canaries: Canaries, *, index: int) -> Dataset:
    """Return an axial CT slice that carries a canary wherever one fits: it is a sound image otherwise."""
    dataset = Dataset()
    _fill(dataset, canaries, f"{index}:", depth=1)
    # One sequence with every attribute nested inside it.
    nested = Dataset()
    _fill(nested, canaries, f"{index}:nested", depth=0)
    dataset.add(DataElement(0x00081140, "SQ", Sequence([nested])))
    block = dataset.private_block(0x0009, canaries.text(f"{index}:private creator"), create=True)
    block.add_new(0x01, "LO", canaries.text(f"{index}:private"))
    block.add_new(0x02, "OB", canaries.value("OB", f"{index}:private bytes"))
    # Codes and free text that the table does not name, and codes where a term is expected.
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", canaries.text(f"{index}:ImageType")]
    dataset.BodyPartExamined = canaries.text(f"{index}:BodyPartExamined")
    dataset.ViewPosition = canaries.text(f"{index}:ViewPosition")
    dataset.RescaleType = canaries.text(f"{index}:RescaleType")
    dataset.WindowCenterWidthExplanation = canaries.text(f"{index}:WindowExplanation")
    dataset.Manufacturer = canaries.text(f"{index}:Manufacturer")
    dataset.add_new(0x60000010, "US", 16)
    dataset.add_new(0x60000011, "US", 16)
    dataset.add_new(0x60003000, "OW", canaries.value("OW", f"{index}:overlay").ljust(32, b"\0"))
    dataset.add_new(0x60004000, "LT", canaries.text(f"{index}:overlay comment"))

    rng = np.random.default_rng(index)
    values = rng.integers(0, 4096, (32, 48)).astype("<u2")
    dataset.SOPClassUID = CTImageStorage
    dataset.Modality = "CT"
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = [0, 0, 3.0 * index]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.5, 0.5]
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    # An old-style overlay hides in the four bits beside the stored ones.
    hidden = np.frombuffer(canaries.value("OB", f"{index}:beside the pixels") * 200, np.uint8)[: values.size]
    dataset.PixelData = (values | (hidden.reshape(values.shape).astype("<u2") & 0xF) << 12).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def write_canary_series(folder: Path, canaries: Canaries, *, n_slices: int) -> list[Path]:
    """Write a series whose folder, file names, preamble and attributes are full of canaries."""
    inside = folder / canaries.text("folder name")
    inside.mkdir(parents=True)
    first = canary_object(canaries, index=0)
    paths = []
    for index in range(n_slices):
        dataset = first if index == 0 else canary_object(canaries, index=index)
        for keyword in ("PatientID", "IssuerOfPatientID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(dataset, keyword, getattr(first, keyword))
        dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.SourceApplicationEntityTitle = canaries.text(f"{index}:source AE")
        dataset.preamble = canaries.text(f"{index}:preamble").encode().ljust(128, b"\0")
        path = inside / f"{canaries.text(f'{index}:file name')}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    # A value that a later one replaced was never in a file: only what is there counts.
    there = b"".join(str(path).encode() + path.read_bytes() for path in paths)
    canaries.planted = {where: value for where, value in canaries.planted.items() if value in there}
    return paths
