"""What becomes of a case's images when it is withdrawn, exported, or its study is locked."""

import uuid

import pydicom
import pytest
import yaml
from django.core.management import call_command
from django.utils import timezone

from readerstudy.imaging.authorise import authorise
from readerstudy.imaging.selectors import import_report
from readerstudy.imaging.services import identity_of, open_case
from readerstudy.studies.models import Case
from readerstudy.studies.services.importing import import_images
from readerstudy.studies.services.states import lock_study
from readerstudy.studies.services.studies import open_study
from tests.factories.studies import make_study, make_team

pytestmark = [pytest.mark.django_db, pytest.mark.shared]


@pytest.fixture
def case(settings, tmp_path, shared_data) -> Case:
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    source = shared_data / "lumbar_xr_simulated"
    import_images(study=make_study(), source=source, centre_code="1", actor=None, at=timezone.now())
    return Case.objects.get()


def holds(opened, presentation) -> bool:
    found = authorise(
        presentation=presentation, cookies="", authorization=f"Bearer {opened.token}", now=timezone.now()
    )
    return found is not None


def opened_images(case):
    presentation = uuid.uuid4()
    opened = open_case(
        image_set=case.image_set, presentation=presentation, user_id=1, session_key="", at=timezone.now()
    )
    assert holds(opened, presentation)
    return opened, presentation


def test_withdrawal_erases_images_and_identity_and_refuses_them_again(case, tmp_path, shared_data, capsys):
    opened, presentation = opened_images(case)
    assert identity_of(case.image_set).patient_id == "RS-CT-TS1"
    call_command("withdraw_case", case.study.slug, case.pseudonym)
    assert "Add --yes" in capsys.readouterr().out
    assert holds(opened, presentation)

    call_command("withdraw_case", case.study.slug, case.pseudonym, yes=True)

    case.refresh_from_db()
    assert case.status == Case.Status.WITHDRAWN
    assert not holds(opened, presentation)
    assert identity_of(case.image_set).patient_id == ""
    assert [path for path in (tmp_path / "data" / "cache").rglob("*") if path.is_file()] == []
    source = shared_data / "lumbar_xr_simulated"
    again = import_images(study=case.study, source=source, centre_code="1", actor=None, at=timezone.now())
    reasons = {row.reason for row in import_report(again.batch)}
    assert reasons == {"this patient's images were withdrawn from the reader study"}
    assert Case.objects.count() == 1


def test_locking_the_study_ends_every_open_capability(case):
    people = make_team(case.study)
    opened, presentation = opened_images(case)
    open_study(study=case.study, actor=people["coordinator"], at=timezone.now())
    assert holds(opened, presentation)
    lock_study(study=case.study, actor=people["investigator"], at=timezone.now(), data_hash="0" * 64)
    assert not holds(opened, presentation)


def test_copies_carry_the_pseudonym_and_nothing_of_the_patient(case, tmp_path):
    call_command("export_dicom", case.study.slug, tmp_path / "out")
    copies = list((tmp_path / "out" / case.pseudonym).rglob("*.dcm"))
    assert len(copies) == 2
    for path in copies:
        assert pydicom.dcmread(path).PatientID == case.patient.pseudonym
        assert b"RS-CT-TS1" not in path.read_bytes()


def test_the_list_of_cases_says_which_kinds_of_image_are_missing(case, client):
    """Required by the protocol, or only read where a case has them."""
    client.force_login(make_team(case.study)["coordinator"])
    page = client.get(f"/studies/{case.study.slug}/cases/").content.decode()
    assert "Missing, optional: CT, MR" in page
    assert "Missing, required" not in page

    protocol = case.study.protocols.get()
    content = yaml.safe_load(protocol.source)
    content["reading"]["required_modalities"] = ["MR", "XR"]
    protocol.source = yaml.safe_dump(content, allow_unicode=True)
    protocol.digest = "0" * 64
    protocol.save()
    page = client.get(f"/studies/{case.study.slug}/cases/").content.decode()
    assert "Missing, required: MR" in page
    assert "Missing, optional: CT" in page
