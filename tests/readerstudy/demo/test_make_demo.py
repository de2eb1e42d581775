"""The demonstration is made by the product's own services, once, and holds something for every role."""

import json
import shutil
import stat
from collections import Counter

import pytest
from django.core.management import call_command

from grading.models import Discordance, Read, ReferenceGrade
from readerstudy.accounts.models import User
from readerstudy.analysis.models import Snapshot
from readerstudy.core.audit import verify_chain
from readerstudy.core.models import AuditEvent
from readerstudy.demo.building.people import PEOPLE, accounts_file
from readerstudy.phantom import kept_folder
from readerstudy.studies.models import Case, ReaderStudy

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings, tmp_path, drawn_patients, django_capture_on_commit_callbacks, capsys):
    settings.READERSTUDY_DATA_ROOT = tmp_path
    settings.READERSTUDY_KEEP_ORIGINALS = False
    for n_cases, seed in ((4, 5635006), (5, 5635007)):
        kept_folder(drawn_patients, cases=n_cases, seed=seed, centres=("A",), variants=False, workers=2)
    # As a first try left it that failed after its drawing.
    passing = tmp_path / "demo-phantoms"
    shutil.copytree(drawn_patients, passing)
    drawn = set(passing.glob("*/*"))
    with pytest.raises(ValueError, match="cases must be 1 or more"):
        call_command("make_demo", open_cases=4, finished_cases=0, without_model=True)
    assert ReaderStudy.objects.get().slug == "facet-demo"
    # Nothing was drawn anew, and the next try finds the rest.
    assert set(passing.glob("*/*")) == drawn
    call_command("make_demo", open_cases=4, finished_cases=5, without_model=True)
    assert not passing.exists()
    return {study.slug: study for study in ReaderStudy.objects.all()}


def test_demonstration_has_two_studies_with_work_for_everyone(demo, settings, client):
    opened, finished = demo["facet-demo"], demo["facet-finished"]
    assert all(study.is_demonstration for study in demo.values())

    # The open study: read in part, compared where both have read, one case to confirm.
    assert opened.state == ReaderStudy.State.OPEN
    states = Counter(Read.objects.filter(case__study=opened).values_list("reader__username", "state"))
    assert states["reader1", "submitted"] == 3
    assert states["reader1", "in_progress"] == 1
    assert states["reader2", "submitted"] == 3
    assert Discordance.objects.filter(case__study=opened).exists()

    # The finished one: a reference grade for every item of every included case, all confirmed.
    assert finished.state == ReaderStudy.State.UNBLINDED
    included = Case.objects.filter(study=finished, status="included").count()
    assert (included, Case.objects.filter(study=finished, status="excluded").count()) == (4, 1)
    standing = ReferenceGrade.objects.filter(case__study=finished, superseded_at__isnull=True)
    assert standing.count() == 50 * included
    assert set(standing.values_list("provenance", flat=True)) <= {"confirmed", "overruled"}
    snapshot = Snapshot.objects.get(study=finished)
    assert (snapshot.state, snapshot.data_hash) == ("done", finished.data_hash)

    # Images are blinded, sides and places are on record, and every act is in an unbroken chain.
    assert (
        Case.objects.filter(study=opened, image_set__isnull=False, landmarks__isnull=False).distinct().count()
        == 4
    )
    for study in demo.values():
        assert list(verify_chain(str(study.public_id))) == []
    assert AuditEvent.objects.filter(event="grading.read.submitted").count() == 6 + 2 * included

    # Accounts: one per role, passwords drawn at random and kept for their owner alone.
    path = accounts_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    passwords = json.loads(path.read_text())["passwords"]
    assert (
        set(passwords)
        == {person.name for person in PEOPLE}
        == set(User.objects.values_list("username", flat=True))
    )
    assert len(set(passwords.values())) == len(PEOPLE)
    signed_in = client.post("/sign-in/", {"username": "reader1", "password": passwords["reader1"]})
    assert signed_in.status_code == 302

    # Making it again changes nothing.
    n_events = AuditEvent.objects.count()
    call_command("make_demo", open_cases=4, finished_cases=5, without_model=True)
    assert AuditEvent.objects.count() == n_events
    assert json.loads(path.read_text())["passwords"] == passwords
