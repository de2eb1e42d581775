"""A coordinator takes one read back, or gives it to another reader, after the page said what that does."""

import pytest
from django.urls import reverse

from grading.models import CaseComparison, Rating, Read
from grading.services.reading import submit_read
from grading.services.reassigning import withdraw_assignment
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment
from tests import factories
from tests.complete_studies import ROLES
from tests.factories import AT
from tests.grading.conftest import make_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def coordinator(client, desk):
    client.force_login(factories.study_role("coordinator", study=desk.study).user)
    return client


def address(showing):
    return reverse(
        "grading:withdraw_read", kwargs={"slug": showing.study.slug, "assignment": showing.public_id}
    )


def reads_of(desk, person):
    code = desk.study.roles.get(user=person).code
    return reverse("grading:reader_reads", kwargs={"slug": desk.study.slug, "code": code})


def said(answer):
    return " ".join(answer.content.decode().split())


def take(client, showing, **sent):
    """Look at the page, then do what it offers."""
    seen = client.get(address(showing)).context["form"]["seen"].value()
    return client.post(address(showing), {"reason": "ill", "seen": seen} | sent, follow=True)


def finish(showing, grade=1):
    submit_read(read_id=factories.read(of=showing, grades=grade).pk, at=AT)


def test_a_begun_read_is_taken_back_after_the_page_said_what_that_does(coordinator, desk):
    begun = factories.read(of=desk.first, grades=1)
    listed = said(coordinator.get(reads_of(desk, desk.first_reader)))
    assert f'href="{address(desk.first)}"' in listed
    assert "begun" in listed
    page = said(coordinator.get(address(desk.first)))
    assert f"Take {desk.case.pseudonym} from" in page
    assert "50 answers were given" in page
    assert "it has 1 of its 2 first reads" in page
    assert "A single read is compared with nothing" in page
    assert Assignment.objects.get(pk=desk.first.pk).withdrawn_at is None

    answer = take(coordinator, desk.first)

    assert "was taken from" in said(answer)
    assert "taken back" in said(answer)
    assert f'href="{address(desk.first)}"' not in said(answer)
    desk.first.refresh_from_db()
    assert (desk.first.withdrawal_reason, Rating.objects.filter(read=begun).count()) == ("ill", 50)
    assert AuditEvent.objects.get(event="studies.assignment.withdrawn").detail["reason"] == "ill"
    client_again = coordinator.get(address(desk.first))
    assert "taken back before" in said(client_again)


def test_later_showings_go_with_the_first(coordinator, desk):
    repeat = factories.assignment(of=desk.case, person=desk.first_reader, session=2, occasion=2)
    page = said(coordinator.get(address(desk.first)))
    assert "the later ones would mean nothing without the first" in page
    assert '<td>2</td><td>2</td><td>unaided <span class="badge">repeat</span></td>' in page
    take(coordinator, desk.first)
    assert Assignment.objects.filter(withdrawn_at__isnull=False).count() == 2
    # A later one alone leaves the first where it is, and the reference untouched.
    again = factories.assignment(of=desk.case, person=desk.second_reader, session=2, occasion=2)
    assert "Its first reads and its reference are not touched" in said(coordinator.get(address(again)))
    take(coordinator, again)
    assert set(Assignment.objects.filter(withdrawn_at__isnull=False)) == {desk.first, repeat, again}


def test_the_case_is_given_to_another_reader(coordinator, desk):
    third = factories.study_role("reader", study=desk.study, code="R-third").user
    left = factories.study_role("reader", study=desk.study, code="R-left", left_at=AT).user
    offered = [code for code, _ in coordinator.get(address(desk.first)).context["done"].successors]
    assert offered == ["R-third"]
    assert left not in offered
    answer = take(coordinator, desk.first, successor="R-third")
    assert "given to R-third" in said(answer)
    taken = Assignment.objects.get(user=third)
    assert (taken.case, taken.session, taken.withdrawn_at) == (desk.case, 1, None)
    finish(desk.second)
    assert not CaseComparison.objects.exists()
    finish(taken)
    assert CaseComparison.objects.get().case == desk.case


def test_a_case_that_waited_for_this_read_alone_is_compared(coordinator, desk):
    third = factories.study_role("reader", study=desk.study).user
    waiting = factories.assignment(of=desk.case, person=third)
    finish(desk.first)
    finish(desk.second)
    assert not CaseComparison.objects.exists()
    assert "they are compared at once" in said(coordinator.get(address(waiting)))
    take(coordinator, waiting)
    assert CaseComparison.objects.get().case == desk.case


def test_what_went_on_meanwhile_is_shown_again_before_anything_is_done(coordinator, desk):
    seen = coordinator.get(address(desk.first)).context["form"]["seen"].value()
    factories.read(of=desk.first, grades=1)
    answer = coordinator.post(address(desk.first), {"reason": "ill", "seen": seen}, follow=True)
    assert "The read went on meanwhile" in said(answer)
    assert "50 answers were given" in said(answer)
    assert not Assignment.objects.filter(withdrawn_at__isnull=False).exists()


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_nothing_is_taken(coordinator, desk, reason):
    answer = take(coordinator, desk.first, reason=reason)
    assert "This field is required." in said(answer)
    assert not Assignment.objects.filter(withdrawn_at__isnull=False).exists()


