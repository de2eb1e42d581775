"""The coordinator's pages beside cases: designs, queries, deviations, unblinding, invitations, the editor, readers."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.core.models import AuditEvent
from readerstudy.studies.analysis_sets import analysis_sets
from readerstudy.studies.models import (
    AccidentalUnblinding,
    Assignment,
    Case,
    Deviation,
    Draw,
    Invitation,
    ReaderQuery,
    StudyRole,
)
from readerstudy.studies.services.coordination import ask
from tests import factories
from tests.factories.studies import make_cases, make_open_study

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(client):
    study, people = make_open_study(n_cases=12)
    client.force_login(people["coordinator"])
    return client, study, people


def page(name, study, **more):
    return reverse(name, kwargs={"slug": study.slug, **more})


class TestAssignmentPage:
    GIVEN = {"seed": 3, "repeat_percent": 25, "washout_days": 28}

    def digest(self, text):
        return re.search(r'name="digest" value="([0-9a-f]{64})"', text)[1]

    def test_a_preview_writes_nothing_and_shows_readers_by_cases(self, office):
        client, study, _ = office
        text = client.post(page("studies:assignments", study), self.GIVEN).content.decode()
        assert not Assignment.objects.exists()
        assert text.count('class="again"') >= 2
        assert text.count("<svg") >= 1

    def test_what_was_shown_is_written(self, office):
        client, study, _ = office
        address = page("studies:assignments", study)
        digest = self.digest(client.post(address, self.GIVEN).content.decode())
        client.post(address, {**self.GIVEN, "confirm": "on", "digest": digest, "due_date": "2030-01-31"})
        draw = Draw.objects.get(purpose="assignment")
        assert (draw.result_digest, draw.rule["repeat_fraction"]) == (digest, 0.25)
        mine = Assignment.objects.filter(duty__duty="reader", user__username="first_reader")
        assert mine.filter(occasion=2).count() == 3
        assert {str(each) for each in mine.values_list("due_date", flat=True)} == {"2030-01-31"}

    def test_two_coordinators_at_once(self, office):
        """What the second one confirms is not what he saw any more: nothing is written twice."""
        client, study, _ = office
        address = page("studies:assignments", study)
        digest = self.digest(client.post(address, self.GIVEN).content.decode())
        make_cases(study, ["late"])
        text = client.post(address, {**self.GIVEN, "confirm": "on", "digest": digest}).content.decode()
        assert "look at the new preview" in text
        assert not Assignment.objects.exists()


class TestQueries:
    def test_a_query_is_answered_once(self, office):
        client, study, people = office
        ask(study=study, user=people["first_reader"], kind="question", text="L5?", at=factories.AT)
        address = page("studies:queries", study)
        assert "L5?" in client.get(address).content.decode()
        query = ReaderQuery.objects.get()
        for answer in ("The lowest mobile one.", "Another answer."):
            client.post(address, {"query": query.public_id, "answer": answer})
        query.refresh_from_db()
        assert query.answer == "The lowest mobile one."
        assert AuditEvent.objects.filter(event="studies.query.answered").count() == 1

    def test_of_another_study_there_is_none(self, office):
        client, study, _ = office
        other, people = make_open_study("other", suffix="-2")
        query = ask(study=other, user=people["first_reader"], kind="question", text="L5?", at=factories.AT)
        answer = client.post(page("studies:queries", study), {"query": query.public_id, "answer": "No."})
        assert answer.status_code == 404


class TestDeviationsAndSets:
    def test_sets_shrink_by_what_is_on_record_and_nothing_is_deleted(self, office):
        client, study, people = office
        client.post(page("studies:assignments", study), {"seed": 1, "confirm": "on"})
        case = Case.objects.filter(study=study).first()
        assert analysis_sets(study).counts() == {"full": 24, "primary": 24, "per protocol": 24}
        code = StudyRole.objects.get(study=study, user=people["first_reader"]).code
        client.post(
            page("studies:report_unblinding", study),
            {"text": "saw the report", "person": code, "case": case.pseudonym},
        )
        client.post(
            page("studies:deviations", study),
            {"text": "wrong screen", "happened_on": timezone.localdate(), "person": code, "leaves": "on"},
        )
        assert analysis_sets(study).counts() == {"full": 24, "primary": 23, "per protocol": 12}
        assert AccidentalUnblinding.objects.get().case == case
        text = client.get(page("studies:deviations", study)).content.decode()
        assert "saw the report" in text
        assert "leaves the per-protocol set" in text

    @pytest.mark.parametrize(
        "given",
        [
            {"text": "", "happened_on": "2026-03-02"},
            {"text": "x", "happened_on": "2999-01-01"},
            {"text": "x", "happened_on": "2026-03-02", "leaves": "on"},
            {"text": "x", "happened_on": "2026-03-02", "case": "no-such-case"},
        ],
    )
    def test_what_says_nothing_is_not_noted(self, office, given):
        client, study, _ = office
        client.post(page("studies:deviations", study), given)
        assert not Deviation.objects.exists()

    def test_only_a_blinded_person_is_unblinded(self, office):
        client, study, people = office
        code = StudyRole.objects.get(study=study, user=people["coordinator"]).code
        client.post(page("studies:report_unblinding", study), {"text": "saw it", "person": code})
        assert not AccidentalUnblinding.objects.exists()


class TestInvitations:
    GIVEN = {
        "display_name": "Dr Li",
        "email": "li@example.org",
        "roles": ["is_reader"],
        "language": "zh-hans",
    }

    def invited(self, office, django_capture_on_commit_callbacks, **changes):
        client, study, _ = office
        with django_capture_on_commit_callbacks(execute=True):
            client.post(page("studies:invitations", study), {**self.GIVEN, **changes})
        return re.search(r"/invitation/[\w-]+/", mail.outbox[-1].body)[0] if mail.outbox else ""

    def test_the_letter_leads_to_an_account_with_its_roles(
        self, office, client, django_capture_on_commit_callbacks
    ):
        address = self.invited(office, django_capture_on_commit_callbacks)
        client.logout()
        assert client.get(address).status_code == 200
        answer = client.post(address, {"username": "dr-li", "password": "a-long-and-rare-sentence"})
        assert answer.headers["Location"] == reverse("accounts:sign_in")
        person = User.objects.get(username="dr-li")
        assert (person.display_name, person.language) == ("Dr Li", "zh-hans")
        assert StudyRole.objects.get(user=person).is_reader
        # Once.
        assert client.get(address).status_code == 404

    def test_a_token_is_kept_as_its_hash_and_ends(self, office, client, django_capture_on_commit_callbacks):
        address = self.invited(office, django_capture_on_commit_callbacks)
        token = address.split("/")[2]
        assert token not in str(Invitation.objects.values().get())
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert client.get(address).status_code == 404

    def test_roles_that_exclude_each_other_are_refused(self, office, django_capture_on_commit_callbacks):
        roles = ["is_reader", "is_investigator"]
        assert self.invited(office, django_capture_on_commit_callbacks, roles=roles) == ""
        assert not Invitation.objects.exists()

    def test_a_weak_password_makes_no_account(self, office, client, django_capture_on_commit_callbacks):
        address = self.invited(office, django_capture_on_commit_callbacks)
        answer = client.post(address, {"username": "dr-li", "password": "short"})
        assert answer.status_code == 200
        assert not User.objects.filter(username="dr-li").exists()


class TestProtocolEditor:
    def test_problems_are_told_by_line_while_writing(self, office):
        client, study, _ = office
        source = study.protocols.get().source.replace("cut: 2", "cut: 9", 1)
        told = client.post(page("studies:check_protocol", study), {"source": source}).json()["problems"]
        line = source[: source.index("cut: 9")].count("\n") + 1
        assert len(told) == 1
        assert told[0]["line"] == line
        assert told[0]["said"].startswith(f"line {line}, findings[1].cut: ")

    def test_an_amendment_is_a_new_version_with_a_reason(self, office):
        client, study, _ = office
        source = study.protocols.get().source.replace("version: 1", "version: 2", 1)
        address = page("studies:edit_protocol", study)
        assert "Say why" in client.post(address, {"source": source, "reason": ""}).content.decode()
        client.post(address, {"source": source, "reason": "clearer words"})
        assert list(study.protocols.order_by("version").values_list("version", flat=True)) == [1, 2]
        assert study.protocols.get(version=2).frozen_at is not None

    def test_an_open_study_keeps_its_items(self, office):
        client, study, _ = office
        changed = study.protocols.get().source.replace("version: 1", "version: 2", 1)
        changed = changed.replace("cut: 2", "cut: 1", 1)
        text = client.post(
            page("studies:edit_protocol", study), {"source": changed, "reason": "another cut"}
        ).content.decode()
        assert "cut or agreement of narrowing differ" in text
        assert study.protocols.count() == 1


class TestReaders:
    def test_progress_holds_no_grade_and_is_there_for_the_office(self, office):
        client, study, people = office
        client.post(page("studies:assignments", study), {"seed": 1, "confirm": "on"})
        for name in ("coordinator", "investigator", "auditor"):
            client.force_login(people[name])
            assert client.get(page("grading:monitor", study)).status_code == 200
        client.force_login(people["first_reader"])
        assert client.get(page("grading:monitor", study)).status_code == 404

    def test_a_reader_is_paused_and_replaced_from_the_page(self, office):
        client, study, people = office
        client.post(page("studies:assignments", study), {"seed": 1, "confirm": "on"})
        new = factories.study_role("reader", study=study, code="R7")
        old = StudyRole.objects.get(study=study, user=people["first_reader"])
        address = page("grading:change_reader", study, code=old.code)
        client.post(address, {"act": "pause", "reason": "holiday"})
        old.refresh_from_db()
        assert old.paused_at is not None
        wanted = {"act": "replace", "reason": "moved", "successor": "R7", "seed": 2}
        shown = client.post(address, wanted)
        text = " ".join(shown.content.decode().split())
        assert f"R7 takes over from {old.code}?" in text
        assert "leaves the study for good" in text
        # Looked at, not done.
        assert not Assignment.objects.filter(withdrawn_at__isnull=False).exists()
        client.post(address, wanted | {"digest": shown.context["handover"].digest})
        assert Assignment.objects.filter(user=new.user, withdrawn_at=None).count() == 12
        assert not Assignment.objects.filter(user=old.user, withdrawn_at=None).exists()


class TestScreening:
    """Where a study names a doctor who screens, nobody else decides; the doctor sees cases and no more."""

    @pytest.fixture
    def doctor(self, office):
        return factories.study_role("screener", study=office[1]).user

    def decide(self, client, study):
        case = make_cases(study, ["waits"], status="imported")[0]
        answer = client.post(page("studies:screen_case", study, case=case.public_id), {"act": "include"})
        case.refresh_from_db()
        return answer.status_code, case.status

    def test_the_coordinator_decides_where_nobody_is_named(self, office):
        client, study, _ = office
        assert self.decide(client, study) == (302, "included")

    def test_the_coordinator_does_not_decide_beside_a_doctor(self, office, doctor):
        client, study, _ = office
        assert self.decide(client, study) == (404, "imported")
        assert 'value="include"' not in client.get(page("studies:cases", study)).content.decode()

    def test_a_protocol_that_wants_a_doctor_leaves_it_to_nobody_else(self, office):
        client, study, _ = office
        protocol = study.protocols.get()
        source = protocol.source.replace("version: 1\n", "version: 2\nscreening: {by: doctor}\n", 1)
        assert factories.protocol(study=study, source=source, version=2).document.screened_by == "doctor"
        assert self.decide(client, study) == (404, "imported")
        client.force_login(factories.study_role("screener", study=study).user)
        case = study.cases.get(pseudonym="waits")
        address = page("studies:screen_case", study, case=case.public_id)
        assert client.post(address, {"act": "include"}).status_code == 302
        case.refresh_from_db()
        assert case.status == "included"

    def test_the_doctor_decides_and_sees_nothing_else(self, office, doctor):
        client, study, _ = office
        client.force_login(doctor)
        assert self.decide(client, study) == (302, "included")
        for name in ("grading:overview", "grading:monitor", "studies:assignments", "studies:team"):
            assert client.get(page(name, study)).status_code == 404

    @pytest.mark.parametrize("blinded", ["reader", "adjudicator", "panel"])
    def test_who_grades_does_not_screen(self, office, blinded):
        from django.db import IntegrityError, transaction

        with pytest.raises(IntegrityError, match="no_blinded_duty_beside_screening"), transaction.atomic():
            factories.study_role(blinded, "screener", study=office[1])
