"""Two readers settle together: not before both have submitted everything, and only with both in front."""

from datetime import timedelta

import pytest
from django.urls import reverse

from grading.models import Adjudication, Discordance, JointSession, ReferenceGrade
from grading.services.joint import JointRefused, disputed_together, joint_session_of, open_joint_session
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, Case
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from tests import factories
from tests.factories.protocols import small_source
from tests.grading.conftest import LATER, make_desk

SOURCE = small_source(adjudication={"by": "joint"}, reference={"from": "adjudicated"})
SECRET = {"password": factories.PASSWORD}


@pytest.fixture
def desk(db):
    return make_desk(source=SOURCE)


def together(desk, **more):
    given = {"first": desk.first_reader, "second": desk.second_reader, "session_key": "browser", "at": LATER}
    return open_joint_session(study=desk.study, **{**given, **more})


def ready(desk):
    return disputed_together(study=desk.study, first=desk.first_reader, second=desk.second_reader)


def test_it_opens_when_both_have_submitted_every_read_of_the_batch(desk):
    desk.submitted(desk.first, 0)
    with pytest.raises(JointRefused, match="all your reads"):
        together(desk)
    desk.submitted(desk.second, 1)
    assert Discordance.objects.count() == 2
    # One more case of the same batch, still to be read by the second: nothing opens.
    other = factories.case(study=desk.study)
    late = factories.assignment(of=other, person=desk.second_reader)
    assert ready(desk) == []
    with pytest.raises(JointRefused):
        together(desk)
    # A later batch of its own does not keep this one shut.
    Case.objects.filter(pk=other.pk).update(block=2)
    assert [each.pk for each in ready(desk)] == [desk.first.pk]
    # A repeat of this case is a read of the batch as well.
    Assignment.objects.filter(pk=late.pk).delete()
    repeat = factories.assignment(of=desk.case, person=desk.first_reader, occasion=2)
    assert ready(desk) == []
    factories.read(of=repeat, grades=0, submitted=True)
    assert [each.pk for each in ready(desk)] == [desk.first.pk]
    assert together(desk).second == desk.second_reader


def test_only_the_two_readers_of_a_case_settle_it_together(desk):
    desk.submitted(desk.first, 0)
    desk.submitted(desk.second, 1)
    stranger = factories.study_role("reader", study=desk.study).user
    for second in (desk.first_reader, stranger, desk.adjudicator.user, desk.panel[0].user):
        with pytest.raises(JointRefused):
            together(desk, second=second)
    assert not JointSession.objects.exists()


def joint_client(client, desk):
    client.force_login(desk.first_reader)
    address = reverse("grading:joint_list", kwargs={"slug": desk.study.slug})
    return address, {"username": desk.second_reader.username, **SECRET}


def test_the_pages_carry_two_readers_to_the_reference(client, desk):
    desk.submitted(desk.first, 0)
    desk.submitted(desk.second, 1)
    address, second = joint_client(client, desk)
    case = reverse("grading:joint_case", kwargs={"assignment": desk.first.public_id})
    settle = reverse("api:joint-settle", kwargs={"assignment": desk.first.public_id})
    item = {"structure": "L4-5-right", "finding": "cyst", "choice": "A"}
    call = lambda body: client.post(settle, body, content_type="application/json")  # noqa: E731
    assert client.get(address).status_code == 200
    # Without the second person nothing is shown and nothing is taken.
    assert client.get(case).status_code == 404
    assert call(item).status_code == 404
    wrong = client.post(address, {**second, "password": "guessed"})
    assert wrong.status_code == 409
    assert "do not fit together" in wrong.content.decode()
    assert client.get(case).status_code == 404
    assert client.post(address, second).status_code == 302
    page = client.get(case)
    assert page.status_code == 200
    assert "settle together" in page.content.decode()
    assert call(item).json() == {"n_open": 1}
    assert call(item).json()["code"] == "already_settled"
    own = {
        "structure": "L4-5-left",
        "finding": "cyst",
        "choice": "own",
        "answer": {"kind": "grade", "grade": 1},
    }
    assert call(own).json() == {"n_open": 0}
    assert set(ReferenceGrade.objects.values_list("provenance", "basis")) == {
        ("jointly_settled", "jointly_settled")
    }
    joint = JointSession.objects.get()
    assert {each.joint for each in Adjudication.objects.all()} == {joint}
    events = AuditEvent.objects.filter(study_id=desk.study.public_id)
    assert events.filter(event="grading.joint.opened").count() == 1


def test_it_ends_with_a_word_with_the_browser_session_and_by_itself(client, desk):
    desk.submitted(desk.first, 0)
    desk.submitted(desk.second, 1)
    address, second = joint_client(client, desk)
    case = reverse("grading:joint_case", kwargs={"assignment": desk.first.public_id})
    client.post(address, second)
    assert client.get(case).status_code == 200
    client.post(reverse("grading:joint_end", kwargs={"slug": desk.study.slug}))
    assert client.get(case).status_code == 404
    client.post(address, second)
    assert client.get(case).status_code == 200
    # Another browser of the same person has no partner beside it.
    client.logout()
    client.force_login(desk.first_reader)
    assert client.get(case).status_code == 404
    joint = together(desk)
    find = {"study": desk.study, "user": desk.first_reader, "session_key": "browser"}
    assert joint_session_of(**find, at=LATER) == joint
    assert joint_session_of(**find, at=LATER + timedelta(hours=8)) is None
    assert joint_session_of(**{**find, "user": desk.second_reader}, at=LATER) is None


def test_nobody_else_and_no_other_protocol_has_the_page(client, desk):
    address = reverse("grading:joint_list", kwargs={"slug": desk.study.slug})
    for person in (desk.adjudicator.user, desk.panel[0].user, factories.user()):
        client.force_login(person)
        assert client.get(address).status_code == 404
    other = make_desk()
    client.force_login(other.first_reader)
    assert client.get(reverse("grading:joint_list", kwargs={"slug": other.study.slug})).status_code == 404


def test_where_the_panel_makes_the_reference_a_joint_decision_makes_none(db):
    panel = {"from": "panel-read", "decide": "majority", "quorum": 1}
    desk = make_desk(source=small_source(adjudication={"by": "joint"}, reference=panel))
    desk.submitted(desk.first, 0)
    desk.submitted(desk.second, 1)
    assert together(desk).first == desk.first_reader
    assert not ReferenceGrade.objects.exists()


def test_a_protocol_of_joint_settlement_is_checked():
    with pytest.raises(ProtocolError, match="exactly 2 readers"):
        load_protocol(small_source(adjudication={"by": "joint"}, reading={"readers_per_case": 3}))
    with pytest.raises(ProtocolError, match="nobody else reads"):
        load_protocol(small_source(adjudication={"by": "joint", "third_read_first": True}))
