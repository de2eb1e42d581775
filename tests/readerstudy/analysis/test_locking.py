"""Lock, opening again, unblinding: who signs what, and when it is refused."""

from datetime import timedelta

import pytest

from grading.models import Rating, Read, ReferenceGrade
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.selectors import data_hash, predictions_hash, readiness
from readerstudy.analysis.services.locking import DataChanged, LockRefused, lock, unblind, unlock
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.core.jobs import run_job
from readerstudy.core.models import AuditEvent, Job
from readerstudy.studies.models import Assignment, Case, Signature
from readerstudy.studies.services.cases import withdraw_case
from readerstudy.studies.services.errors import StudyRefused, WrongState
from tests.factories.finished_study import PASSWORD, finished_study
from tests.readerstudy.analysis.conftest import NOW
from tests.tampering import without_append_only

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(db):
    return finished_study(n_patients=4)


def _locked(made, reason=""):
    return lock(
        study=made.study, actor=made.coordinator, signed_digest=data_hash(made.study), reason=reason, at=NOW
    )


def test_lock_freezes_the_study_under_the_signed_hash(ready):
    study = _locked(ready)
    assert study.state == "locked"
    assert study.data_hash == data_hash(study)
    signature = Signature.objects.get(study=study)
    assert (signature.meaning, signature.signed_digest) == ("lock", study.data_hash)
    assert signature.signer_id == ready.coordinator.public_id
    assert AuditEvent.objects.filter(event="studies.study.locked").count() == 1


def test_data_hash_sees_submitted_answers_and_the_reference(ready):
    hashes = [data_hash(ready.study)]
    first = Assignment.objects.filter(study=ready.study, duty__duty="reader").first()
    repeat = Assignment.objects.create(
        duty=first.duty, case=first.case, user=first.user, study=ready.study, occasion=2, position=900,
        running_number=900,
    )  # fmt: skip
    read = Read.objects.create(
        assignment=repeat,
        protocol=ready.study.protocols.get(),
        case=first.case,
        reader=first.user,
        opened_at=NOW,
    )
    Rating.objects.create(
        read=read, structure="L1-2-right", finding="cyst", kind="grade", grade=0, saved_at=NOW
    )
    # What is not submitted is not there yet.
    assert data_hash(ready.study) == hashes[0]
    Read.objects.filter(pk=read.pk).update(state="submitted", submitted_at=NOW)
    hashes.append(data_hash(ready.study))
    row = ReferenceGrade.objects.filter(case__study=ready.study, kind="grade", grade=0).first()
    with without_append_only():
        ReferenceGrade.objects.filter(pk=row.pk).update(grade=1)
    hashes.append(data_hash(ready.study))
    Case.objects.filter(pk=row.case_id).update(status="withdrawn")
    hashes.append(data_hash(ready.study))
    assert len(set(hashes)) == 4


def test_a_patient_who_withdraws_after_the_lock_leaves_the_analysis_and_not_the_signed_hash(db):
    ready = finished_study(n_patients=7)
    cases = list(Case.objects.filter(study=ready.study, status="included").order_by("pseudonym"))
    before, between, after = cases[:3]
    withdraw_case(case=before, actor=None, at=NOW - timedelta(minutes=1))
    study = _locked(ready)
    signed = study.data_hash
    withdraw_case(case=between, actor=None, at=NOW + timedelta(minutes=1))
    assert data_hash(study) == signed
    study = unblind(
        study=study, actor=ready.investigator, signed_digest=predictions_hash(study), reason="", at=NOW
    )
    withdraw_case(case=after, actor=None, at=NOW + timedelta(minutes=2))
    for job in Job.objects.filter(kind="analysis.snapshot", state=Job.State.QUEUED):
        assert run_job(job.pk).state == Job.State.DONE
    snapshot = latest_snapshot(study)
    assert snapshot.data_hash == signed
    assert snapshot.results["summary"]["cases"] == len(cases) - 3
    # Who writes the status by himself changes the hash, as before.
    Case.objects.filter(pk=cases[3].pk).update(status="withdrawn")
    assert data_hash(study) != signed
    # The one that left before the lock was no part of what was signed.
    Case.objects.filter(pk=cases[3].pk).update(status="included")
    Case.objects.filter(pk=before.pk).update(status="included")
    assert data_hash(study) != signed


