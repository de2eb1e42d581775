"""DICOM structured reports, read back: TID 1500, the protocol's codes, the snapshot's answers."""

import io
import zipfile

import highdicom as hd
import pydicom
import pytest
from django.core.management import call_command
from pydicom.sr.codedict import codes

from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.services.snapshots import dataset_of, latest_snapshot
from readerstudy.analysis.services.structured import structured_reports
from readerstudy.studies.models import Case
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(db):
    """Three cases: a report takes a good part of a second."""
    return unblinded(finished_study(n_patients=3))


def evaluations(content):
    """What a report says: structure -> finding's name -> value's code; and the probabilities."""
    report = hd.sr.ComprehensiveSR.from_dataset(pydicom.dcmread(io.BytesIO(content)))
    found, probabilities = {}, {}
    for group in report.content.get_image_measurement_groups():
        name = group.tracking_identifier
        found[name] = {e.name.meaning: e.value.value for e in group.get_qualitative_evaluations()}
        probabilities[name] = {m.name.meaning: m.value for m in group.get_measurements()}
    return report, found, probabilities


def test_reports_say_what_the_snapshot_says(small):
    snapshot = latest_snapshot(small.study)
    dataset = dataset_of(snapshot)
    files = dict(structured_reports(snapshot))
    assert len(files) == len(dataset.cases) * 4  # reference, two readers, model
    case = dataset.cases[2].pseudonym
    first = 2 * len(dataset.structures)
    data = dataset.findings["cyst"]
    for who, column in (("reference", data.reference), ("R1", data.reads[:, 0]), ("R2", data.reads[:, 1])):
        report, found, probabilities = evaluations(files[f"{case}/{who}.dcm"])
        for k, structure in enumerate(dataset.structures):
            grade = int(column[first + k])
            expected = f"cyst.{grade}" if grade >= 0 else "not_assessable"
            assert found[structure]["Subchondral cysts"] == expected
        assert not any(probabilities.values())
    assert report.PatientID == "P0002"
    assert report.Modality == "SR"
    assert "demonstration data" in report.SeriesDescription
    _report, found, probabilities = evaluations(files[f"{case}/model.dcm"])
    name = "probability of Subchondral cysts, grade 1 or more"
    for k, structure in enumerate(dataset.structures):
        assert probabilities[structure][name] == pytest.approx(
            data.probabilities[first + k, 1:].sum(), abs=1e-6
        )


def test_reports_follow_the_template_and_are_the_same_each_time(small):
    snapshot = latest_snapshot(small.study)
    name, content = next(structured_reports(snapshot))
    dataset = pydicom.dcmread(io.BytesIO(content))
    template = dataset.ContentTemplateSequence[0]
    assert (template.MappingResource, template.TemplateIdentifier) == ("DCMR", "1500")
    title = dataset.ConceptNameCodeSequence[0]
    assert title.CodeValue == codes.DCM.ImagingMeasurementReport.value
    assert (name, content) == next(structured_reports(snapshot))
    text = str(dataset)
    for private in ("First reader", "Second reader", "first_reader"):
        assert private not in text


def test_taking_reports_is_recorded(client, small, tmp_path):
    case = Case.objects.get(study=small.study, pseudonym="C0001")
    address = f"/studies/finished/results/cases/{case.public_id}/"
    client.force_login(small.investigator)
    assert f'action="{address}reports.zip"' in client.get(address).content.decode()
    answer = client.post(f"{address}reports.zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    people = ("reference", "R1", "R2", "model")
    assert archive.namelist() == [f"structured-reports/C0001/{who}.dcm" for who in people]
    assert UnblindingEvent.objects.filter(act="export", detail="DICOM SR").count() == 1
    call_command("export_sr", "finished", str(tmp_path / "sr.zip"))
    everything = zipfile.ZipFile(tmp_path / "sr.zip")
    assert len(everything.namelist()) == 3 * 4
    for name in archive.namelist():
        assert everything.read(name) == archive.read(name)
    client.force_login(small.coordinator)
    assert "reports.zip" not in client.get(address).content.decode()
    assert client.post(f"{address}reports.zip").status_code == 404
