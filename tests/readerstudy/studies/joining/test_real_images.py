"""Joining and taking out of imported images: commands, pages and what lies on the disk."""

import pydicom
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from readerstudy.core.models import AuditEvent
from readerstudy.imaging.services import identity_of, patient_numbers
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.pages import case_rows
from readerstudy.studies.services.importing import import_images
from tests.factories.studies import make_study, make_team
from tests.readerstudy.studies.joining.acts import join, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def archives(settings, tmp_path, shared_data) -> ReaderStudy:
    """Radiographs under one archive's number, MR under another's."""
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    study = make_study()
    for folder in ("lumbar_xr_simulated/ts_example", "lumbar_mr/vb2_05/02_T2_AX_disc_reformat"):
        import_images(
            study=study, source=shared_data / folder, centre_code="1", actor=None, at=timezone.now()
        )
    return study


@pytest.mark.shared
def test_the_commands_join_export_take_out_and_withdraw(archives, tmp_path, shared_data, capsys):
    first, second = Case.objects.order_by("pk")
    with pytest.raises(CommandError, match="no case 'nobody'"):
        call_command("join_cases", archives.slug, first.pseudonym, "nobody")
    call_command("join_cases", archives.slug, first.pseudonym, second.pseudonym)
    assert "MR, X-ray; 2 imaging studies, 3 series, 17 images" in capsys.readouterr().out
    assert Case.objects.count() == 2

    call_command("join_cases", archives.slug, first.pseudonym, second.pseudonym, yes=True)

    case = Case.objects.get()
    assert patient_numbers(case.image_set) == ("RS-CT-TS1", "RS-LT2-05")
    # Later images under either number come into it, and make no case of their own.
    for folder in ("lumbar_mr/vb2_05", "lumbar_ct/ts_example"):
        import_images(
            study=archives, source=shared_data / folder, centre_code="1", actor=None, at=timezone.now()
        )
    assert Case.objects.get() == case
    assert case_rows(archives)[0].modalities == "MR, CT, X-ray"
    call_command("export_dicom", archives.slug, tmp_path / "out")
    copies = list((tmp_path / "out" / case.pseudonym).rglob("*.dcm"))
    assert {pydicom.dcmread(path, stop_before_pixels=True).PatientID for path in copies} == {
        case.patient.pseudonym
    }
    assert {pydicom.dcmread(path, stop_before_pixels=True).Modality for path in copies} >= {"MR", "CT"}
    capsys.readouterr()
    call_command("take_out", archives.slug, case.pseudonym)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["number 1", "number 1", "number 2"]
    call_command("take_out", archives.slug, case.pseudonym, lines[2].split()[0])
    assert Case.objects.count() == 2
    new = Case.objects.latest("pk")
    assert identity_of(new.image_set).patient_id == "RS-LT2-05"
    assert new.pseudonym == second.pseudonym
    call_command("withdraw_case", archives.slug, case.pseudonym, yes=True)
    held = {
        path.relative_to(tmp_path / "data").parts[2]
        for store in ("cache", "originals", "identities")
        for path in (tmp_path / "data" / store).rglob("*")
        if path.is_file()
    }
    assert {name.removesuffix(".sealed") for name in held} == {str(new.image_set.public_id)}


@pytest.mark.shared
def test_the_page_names_no_patient_number(archives, client):
    client.force_login(make_team(archives)["coordinator"])
    first, second = Case.objects.order_by("pk")
    sent = {"stays": first.pseudonym, "comes": second.pseudonym}
    pages = [said(client.get(reverse("studies:join_cases", kwargs={"slug": archives.slug}, query=sent)))]
    join([first, second])
    address = reverse("studies:case_images", kwargs={"slug": archives.slug, "case": first.public_id})
    pages.append(said(client.get(address)))
    assert "Under patient number 2" in pages[1]
    for page in pages:
        assert "RS-CT-TS1" not in page
        assert "RS-LT2-05" not in page
    for event in AuditEvent.objects.all():
        assert "RS-" not in str(event.detail)