def test_a_lock_after_a_withdrawal_signs_what_is_left(ready):
    study = _locked(ready)
    first = study.data_hash
    case = Case.objects.filter(study=study, status="included").order_by("pseudonym")[0]
    withdraw_case(case=case, actor=None, at=NOW + timedelta(minutes=1))
    study = unlock(study=study, actor=ready.coordinator, reason="A patient withdrew.", at=NOW)
    again = _locked(ready)
    assert again.data_hash != first


def test_lock_refuses_what_was_not_shown(ready):
    with pytest.raises(DataChanged):
        lock(study=ready.study, actor=ready.coordinator, signed_digest="0" * 64, reason="", at=NOW)
    ready.study.refresh_from_db()
    assert ready.study.state == "open"


def test_lock_with_missing_reads_needs_a_reason_and_counts_the_cases():
    made = finished_study(n_patients=4, unfinished_cases=1)
    missing = readiness(made.study)
    assert (missing.n_cases, missing.n_finished) == (4, 3)
    assert dict(missing.open_reads) == {"R1": 1, "R2": 1}
    with pytest.raises(LockRefused):
        _locked(made)
    study = _locked(made, reason="The last patient withdrew.")
    assert study.state == "locked"
    event = AuditEvent.objects.get(event="analysis.study.cases_left_out")
    assert event.detail["n"] == 1


def test_nothing_finished_cannot_be_locked():
    made = finished_study(n_patients=2, unfinished_cases=2, with_model=False)
    with pytest.raises(LockRefused):
        _locked(made, reason="for a reason")


def test_opening_again_needs_a_reason_and_is_never_possible_after_unblinding(ready):
    study = _locked(ready)
    with pytest.raises(StudyRefused):
        unlock(study=study, actor=ready.coordinator, reason=" ", at=NOW)
    assert unlock(study=study, actor=ready.coordinator, reason="A read was missing.", at=NOW).state == "open"
    study = _locked(ready)
    study = unblind(
        study=study, actor=ready.investigator, signed_digest=predictions_hash(study), reason="", at=NOW
    )
    with pytest.raises(WrongState):
        unlock(study=study, actor=ready.coordinator, reason="Too late.", at=NOW)


def test_unblinding_freezes_predictions_and_asks_for_a_snapshot(ready):
    study = _locked(ready)
    with pytest.raises(DataChanged):
        unblind(study=study, actor=ready.investigator, signed_digest="0" * 64, reason="", at=NOW)
    study = unblind(
        study=study, actor=ready.investigator, signed_digest=predictions_hash(study), reason="", at=NOW
    )
    assert study.state == "unblinded"
    assert study.predictions_hash == predictions_hash(study)
    assert Snapshot.objects.get(study=study).predictions_hash == study.predictions_hash


def test_an_open_study_cannot_be_unblinded(ready):
    with pytest.raises(WrongState):
        unblind(
            study=ready.study, actor=ready.investigator, signed_digest=predictions_hash(ready.study),
            reason="", at=NOW,
        )  # fmt: skip


def test_page_asks_for_the_password_again(client, ready):
    client.force_login(ready.coordinator)
    digest = data_hash(ready.study)
    answer = client.post("/studies/finished/lock/", {"digest": digest, "password": "wrong", "reason": ""})
    assert answer.status_code == 200
    assert "This is not your password" in answer.content.decode()
    ready.study.refresh_from_db()
    assert ready.study.state == "open"
    answer = client.post("/studies/finished/lock/", {"digest": digest, "password": PASSWORD, "reason": ""})
    assert answer.status_code == 302
    ready.study.refresh_from_db()
    assert ready.study.state == "locked"
    client.force_login(ready.investigator)
    page = client.get("/studies/finished/unblind/").content.decode()
    assert predictions_hash(ready.study) in page
    answer = client.post(
        "/studies/finished/unblind/", {"digest": predictions_hash(ready.study), "password": PASSWORD}
    )
    assert answer.status_code == 302
    ready.study.refresh_from_db()
    assert ready.study.state == "unblinded"
