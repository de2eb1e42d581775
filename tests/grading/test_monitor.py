"""Reading while blinded, in counts: what the coordinator's page of the readers says of known reads."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from grading.models import Discordance, Read
from grading.office.pages import monitor_of
from tests import factories

pytestmark = pytest.mark.django_db
ITEM = {"structure": "L4-5-right", "finding": "cyst"}


@pytest.fixture
def study():
    """Two readers, a case of each of two centres: one read by both and disputed, one read by the first alone."""
    study = factories.reader_study()
    readers = [factories.study_role("reader", study=study, code=f"R{n}").user for n in (1, 2)]
    adjudicator = factories.study_role("adjudicator", study=study).user
    cases = [
        factories.case(
            study=study,
            patient=factories.patient(study=study, centre=factories.centre(study=study, code=code)),
        )
        for code in ("north", "south")
    ]
    reads = {}
    for person, reader in enumerate(readers):
        for place, case in enumerate(cases):
            showing = factories.assignment(of=case, person=reader, due_date=date(2026, 3, 1))
            if (person, place) != (1, 1):
                reads[person, place] = factories.read(
                    of=showing, grades=person, submitted=True, focused_seconds=60 * (1 + place)
                )
    disputed = factories.discordance(of=cases[0], order=[reads[0, 0].pk, reads[1, 0].pk], **ITEM)
    # The adjudicator decides as the first reader had it: the second one is overruled.
    by = factories.assignment(of=cases[0], person=adjudicator, duty="adjudicator")
    factories.adjudication(of=disputed, by=by, kind="grade", grade=0)
    assert Discordance.objects.count() == 1
    return study


@pytest.mark.both_databases
def test_what_each_reader_and_centre_has_done(study):
    monitor = monitor_of(study, now=factories.AT)
    told = {
        row.code: (row.assigned, row.submitted, row.overdue, row.minutes_per_case, row.open_queries)
        for row in monitor.readers
    }
    assert told == {"R1": (2, 2, 0, 1.5, 0), "R2": (2, 1, 1, 1.0, 0)}
    # Of one compared case each.
    assert {row.code: (row.disagreement.value, row.disagreement.n) for row in monitor.readers} == {
        "R1": (0.0, 1),
        "R2": (1.0, 1),
    }
    centres = {row.code: (row.included, row.compared, row.items, row.disputed) for row in monitor.centres}
    n_items = len(study.protocols.get().document.items)
    assert centres == {"north": (1, 1, n_items, 1), "south": (1, 0, 0, 0)}


@pytest.mark.both_databases
def test_days_are_those_of_the_reading_room():
    """A read submitted after midnight counts to the new day where the doctors are, whatever UTC says."""
    study = factories.reader_study()
    reader = factories.study_role("reader", study=study).user
    zone = ZoneInfo("Asia/Shanghai")
    noon = factories.AT.astimezone(zone).replace(hour=12, minute=0)
    # Yesterday at 23:30, today at 00:30 (both the day before in UTC), today at noon.
    for before in (timedelta(hours=12, minutes=30), timedelta(hours=11, minutes=30), timedelta()):
        read = factories.read(of=factories.assignment(of=factories.case(study=study), person=reader))
        Read.objects.filter(pk=read.pk).update(state="submitted", submitted_at=noon - before)
    with timezone.override(zone):
        days = dict(monitor_of(study, now=noon + timedelta(hours=1), n_days=3).days)
    today = noon.date()
    assert days == {today - timedelta(days=2): 0, today - timedelta(days=1): 1, today: 2}


def test_what_is_no_read_of_the_study_is_not_counted(study):
    """Of a withdrawn showing, of practice, and versions that a reopening has replaced."""
    [first, second, third] = Read.objects.order_by("pk")
    showing = first.assignment
    showing.withdrawn_at = factories.AT
    showing.save(update_fields=["withdrawn_at"])
    practice = third.assignment
    practice.session = 0
    practice.save(update_fields=["session"])
    rows = {row.code: row for row in monitor_of(study, now=factories.AT).readers}
    assert (rows["R1"].assigned, rows["R1"].submitted) == (1, 1)
    assert rows["R2"].submitted == 0
    assert second.state == "submitted"