def test_a_submitted_read_stands(coordinator, desk):
    finish(desk.first)
    assert f'href="{address(desk.first)}"' not in said(coordinator.get(reads_of(desk, desk.first_reader)))
    assert "it stands" in said(coordinator.get(address(desk.first)))
    coordinator.post(address(desk.first), {"reason": "ill", "seen": "s50"})
    assert Read.objects.get().state == "submitted"
    assert not Assignment.objects.filter(withdrawn_at__isnull=False).exists()


@pytest.mark.parametrize("state", ["locked", "unblinded"])
def test_nothing_is_taken_once_the_study_is_closed(coordinator, desk, state):
    study = desk.study
    study.state, study.locked_at, study.unblinded_at = state, AT, AT if state == "unblinded" else None
    study.save()
    assert "while the study is open" in said(coordinator.get(address(desk.first)))
    coordinator.post(address(desk.first), {"reason": "ill", "seen": "w0"})
    assert not Assignment.objects.filter(withdrawn_at__isnull=False).exists()


def test_only_reads_of_the_study_and_only_reads(coordinator, desk):
    other = make_desk()
    for showing in (other.first, desk.adjudicator, desk.panel[0]):
        place = {"slug": desk.study.slug, "assignment": showing.public_id}
        assert coordinator.get(reverse("grading:withdraw_read", kwargs=place)).status_code == 404
    for code in (desk.study.roles.get(user=desk.adjudicator.user).code, "R-none"):
        place = {"slug": desk.study.slug, "code": code}
        assert coordinator.get(reverse("grading:reader_reads", kwargs=place)).status_code == 404


def test_the_list_asks_no_more_for_more_reads(coordinator, desk, django_assert_max_num_queries):
    for _ in range(12):
        factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
    with django_assert_max_num_queries(20):
        assert len(coordinator.get(reads_of(desk, desk.first_reader)).context["page"].object_list) == 13


def test_the_pages_are_the_coordinators_alone(client, two_studies):
    one = two_studies.one
    reader = one.assignment("first_reader", "unread")
    code = one.study.roles.get(user=reader.user).code
    pages = (address(reader), reverse("grading:reader_reads", kwargs={"slug": "one", "code": code}))
    for role in ROLES:
        person = two_studies.person(role)
        client.logout()
        if person is not None:
            client.force_login(person)
        for page in pages:
            wanted = 200 if role == "coordinator" else 302 if person is None else 404
            assert client.get(page).status_code == wanted, (role, page)


class TestHandover:
    """Another reader takes over what is unfinished, after the page said what that is."""

    @pytest.fixture
    def third(self, desk):
        return factories.study_role("reader", study=desk.study, code="R-third").user

    def ask(self, client, desk, **sent):
        code = desk.study.roles.get(user=desk.first_reader).code
        place = reverse("grading:change_reader", kwargs={"slug": desk.study.slug, "code": code})
        wanted = {"act": "relieve", "reason": "ill", "successor": "R-third", "seed": 5}
        return client.post(place, wanted | sent, follow=True)

    def test_it_is_shown_by_session_and_done_as_shown(self, coordinator, desk, third):
        finish(desk.first)
        repeat = factories.assignment(of=desk.case, person=desk.first_reader, session=2, occasion=2)
        other = factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
        factories.read(of=other, grades=1)
        shown = self.ask(coordinator, desk)
        assert shown.context["handover"].rows == ((1, 1, 0, 1), (2, 0, 1, 0))
        assert shown.context["handover"].n_kept == 1
        assert '<th scope="row">Total</th><td class="number">1</td><td class="number">1</td>' in said(shown)
        assert "What is given to R-third comes at the end of their list" in said(shown)
        assert "1 read was begun" in said(shown)
        assert "drawn with the seed 5" in said(shown)
        assert not Assignment.objects.filter(user=third).exists()
        done = self.ask(coordinator, desk, digest=shown.context["handover"].digest)
        assert "R-third has taken over" in said(done)
        assert Assignment.objects.get(user=third).case == other.case
        assert set(Assignment.objects.filter(withdrawn_at__isnull=False)) == {repeat, other}

    def test_what_went_on_meanwhile_keeps_it_from_being_done(self, coordinator, desk, third):
        shown = self.ask(coordinator, desk)
        factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
        answer = self.ask(coordinator, desk, digest=shown.context["handover"].digest)
        assert "Reads went on since this was shown" in said(answer)
        assert not Assignment.objects.filter(user=third).exists()

    def test_what_cannot_be_is_refused_before_anything_is_shown(self, coordinator, desk, third):
        finish(desk.first)
        assert "There is no unfinished case to give away" in said(self.ask(coordinator, desk))
        code = desk.study.roles.get(user=desk.second_reader).code
        factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
        factories.case_duty(of=Assignment.objects.latest("pk").case, person=desk.second_reader)
        refused = said(self.ask(coordinator, desk, successor=code))
        assert "nobody has two" in refused
        assert "Choose a reader who has none of them, or invite one." in refused

    def test_a_reader_with_nothing_unfinished_leaves_all_the_same(self, coordinator, desk, third):
        finish(desk.first)
        shown = self.ask(coordinator, desk, act="replace")
        assert "nothing changes hands" in said(shown)
        self.ask(coordinator, desk, act="replace", digest=shown.context["handover"].digest)
        assert desk.study.roles.get(user=desk.first_reader).left_at is not None


def test_taking_back_a_panel_or_adjudicating_duty_compares_nothing(desk):
    finish(desk.first)
    withdraw_assignment(assignment=desk.adjudicator, reason="ill", actor=None, at=AT)
    assert not CaseComparison.objects.exists()
