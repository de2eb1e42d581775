"""Beside the case: what comes before reading, putting off, reopening, reports, and a page that locks itself."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from grading.access import open_to
from grading.desk.pages import desk_card
from grading.models import Read
from grading.services.reading import submit_read
from readerstudy.accounts.returning import person_of, return_ticket
from readerstudy.core.models import AuditEvent
from readerstudy.studies.analysis_sets import analysis_sets
from readerstudy.studies.models import (
    AccidentalUnblinding,
    CharterAcknowledgement,
    ReaderQuery,
    ReaderStudy,
    ReadingSession,
)
from readerstudy.studies.services.coordination import answer_query
from tests import factories
from tests.grading.conftest import AT, make_desk

pytestmark = pytest.mark.django_db
SCREEN = {"width": 2560, "height": 1440, "pixel_ratio": 1.5, "darkest": 2, "brightest": 1}


@pytest.fixture
def desk():
    return make_desk()


@pytest.fixture
def reader(client, desk):
    client.force_login(desk.first_reader)
    return client


def page(name, of):
    key = "assignment" if hasattr(of, "presentation") else "slug"
    return reverse(f"grading:{name}", kwargs={key: of.public_id if key == "assignment" else of.slug})


class TestBeforeReading:
    @pytest.fixture
    def asked(self, desk):
        ReaderStudy.objects.update(asks_before_reading=True)
        return desk

    def test_charter_then_session_then_the_case(self, reader, asked):
        case = page("read_case", asked.first)
        assert reader.get(case).headers["Location"] == page("charter", asked.study)
        assert not Read.objects.exists()
        charter = reader.get(page("charter", asked.study)).content.decode()
        assert "Joint-space narrowing" in charter
        reader.post(page("charter", asked.study))
        assert reader.get(case).headers["Location"] == page("session_start", asked.study)
        assert reader.get(page("session_start", asked.study)).status_code == 200
        answer = reader.post(page("session_start", asked.study), SCREEN)
        assert answer.headers["Location"] == case
        assert reader.get(case).status_code == 200
        kept = ReadingSession.objects.get()
        assert (kept.screen_width, kept.pixel_ratio, kept.darkest_step_seen) == (2560, 1.5, 2)

    def test_another_sign_in_acknowledges_again_and_the_charter_stands(self, reader, asked):
        reader.post(page("charter", asked.study))
        reader.post(page("session_start", asked.study), SCREEN)
        reader.logout()
        reader.force_login(asked.first_reader)
        case = page("read_case", asked.first)
        assert reader.get(case).headers["Location"] == page("session_start", asked.study)
        assert CharterAcknowledgement.objects.count() == 1

    def test_an_amendment_asks_for_its_charter(self, reader, asked):
        reader.post(page("charter", asked.study))
        factories.protocol(study=asked.study, version=2)
        assert reader.get(page("read_case", asked.first)).headers["Location"] == page("charter", asked.study)

    @pytest.mark.parametrize("missing", SCREEN)
    def test_a_screen_that_says_nothing_is_not_acknowledged(self, reader, asked, missing):
        given = {name: value for name, value in SCREEN.items() if name != missing}
        assert reader.post(page("session_start", asked.study), given).status_code == 200
        assert not ReadingSession.objects.exists()


class TestPuttingOff:
    def test_it_goes_to_the_end_and_the_draw_stays(self, reader, desk):
        other = factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
        reader.get(page("read_case", desk.first))
        answer = reader.post(page("put_off", desk.first), {"reason": "images"})
        assert answer.json()["next"] == page("read_case", other)
        desk.first.refresh_from_db()
        assert (desk.first.position, desk.first.skip_reason) == (1, "images")
        # Begun, it may be taken up again at any time.
        assert open_to(desk.first_reader, desk.study) == {desk.first.public_id, other.public_id}

    def test_the_last_case_is_not_put_off(self, reader, desk):
        answer = reader.post(page("put_off", desk.first), {"reason": "images"})
        assert answer.status_code == 409
        desk.first.refresh_from_db()
        assert desk.first.skipped_at is None

    def test_a_reason_is_chosen(self, reader, desk):
        assert reader.post(page("put_off", desk.first), {"reason": "too hard"}).status_code == 400


class TestReopening:
    def test_from_the_worklist_with_a_reason(self, reader, desk):
        desk.submitted(desk.first)
        answer = reader.post(page("reopen", desk.first), {"reason": "wrong joint"})
        assert answer.headers["Location"] == page("read_case", desk.first)
        assert Read.objects.get(superseded_at=None).version == 2

    def test_every_refusal_is_one_sentence(self, reader, desk):
        """Whether the partner is done, the study locked or the aid shown: the reader is told the same."""
        desk.both_submitted()
        reader.post(page("reopen", desk.first), {"reason": "wrong joint"})
        told = reader.get(page("worklist", desk.study)).content.decode()
        assert "This read cannot be reopened any more; it stands as submitted." in told
        assert "compared" not in told

    def test_without_a_reason_nothing_happens(self, reader, desk):
        desk.submitted(desk.first)
        reader.post(page("reopen", desk.first), {"reason": ""})
        assert Read.objects.get().version == 1


class TestMessages:
    def test_one_click_reports_a_problem_with_what_the_browser_knows(self, reader, desk):
        seen = json.dumps({"screen": "2560 x 1440", "x" * 90: "y" * 900})
        answer = reader.post(page("report", desk.first), {"kind": "technical", "circumstances": seen})
        assert answer.json() == {"detail": "The coordinator has been told."}
        query = ReaderQuery.objects.get()
        assert (query.kind, query.assignment, query.text) == ("technical", desk.first, "")
        assert query.circumstances == {"screen": "2560 x 1440", "x" * 40: "y" * 200}

    def test_an_exclusion_is_proposed_in_words(self, reader, desk):
        assert reader.post(page("report", desk.first), {"kind": "exclusion", "text": " "}).status_code == 400
        assert (
            reader.post(page("report", desk.first), {"kind": "exclusion", "text": "a fracture"}).status_code
            == 200
        )

    def test_only_the_one_who_asked_reads_the_answer(self, client, reader, desk):
        reader.post(page("messages", desk.study), {"text": "Which vertebra is L5?"})
        answer_query(
            query=ReaderQuery.objects.get(), answer="The lowest mobile one.", actor=desk.first_reader, at=AT
        )
        assert "The lowest mobile one." in reader.get(page("messages", desk.study)).content.decode()
        client.force_login(desk.second_reader)
        other = client.get(page("messages", desk.study)).content.decode()
        assert "lowest mobile" not in other
        assert "Which vertebra" not in other

    def test_nobody_reports_on_another_persons_case(self, client, desk):
        client.force_login(desk.second_reader)
        for name in ("report", "put_off", "reopen"):
            assert (
                client.post(page(name, desk.first), {"kind": "technical", "reason": "images"}).status_code
                == 404
            )

    def test_seniors_report_on_their_own_cases(self, client, desk):
        for senior in (desk.adjudicator, desk.panel[0]):
            client.force_login(senior.user)
            assert client.post(page("report", senior), {"kind": "technical"}).status_code == 200
            assert client.post(page("report", desk.first), {"kind": "technical"}).status_code == 404
            # Their queues have an order of their own: nothing is put off here.
            assert client.post(page("put_off", senior), {"reason": "images"}).status_code == 404
        assert set(ReaderQuery.objects.values_list("assignment", flat=True)) == {
            desk.adjudicator.pk,
            desk.panel[0].pk,
        }


class TestUnblinded:
    """Anybody blinded says by themselves that they learnt what they must not know."""

    def test_of_the_case_on_the_desk(self, reader, desk):
        fields = {"kind": "unblinded", "text": "Its report lay on the table."}
        assert reader.post(page("report", desk.first), fields).status_code == 200
        told = AccidentalUnblinding.objects.get()
        assert (told.user, told.case, told.reported_by) == (
            desk.first_reader,
            desk.case,
            desk.first_reader.display_name,
        )
        sets = analysis_sets(desk.study)
        assert sets.full - sets.primary == {desk.first.pk}
        assert reader.post(page("report", desk.first), {"kind": "unblinded", "text": " "}).status_code == 400
        assert AccidentalUnblinding.objects.count() == 1

    def test_of_a_case_by_ones_own_number_or_of_all(self, reader, desk):
        address = page("unblinded", desk.study)
        number = desk.first.running_number
        reader.post(address, {"number": number, "text": "A colleague spoke of it."})
        reader.post(address, {"number": "", "text": "I saw the results page."})
        assert set(AccidentalUnblinding.objects.values_list("case", flat=True)) == {desk.case.pk, None}

    @pytest.mark.parametrize(
        "fields", [{"number": "77", "text": "x"}, {"text": ""}, {"number": "-1", "text": "x"}]
    )
    def test_what_names_nothing_is_refused_in_words(self, reader, desk, fields):
        told = reader.post(page("unblinded", desk.study), fields, follow=True).content.decode()
        assert "Nothing was sent." in told
        assert not AccidentalUnblinding.objects.exists()

    def test_seniors_say_it_too_and_nobody_of_the_office(self, client, desk):
        for senior in (desk.adjudicator, desk.panel[0]):
            client.force_login(senior.user)
            assert client.post(page("report", senior), {"kind": "unblinded", "text": "x"}).status_code == 200
        client.force_login(factories.study_role("coordinator", study=desk.study).user)
        assert client.post(page("unblinded", desk.study), {"text": "x"}).status_code == 404
        assert AccidentalUnblinding.objects.count() == 2


class TestCard:
    def test_the_pace_is_ones_own(self, desk):
        for _ in range(3):
            each = factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
            read = factories.read(of=each, grades=1, focused_seconds=120)
            submit_read(read_id=read.pk, at=AT)
        card = desk_card(study=desk.study, reader=desk.first_reader, now=AT)
        assert (card.n_left, card.minutes_left) == (1, 2)

    def test_the_next_session_says_when_it_opens(self, desk):
        factories.assignment(of=desk.case, person=desk.first_reader, session=2, occasion=2, washout_days=28)
        desk.submitted(desk.first)
        card = desk_card(study=desk.study, reader=desk.first_reader, now=AT)
        assert card.opens_at == AT + timedelta(days=28)


class TestLock:
    def send(self, client, **changes):
        return client.post(reverse("accounts:return"), changes)

    def test_the_lock_ends_the_session_and_its_person_goes_on(self, reader, desk):
        ticket = return_ticket(desk.first_reader)
        assert reader.post(reverse("accounts:lock")).status_code == 200
        assert "_auth_user_id" not in reader.session
        name = desk.first_reader.username
        wrong = self.send(reader, username=name, password="wrong", ticket=ticket)
        assert wrong.status_code == 403
        right = self.send(reader, username=name, password=factories.PASSWORD, ticket=ticket)
        assert right.json() == {"ok": True}
        assert reader.session["_auth_user_id"] == str(desk.first_reader.pk)

    def test_nobody_else_goes_on(self, reader, desk):
        ticket = return_ticket(desk.first_reader)
        reader.post(reverse("accounts:lock"))
        other = self.send(
            reader, username=desk.second_reader.username, password=factories.PASSWORD, ticket=ticket
        )
        assert other.status_code == 403
        assert "_auth_user_id" not in reader.session
        assert not AuditEvent.objects.filter(event="accounts.signed_in").exists()

    @pytest.mark.parametrize("ticket", ["", "x", "2f1b:zz", "2f1b3a52-8a0e-4d7b-9b8f-1c9f3f3f9f10:forged"])
    def test_a_ticket_is_made_here(self, ticket):
        assert person_of(ticket) is None
