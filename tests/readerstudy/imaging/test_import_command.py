"""``import_dicom`` from an archive: listed first, taken with the same rules as a folder."""

import pytest
import requests
from django.core.management import CommandError, call_command

from readerstudy.imaging.benchmark import servers
from readerstudy.studies.models import Case
from tests.factories.studies import make_study

pytestmark = [pytest.mark.django_db, pytest.mark.shared]


def test_an_archive_is_listed_and_taken_by_command(settings, data_root, shared_data, tmp_path, capsys):
    study = make_study()
    try:
        with servers.orthanc(tmp_path) as (port, _):
            login = (servers.ORTHANC_USER, servers.ORTHANC_PASSWORD)
            settings.READERSTUDY_ARCHIVES = {
                "pacs": {"url": f"http://127.0.0.1:{port}/dicom-web", "user": login[0], "password": login[1]}
            }
            for path in sorted((shared_data / "lumbar_mr" / "ivd_46").rglob("*.dcm")):
                address = f"http://127.0.0.1:{port}/instances"
                requests.post(address, data=path.read_bytes(), auth=login, timeout=30).raise_for_status()
            call_command("import_dicom", study.slug, archive="pacs", modality="MR", list=True)
            assert "1 imaging studies" in capsys.readouterr().out
            assert not Case.objects.exists()
            call_command(
                "import_dicom", study.slug, archive="pacs", modality="MR", laterality="by-convention"
            )
    except servers.ServerMissing as missing:
        pytest.skip(str(missing))
    assert "16 stored, 0 duplicate, 0 conflict, 0 refused; 1 new cases." in capsys.readouterr().out


def test_unknown_archives_and_missing_sources_are_said_plainly():
    study = make_study()
    with pytest.raises(CommandError, match="no archive of this name"):
        call_command("import_dicom", study.slug, archive="elsewhere")
    with pytest.raises(CommandError, match="one of the two"):
        call_command("import_dicom", study.slug)
