"""The panel says why it sends an item back; who gets it back is told the reason and nobody's name."""

import json

import pytest
import yaml
from django.urls import reverse

from grading.answers import BadAnswer
from grading.blinding import blinded_items
from grading.models import Adjudication, MarkDiscordance, SentBack
from grading.services.adjudication import settle_item
from grading.services.panel import LONGEST_REASON, send_back
from readerstudy.analysis.exchange_columns import ADJUDICATIONS
from readerstudy.analysis.services.exports.tables import adjudication_rows
from readerstudy.core.audit import sentence
from readerstudy.core.models import AuditEvent
from tests import factories
from tests.factories.protocols import small_source
from tests.grading.conftest import AT, LATER, make_desk

pytestmark = pytest.mark.django_db
ITEM = ("L4-5-right", "narrowing")
NAMED = {"structure": ITEM[0], "finding": ITEM[1]}


def settle(desk, choice="A"):
    settle_item(assignment=desk.adjudicator, **NAMED, choice=choice, given=None, reason_code="", at=LATER)


def settled_desk(**sections):
    source = small_source(findings=("narrowing", "cyst"), **sections)
    desk = make_desk(source=source)
    desk.both_submitted(**{"|".join(ITEM): 3})
    settle(desk)
    return desk


@pytest.fixture
def desk():
    return settled_desk()


def back(desk, **reason):
    send_back(assignment=desk.panel[0], **NAMED, at=LATER, **reason)


def items_of(desk):
    return blinded_items(assignment=desk.adjudicator, code="S1", next_address="").adjudication["items"]


def test_the_reason_is_kept_and_on_record(desk):
    back(desk, reason_code="other-slice")
    kept = SentBack.objects.get()
    assert (kept.adjudication, kept.assignment, kept.reason_code, kept.reason_text) == (
        Adjudication.objects.get(),
        desk.panel[0],
        "other-slice",
        "",
    )
    event = AuditEvent.objects.get(event="grading.item.sent_back")
    assert event.actor_name == str(desk.panel[0].user)
    assert sentence(event).endswith(": other-slice")


def test_the_export_says_of_every_decision_whether_and_why_it_came_back():
    desk = settled_desk()
    back(desk, reason_code="other-slice")
    settle(desk, "B")
    first, second = (
        dict(zip(ADJUDICATIONS, row, strict=True)) for row in adjudication_rows(desk.adjudicator.case.study)
    )
    assert (first["status"], first["sent_back_reason"]) == ("superseded", "other-slice")
    assert first["sent_back_at"] == LATER.isoformat().replace("+00:00", "Z")
    assert (second["status"], second["sent_back_reason"], second["sent_back_at"]) == ("final", "", "")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_who_gets_it_back_is_told_why_and_by_nobody(client, desk, language):
    member = desk.panel[0].user
    back(desk, reason_code="other-slice")
    person = desk.adjudicator.user
    person.language = language
    person.save()
    client.force_login(person)
    address = reverse("grading:adjudicate_case", kwargs={"assignment": desk.adjudicator.public_id})
    page = client.get(address).content.decode()
    said = {"en": "Better seen on another slice", "zh-hans": "其他层面显示更清楚"}[language]
    [item] = json.loads(
        page.split('id="adjudication-config" type="application/json">')[1].split("</script>")[0]
    )["items"]
    assert item["sent_back"] == said
    for secret in (str(member), str(member.public_id), str(desk.panel[0].public_id)):
        assert secret not in page
    assert set(item) == {"structure", "finding", "own", "shown", "sent_back"}


def test_only_the_last_reason_is_told_and_others_items_say_nothing(desk):
    assert items_of(desk) == []
    back(desk, reason_code="other-slice")
    settle(desk, "B")
    back(desk, reason_code="boundary")
    [item] = items_of(desk)
    assert item["sent_back"] == "On the boundary of two grades"
    assert SentBack.objects.count() == 2
    fresh = make_desk(source=small_source())
    fresh.both_submitted(**{"L4-5-right|cyst": 0})
    assert "sent_back" not in items_of(fresh)[0]


@pytest.mark.parametrize(
    "reason",
    [{}, {"reason_code": "because"}, {"reason_text": "another slice"},
     {"reason_code": "boundary", "reason_text": "and Dr A erred"}],
)  # fmt: skip
def test_without_one_of_the_protocols_reasons_nothing_goes_back(client, desk, reason):
    with pytest.raises(BadAnswer, match="Sending back needs a reason: other-slice, other-series"):
        back(desk, **reason)
    client.force_login(desk.panel[0].user)
    call = reverse("api:panel-send-back", kwargs={"assignment": desk.panel[0].public_id})
    answer = client.post(call, NAMED | reason, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_answer")
    assert not SentBack.objects.exists()
    assert Adjudication.objects.get().superseded_at is None
    assert not AuditEvent.objects.filter(event="grading.item.sent_back").exists()


def test_a_protocol_without_reasons_takes_words():
    desk = settled_desk(adjudication_reasons=[])
    assert yaml.safe_load(desk.study.protocols.get().source)["adjudication_reasons"] == []
    for reason, said in (
        ({}, "in words"),
        ({"reason_text": "  "}, "in words"),
        ({"reason_code": "boundary"}, "in words"),
        ({"reason_text": "x" * (LONGEST_REASON + 1)}, "longer than 200"),
    ):
        with pytest.raises(BadAnswer, match=said):
            back(desk, **reason)
    back(desk, reason_text=" seen on \n the next slice ")
    assert items_of(desk)[0]["sent_back"] == "seen on the next slice"


def test_a_lesion_goes_back_with_its_reason():
    desk = make_desk(source=small_source())
    read = factories.read(of=desk.first)
    mark = factories.mark(of=read)
    disputed = factories.mark_discordance(
        of=desk.case, order=[mark.pk, None], protocol=desk.study.protocols.get()
    )
    decision = factories.mark_decision(of=disputed, by=desk.adjudicator, kept_mark=mark, mark_class="bulge")
    lesion = factories.reference_mark(
        of=desk.case, sources=[mark.pk], provenance="adjudicated", kind=disputed.kind
    )
    found = {"structure": "@", "finding": str(lesion.lesion_id)}
    with pytest.raises(BadAnswer):
        send_back(assignment=desk.panel[0], **found, at=AT)
    send_back(assignment=desk.panel[0], **found, reason_code="boundary", at=AT)
    assert SentBack.objects.get().mark_decision == decision
    decision.refresh_from_db()
    assert decision.superseded_at is not None
    assert MarkDiscordance.objects.count() == 1
