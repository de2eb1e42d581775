"""The audit trail: one event per act in the act's transaction, in a chain that shows tampering."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from django.db import connection, transaction

from readerstudy.core.audit import (
    SITE_CHAIN,
    UnknownAuditEvent,
    record,
    register_events,
    registered_events,
    sentence,
    verify_chain,
)
from readerstudy.core.models import AuditChain, AuditEvent

STUDY = UUID(int=11)
AT = datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)
EVENT = "studies.study.opened"


def write(n: int = 1, *, study: UUID | None = STUDY) -> None:
    for number in range(n):
        record(
            event=EVENT, at=AT + timedelta(seconds=number), actor=None, study_id=study, digest=f"d{number}"
        )


def problems(chain: str = str(STUDY)) -> list[str]:
    return [fault.problem for fault in verify_chain(chain)]


@pytest.mark.django_db
class TestChain:
    def test_untouched_chain_holds(self):
        write(5)
        assert problems() == []
        numbers = (
            AuditEvent.objects.filter(chain=str(STUDY)).order_by("number").values_list("number", flat=True)
        )
        assert list(numbers) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        "change",
        [
            {"event": "studies.study.locked"},
            {"at": AT + timedelta(microseconds=1)},
            {"actor_name": "Somebody"},
            {"actor_id": UUID(int=5)},
            {"study_id": None},
            {"subject_type": "case"},
            {"subject_id": "5"},
            {"detail": {"digest": "other"}},
        ],
    )
    def test_changed_event_is_seen(self, change):
        write(3)
        AuditEvent.objects.filter(chain=str(STUDY), number=2).update(**change)
        assert problems() == ["was changed after it was written"]

    def test_removed_event_is_seen(self):
        write(4)
        AuditEvent.objects.filter(chain=str(STUDY), number=2).delete()
        assert problems() == ["events 2 to 2 are missing", "does not follow from the event before it"]

    def test_removed_end_is_seen(self):
        write(3)
        AuditEvent.objects.filter(chain=str(STUDY), number=3).delete()
        assert problems() == ["the chain was 3 events long; 2 are there"]

    def test_swapped_events_are_seen(self):
        write(3)
        AuditEvent.objects.filter(chain=str(STUDY), number=2).update(number=9)
        AuditEvent.objects.filter(chain=str(STUDY), number=3).update(number=2)
        AuditEvent.objects.filter(chain=str(STUDY), number=9).update(number=3)
        assert problems()

    def test_event_forged_at_the_end_is_seen(self):
        write(2)
        last = AuditEvent.objects.get(chain=str(STUDY), number=2)
        last.pk, last.number, last.previous_digest = None, 3, last.digest
        last.save()
        assert "was changed after it was written" in problems()

    def test_studies_have_chains_of_their_own(self):
        write(2)
        write(1, study=UUID(int=12))
        write(3, study=None)
        lengths = dict(AuditChain.objects.values_list("name", "length"))
        assert lengths == {str(STUDY): 2, str(UUID(int=12)): 1, SITE_CHAIN: 3}

    def test_time_zone_of_the_writer_does_not_matter(self):
        east = AT.astimezone(timezone(timedelta(hours=8)))
        record(event=EVENT, at=east, actor=None, study_id=STUDY, digest="x")
        assert problems() == []


@pytest.mark.django_db
def test_event_and_act_stand_or_fall_together():
    class Undone(Exception):
        pass

    @transaction.atomic
    def act():
        write()
        raise Undone

    with pytest.raises(Undone):
        act()
    assert not AuditEvent.objects.exists()
    assert not AuditChain.objects.exists()


@pytest.mark.django_db
def test_name_that_nobody_registered_is_refused():
    with pytest.raises(UnknownAuditEvent, match=r"audit_events\.py"):
        record(event="studies.study.invented", at=AT, actor=None)
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_event_reads_as_a_sentence(monkeypatch):
    event = record(event=EVENT, at=AT, actor=None, study_id=STUDY, digest="5e1f")
    assert sentence(event) == "opened the study for reading; protocol 5e1f"
    event.detail = {}
    assert sentence(event) == "opened the study for reading; protocol ?"


def test_registering_adds_a_sentence(monkeypatch):
    from readerstudy.core import audit

    monkeypatch.setattr(audit, "_SENTENCES", dict(audit._SENTENCES))
    register_events({"core.planted": "was planted"})
    assert registered_events()["core.planted"] == "was planted"


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_writers_at_once_leave_one_unbroken_chain():
    barrier, faults = threading.Barrier(6), []

    def act():
        try:
            barrier.wait(timeout=120)
            write(5)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert AuditChain.objects.get(name=str(STUDY)).length == 30
    assert problems() == []
