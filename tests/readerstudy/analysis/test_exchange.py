"""Exports and imports: the same bytes after a round trip, every refused row by line and column."""

import csv
import io
import zipfile

import pytest
from django.core.management import CommandError, call_command

from grading.models import Read, ReferenceGrade
from readerstudy.accounts.models import User
from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.selectors import data_hash, predictions_hash, readiness
from readerstudy.analysis.services.exports import ExportRefused, export_files, export_listing
from readerstudy.analysis.services.imports import (
    ImportRefused,
    import_predictions,
    import_reads,
    import_reference,
)
from readerstudy.analysis.services.locking import lock, unblind
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.core.jobs import run_job
from readerstudy.core.models import AuditEvent, Job
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.errors import WrongState
from readerstudy.studies.services.studies import create_study, grant_roles, open_study
from tests.factories.finished_study import FACET_PROTOCOL, finished_study, person
from tests.readerstudy.analysis.conftest import NOW, unblinded

pytestmark = pytest.mark.django_db

TABLES = ("reads.csv", "reference.csv", "predictions.csv")


def empty_study(slug, investigator=None):
    """An open study without cases."""
    study = create_study(
        source=FACET_PROTOCOL.read_text(), slug=slug, actor=None, at=NOW, is_demonstration=True
    )
    if investigator is not None:
        grant_roles(study=study, user=investigator, roles=["is_investigator"], actor=None, at=NOW)
    return open_study(study=study, actor=None, at=NOW)


def _take_in(study, files):
    given = {"study": study, "actor": None, "at": NOW, "source": "a test"}
    import_reads(text=files["reads.csv"], **given)
    import_reference(text=files["reference.csv"], **given)
    import_predictions(text=files["predictions.csv"], **given)


def _finish(study, investigator):
    study = lock(study=study, actor=investigator, signed_digest=data_hash(study), reason="", at=NOW)
    study = unblind(study=study, actor=investigator, signed_digest=predictions_hash(study), reason="", at=NOW)
    for job in Job.objects.filter(kind="analysis.snapshot", state=Job.State.QUEUED):
        assert run_job(job.pk).state == Job.State.DONE
    return study


@pytest.fixture
def exported(db):
    made = unblinded(finished_study(n_patients=6, comparison_readers=1, centres=(("A", False), ("B", True))))
    return made, export_files(made.study)


def test_export_import_export_is_byte_equal(exported):
    made, files = exported
    investigator = person("second_investigator")
    study = empty_study("again", investigator)
    _take_in(study, files)
    missing = readiness(study)
    assert missing.is_complete, missing
    study = _finish(study, investigator)
    again = export_files(study)
    for name in TABLES:
        assert again[name] == files[name], name
    first, second = latest_snapshot(made.study).results, latest_snapshot(study).results
    for key, figures in first["views"].items():
        other = second["views"][key]
        assert other["readers"] == figures["readers"]
        assert other["confusion"] == figures["confusion"]
        assert other["agreement"] == figures["agreement"]
        # An imported model was never approved here, so nothing of it is confirmatory.
        assert other["headline"]["auc"]["difference"] == figures["headline"]["auc"]["difference"]
        assert not other["headline"]["sensitivity"]["claim"]["is_confirmatory"]


def test_imported_readers_cannot_sign_in(exported):
    _made, files = exported
    study = empty_study("again")
    import_reads(study=study, text=files["reads.csv"], actor=None, at=NOW, source="a test")
    imported = User.objects.filter(username__startswith="imported-again-")
    assert imported.count() == 3
    assert not any(user.is_active or user.has_usable_password() for user in imported)
    event = AuditEvent.objects.get(event="analysis.data.imported")
    assert event.detail["n_rows"] == files["reads.csv"].count("\n") - 1


def _changed(text, line, **cells):
    rows = list(csv.DictReader(io.StringIO(text)))
    rows[line - 2].update(cells)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


BAD_CELLS = [
    ({"finding": "colour"}, "finding"),
    ({"structure": "L9-right"}, "structure"),
    ({"grade": "7"}, "grade"),
    ({"grade": "two"}, "grade"),
    ({"kind": "value", "grade": "", "value": "3"}, "kind"),
    ({"submitted_at": "yesterday"}, "submitted_at"),
    ({"submitted_at": "2026-03-04T08:00:00"}, "submitted_at"),
    ({"partition": "moon"}, "partition"),
    ({"patient_id": "P9999"}, "patient_id"),
    ({"condition": "asleep"}, "condition"),
    ({"reader_role": "comparison"}, "reader_role"),
    ({"protocol_version": "4"}, "protocol_version"),
    ({"confidence": "101"}, "confidence"),
    ({"case_id": ""}, "case_id"),
    ({"centre": "Z"}, "centre"),
]


