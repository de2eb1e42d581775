"""What the apps above read: the table of series and the volumes."""

import numpy as np
import pydicom
import pytest
from django.utils import translation

from readerstudy.imaging.models import Series
from readerstudy.imaging.selectors import label_in_words, read_volume, study_table

pytestmark = pytest.mark.shared


def test_a_volume_holds_the_files_values_where_the_files_say(take_in, shared_data):
    take_in(shared_data / "lumbar_ct" / "ts_example")
    volume = read_volume(Series.objects.get(label="Axial CT"))

    assert volume.values.shape == (112, 101, 122)
    files = [pydicom.dcmread(path) for path in (shared_data / "lumbar_ct/ts_example/01_CT_AX_3mm").iterdir()]
    for file in files[::17]:
        x, y, z = (float(part) for part in file.ImagePositionPatient)
        index = int(np.argmin(np.abs(volume.slice_affines[:, 2, 3] - z)))
        assert np.array_equal(volume.values[index], file.pixel_array.astype(np.float32) - 1024)
        assert np.allclose(volume.affine @ [index, 0, 0, 1], [x, y, z, 1], atol=1e-3)
        assert np.allclose(volume.affine @ [index, 20, 10, 1], [x + 30, y + 60, z, 1], atol=1e-3)


def test_slices_along_discs_have_no_common_affine_but_one_each(lumbar_set):
    volume = read_volume(Series.objects.get(label="Axial T2"))

    assert volume.affine is None
    assert volume.slice_affines.shape == (15, 4, 4)


def test_an_alias_changes_every_uid_and_keeps_what_belongs_together(lumbar_set):
    plain, repeat = study_table(lumbar_set), study_table(lumbar_set, alias="second showing")

    assert [row.label for row in plain] == [row.label for row in repeat] == ["Sagittal T2", "Axial T2"]
    uids = {uid for row in plain for uid in (row.study_uid, row.series_uid, row.frame_of_reference)}
    others = {uid for row in repeat for uid in (row.study_uid, row.series_uid, row.frame_of_reference)}
    assert not uids & others
    assert repeat[0].frame_of_reference == repeat[1].frame_of_reference


@pytest.mark.parametrize(
    ("label", "chinese"),
    [
        ("Sagittal T2", "矢状位 T2"),
        ("Axial CT", "轴位 CT"),
        ("Oblique MR", "斜位 MR"),
        ("MR localiser", "MR 定位像"),
        ("AP X-ray", "正位 X 线片"),
        ("Oblique X-ray, RPO", "斜位 X 线片, RPO"),
        ("X-ray", "X 线片"),
        ("T2", "T2"),
    ],
)
def test_labels_speak_the_language_of_the_page(label, chinese):
    assert label_in_words(label) == label
    with translation.override("zh-hans"):
        assert label_in_words(label) == chinese
