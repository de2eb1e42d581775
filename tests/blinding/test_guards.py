"""Single guards of blinding that no page shows by itself."""

import json

import pytest
from django.urls import reverse

from grading.blinding import offline_key
from grading.models import Discordance, ReferenceGrade
from grading.places import presentation_alias
from grading.queues import worklist_of
from grading.services.reading import submit_read
from readerstudy.imaging.models import OpenedPresentation
from readerstudy.imaging.services.capability import open_case
from readerstudy.studies.models import Assignment, CaseDuty
from tests import factories
from tests.grading.conftest import make_desk


@pytest.fixture
def desk(db):
    return make_desk()


def test_a_repeat_has_an_alias_of_its_own(desk):
    again = [
        factories.assignment(of=desk.case, person=desk.first_reader, occasion=occasion, session=occasion)
        for occasion in (2, 3)
    ]
    aliases = [presentation_alias(each) for each in (desk.first, *again)]
    assert aliases[0] == ""
    assert len(set(aliases)) == 3


def test_the_queue_on_a_shared_computer_has_a_key_per_account(desk):
    keys = {offline_key(each) for each in (desk.first, desk.second)}
    assert len(keys) == 2
    other_case = factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
    # One account has one key, so that its answers to every case leave when it comes back.
    assert offline_key(other_case) == offline_key(desk.first)


def test_images_end_with_the_session_that_opened_them(client, desk):
    client.force_login(desk.first_reader)
    images = factories.image_set(scope=desk.study.public_id)
    factories.imaging_study(of=images)
    open_case(
        image_set=images,
        presentation=desk.first.presentation,
        user_id=desk.first_reader.pk,
        session_key=client.session.session_key,
        at=factories.AT,
    )
    assert OpenedPresentation.objects.get().closed_at is None
    client.post(reverse("accounts:sign_out"))
    assert OpenedPresentation.objects.get().closed_at is not None


def test_images_end_with_the_submission(client, desk):
    client.force_login(desk.first_reader)
    images = factories.image_set(scope=desk.study.public_id)
    factories.imaging_study(of=images)
    open_case(
        image_set=images,
        presentation=desk.first.presentation,
        user_id=desk.first_reader.pk,
        session_key=client.session.session_key,
        at=factories.AT,
    )
    desk.submitted(desk.first)
    assert OpenedPresentation.objects.get().closed_at is not None


def test_nothing_is_compared_before_every_first_reader_has_submitted(db):
    desk = make_desk()
    third = factories.study_role("reader", study=desk.study).user
    last = factories.assignment(of=desk.case, person=third, duty=CaseDuty.Duty.READER)
    desk.both_submitted(**{"L4-5-right|narrowing": 3})
    assert not Discordance.objects.exists()
    assert not ReferenceGrade.objects.exists()
    read = factories.read(of=last, grades=1)
    submit_read(read_id=read.pk, at=factories.AT)
    assert Discordance.objects.count() == 1


def test_a_case_out_of_turn_is_absent_for_page_and_call(client, two_studies):
    one = two_studies.one
    client.force_login(one.first_reader)
    waiting = one.assignment("first_reader", "unread")
    assert client.get(one.page("grading:read_case", "first_reader", "unread")).status_code == 404
    saved = client.post(
        reverse("api:read-answers", kwargs={"assignment": waiting.public_id}),
        json.dumps({"answers": [{"key": "x"}]}),
        content_type="application/json",
    )
    assert saved.status_code == 404


@pytest.mark.parametrize("field", ["paused_at", "left_at"])
def test_no_case_opens_for_who_is_paused_or_has_left(client, two_studies, field):
    one = two_studies.one
    doors = [
        ("grading:read_case", "first_reader", "in_progress"),
        ("grading:adjudicate_case", "adjudicator", "disputed"),
        ("grading:confirm_case", "panel_member", "to_confirm"),
    ]
    for name, role, case in doors:
        client.force_login(one.people[role])
        held = one.study.roles.filter(user=one.people[role])
        held.update(**{field: factories.AT})
        assert client.get(one.page(name, role, case)).status_code == 404, role
        held.update(**{field: None})
        assert client.get(one.page(name, role, case)).status_code == 200, role


def test_the_worklist_follows_the_stored_order(two_studies):
    one = two_studies.one
    mine = list(Assignment.objects.filter(user=one.first_reader).order_by("pk"))
    # Turned round in the store: places first away, then back, because a place is taken once.
    for offset in (100, 0):
        for place, each in enumerate(reversed(mine), start=1):
            Assignment.objects.filter(pk=each.pk).update(position=offset + place)
    rows = worklist_of(study=one.study, reader=one.first_reader).rows
    assert [row.running_number for row in rows] == [each.running_number for each in reversed(mine)]
    assert rows == worklist_of(study=one.study, reader=one.first_reader).rows