def test_a_bad_row_is_named_and_nothing_enters(exported):
    _made, files = exported
    study = empty_study("again")
    text = files["reads.csv"]
    row = next(
        number for number, line in enumerate(text.splitlines(), start=1) if ",grade," in line and number > 100
    )
    for cells, column in BAD_CELLS:
        with pytest.raises(ImportRefused) as refusal:
            import_reads(study=study, text=_changed(text, row, **cells), actor=None, at=NOW, source="a test")
        first = refusal.value.problems[0]
        assert (first.line, first.column) == (row, column), cells
        assert not Read.objects.filter(case__study=study).exists()
        assert not study.cases.exists()


def test_missing_columns_and_doubled_rows_are_refused(exported):
    _made, files = exported
    study = empty_study("again")
    given = {"study": study, "actor": None, "at": NOW, "source": "a test"}
    with pytest.raises(ImportRefused, match="structure"):
        import_reads(text="case_id,patient_id\nC1,P1\n", **given)
    lines = files["reads.csv"].splitlines()
    with pytest.raises(ImportRefused, match="stands twice"):
        import_reads(text="\n".join([*lines, lines[5]]) + "\n", **given)
    with pytest.raises(ImportRefused, match="import its reads or its list of cases first"):
        import_reference(text=files["reference.csv"], **given)


def test_probabilities_must_be_probabilities(exported):
    _made, files = exported
    study = empty_study("again")
    given = {"study": study, "actor": None, "at": NOW, "source": "a test"}
    import_reads(text=files["reads.csv"], **given)
    for cells in ({"p_0": "0.9", "p_1": "0.9"}, {"p_0": ""}, {"p_0": "nan"}):
        with pytest.raises(ImportRefused):
            import_predictions(text=_changed(files["predictions.csv"], 3, **cells), **given)


def test_tables_enter_an_open_study_only(exported):
    made, files = exported
    with pytest.raises(WrongState):
        import_reads(study=made.study, text=files["reads.csv"], actor=None, at=NOW, source="a test")


def test_rows_do_not_leave_before_unblinding(open_study_ready):
    with pytest.raises(ExportRefused):
        export_files(open_study_ready.study)


def test_reads_hold_first_and_final_versions(exported):
    made, files = exported
    rows = list(csv.DictReader(io.StringIO(files["reads.csv"])))
    assert len(rows) == 6 * 3 * 50
    assert {row["reader_role"] for row in rows if row["reader_id"] == "R3"} == {"comparison"}
    references = list(csv.DictReader(io.StringIO(files["reference.csv"])))
    assert len(references) == ReferenceGrade.objects.filter(case__study=made.study).count()
    kept = [row for row in references if row["decided_by_roles"] == "adjudicator+panel"]
    assert kept
    assert all(row["reader_contributed"] in {"R1", "R2"} for row in kept)


def test_taking_the_archive_is_recorded(client, exported):
    made, files = exported
    client.force_login(made.investigator)
    page = client.get("/studies/finished/export/").content.decode()
    assert "finished-demonstration/reads.csv" in page
    assert {name for name, _ in export_listing(made.study)} == set(files)
    for name, rows in export_listing(made.study):
        assert rows is None or rows == files[name].count("\n") - 1
    answer = client.post("/studies/finished/export/")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.read("finished-demonstration/reads.csv").decode() == files["reads.csv"]
    assert archive.read("finished-demonstration/README.txt").decode().startswith("DEMONSTRATION DATA")
    assert UnblindingEvent.objects.filter(act="export").count() == 1
    assert AuditEvent.objects.filter(event="analysis.export.written").count() == 1
    client.force_login(made.coordinator)
    assert client.get("/studies/finished/export/").status_code == 404


def test_imrmc_files_say_what_they_do_not_know(exported):
    _made, files = exported
    lines = files["imrmc-narrowing-2.csv"].splitlines()
    assert lines[0].startswith("# DEMONSTRATION DATA")
    assert "no clusters" in lines[1]
    rows = list(csv.DictReader(lines[2:]))
    truth = {row["caseID"]: row["score"] for row in rows if row["readerID"] == "truth"}
    assert set(truth.values()) == {"0", "1"}
    assert {row["modalityID"] for row in rows} == {"truth", "unaided", "model alone"}
    assert {row["caseID"] for row in rows} == set(truth)


def test_commands(tmp_path, exported):
    _made, files = exported
    call_command("export", "finished", str(tmp_path / "out"))
    assert (tmp_path / "out" / "reads.csv").read_text() == files["reads.csv"]
    empty_study("again")
    for table in ("reads", "reference", "predictions"):
        call_command(f"import_{table}", "again", str(tmp_path / "out" / f"{table}.csv"))
    assert ReaderStudy.objects.get(slug="again").cases.count() == 6
    with pytest.raises(CommandError, match="rows refused"):
        call_command("import_reference", "again", str(tmp_path / "out" / "reference.csv"))
    call_command("verify_audit", "finished")
    AuditEvent.objects.filter(number=3).update(actor_name="somebody else")
    with pytest.raises(CommandError, match="faults"):
        call_command("verify_audit", "finished")
