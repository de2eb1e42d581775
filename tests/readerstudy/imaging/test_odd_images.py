"""Images as hospitals send them: a large radiograph with its side marker, gaps, doubled places, several directions."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from readerstudy.imaging.models import ImageSet, ImportOutcome
from readerstudy.imaging.selectors import read_volume, study_table

STUDY, SERIES, FRAME = generate_uid(), generate_uid(), generate_uid()
AXIAL = [1, 0, 0, 0, 1, 0]
TILTED = [1, 0, 0, 0, 0.9396926, -0.3420201]
SAGITTAL = [0, 1, 0, 0, 0, -1]


def write(path: Path, pixels: Any, **attributes: Any) -> None:
    """Write one image; a CT slice unless said otherwise."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = attributes.pop("SOPClassUID", CTImageStorage)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = STUDY, SERIES
    data.PatientID, data.Modality = "ODD-1", "CT"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    for name, value in attributes.items():
        setattr(data, name, value)
    data.PixelData = pixels.astype("<u2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def slices(folder: Path, places: list[tuple[list[float], list[float]]], shape=(24, 32)) -> None:
    """Write slices at (orientation, position); each is filled with its number."""
    for number, (orientation, position) in enumerate(places, start=1):
        write(
            folder / f"{number:03}.dcm",
            np.full(shape, number),
            InstanceNumber=number,
            FrameOfReferenceUID=FRAME,
            ImageOrientationPatient=orientation,
            ImagePositionPatient=position,
            PixelSpacing=[1, 1],
            SliceThickness=2,
        )


@pytest.fixture
def taken(take_in, tmp_path, scope):
    """Take the written files in; gives the only series, all files being stored."""

    def take():
        batch = take_in(tmp_path / "files")
        assert set(batch.outcomes.values_list("outcome", flat=True)) == {ImportOutcome.Outcome.STORED}
        (study,) = ImageSet.objects.get(scope=scope).imaging_studies.all()
        (series,) = study.series.all()
        return series

    return take


def test_a_large_radiograph_is_taken_and_served_with_its_side_marker(taken, client_of, tmp_path, scope):
    """4200 x 4096 pixels; the letter that the radiographer laid down stays in the pixels, to the last of them."""
    rng = np.random.default_rng(4)
    pixels = rng.integers(200, 3000, (4200, 4096), dtype=np.uint16)
    marker = np.zeros((60, 40), bool)
    marker[:, :8] = marker[:8] = marker[26:34] = marker[:34, -8:] = True
    marker[np.arange(34, 60), np.arange(34, 60) - 22] = True
    pixels[100:160, 150:190][marker] = 4095
    write(
        tmp_path / "files" / "ap.dcm",
        pixels,
        SOPClassUID=DigitalXRayImageStorageForPresentation,
        Modality="DX",
        ViewPosition="AP",
        ImagerPixelSpacing=[0.1, 0.1],
    )
    series = taken()
    assert (series.rows, series.columns, series.label) == (4200, 4096, "AP X-ray")
    np.testing.assert_array_equal(read_volume(series).values[0].astype(np.uint16), pixels)
    images = ImageSet.objects.get(scope=scope)
    (row,) = study_table(images)
    client = client_of(images)
    uid = series.instances.get().blinded_uid
    picture = client.retrieve_instance_rendered(
        row.study_uid, row.series_uid, uid, media_types=("image/png",)
    )
    shown = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    scale = shown.shape[0] / 4200
    rows = slice(round(100 * scale), round(134 * scale))
    columns = slice(round(150 * scale), max(round(158 * scale), round(150 * scale) + 1))
    assert shown[rows, columns].mean() > 240


def test_a_missing_slice_stays_a_gap(taken, tmp_path):
    places = [(AXIAL, [0.0, 0.0, 2.0 * k]) for k in range(9) if k != 4]
    slices(tmp_path / "files", places)
    volume = read_volume(taken())
    assert volume.affine is None
    heights = volume.slice_affines[:, 2, 3]
    assert np.abs(np.diff(heights)).round(3).tolist() == [2.0] * 3 + [4.0] + [2.0] * 3


def test_two_images_at_one_place_both_stay_and_make_no_volume(taken, tmp_path):
    places = [(AXIAL, [0.0, 0.0, 2.0 * k]) for k in (0, 1, 1, 2, 3)]
    slices(tmp_path / "files", places)
    series = taken()
    volume = read_volume(series)
    assert series.n_instances == 5
    assert volume.affine is None
    heights = volume.slice_affines[:, 2, 3].tolist()
    assert sorted(heights) == [0.0, 2.0, 2.0, 4.0, 6.0]
    assert heights in (sorted(heights), sorted(heights, reverse=True))
    # Each stands with its own pixels.
    assert sorted(volume.values[:, 0, 0].tolist()) == [1, 2, 3, 4, 5]


def test_several_directions_in_one_series_keep_their_own_places(taken, tmp_path):
    """Stacks along two discs: each image has its own direction, the groups follow each other from head to foot."""
    lower = [(AXIAL, [0.0, 0.0, 2.0 * k]) for k in range(3)]
    upper = [(TILTED, [0.0, 0.0, 40.0 + 2.0 * k]) for k in range(3)]
    slices(tmp_path / "files", [*lower, *upper])
    volume = read_volume(taken())
    assert volume.affine is None
    assert volume.plane == "axial"
    directions = volume.slice_affines[:, :3, 1].round(4).tolist()
    assert directions == [pytest.approx(TILTED[3:], abs=1e-3)] * 3 + [pytest.approx(AXIAL[3:])] * 3
    assert (volume.slice_affines[:3, 2, 3] >= 40).all()


def test_a_sagittal_among_axial_images_is_not_taken_for_one_of_them(taken, tmp_path):
    places = [(AXIAL, [0.0, 0.0, 2.0 * k]) for k in range(4)] + [(SAGITTAL, [16.0, -10.0, 20.0])]
    slices(tmp_path / "files", places, shape=(24, 24))
    volume = read_volume(taken())
    assert volume.affine is None
    normals = np.cross(volume.slice_affines[:, :3, 2], volume.slice_affines[:, :3, 1])
    assert (np.abs(normals[:, 0]) > 0.9).sum() == 1
