"""Sessions open by the server's clock; readers are paused, relieved and replaced; none takes over what he knows."""

from datetime import timedelta

import pytest
from django.http import Http404

from grading.access import access_assignment, open_to
from grading.models import Rating, Read
from grading.services.reading import ReadRefused, open_read, reopen_read, submit_read
from grading.services.reassigning import (
    pause_person,
    reassign_reads,
    replace_reader,
    resume_person,
    set_due_date,
    withdraw_assignment,
)
from grading.sessions import session_gates
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, CaseDuty, StudyRole
from readerstudy.studies.services.errors import StudyRefused
from tests import factories
from tests.grading.conftest import AT, LATER, make_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return make_desk()


def finish(assignment, at=AT, grade=1):
    read = factories.read(of=assignment, grades=grade)
    return submit_read(read_id=read.pk, at=at)


class TestWashout:
    @pytest.fixture
    def again(self, desk):
        return factories.assignment(
            of=desk.case, person=desk.first_reader, session=2, occasion=2, washout_days=28
        )

    def test_a_later_session_waits_for_the_earlier_one(self, desk, again):
        assert session_gates(desk.study, desk.first_reader, now=AT)[2].opens_at is None
        with pytest.raises(Http404):
            access_assignment(reader=desk.first_reader, assignment=again.public_id, now=AT)

    def test_days_are_of_24_hours_by_the_servers_clock(self, desk, again):
        finish(desk.first)
        ends = AT + timedelta(hours=28 * 24)
        with pytest.raises(Http404):
            access_assignment(
                reader=desk.first_reader, assignment=again.public_id, now=ends - timedelta(seconds=1)
            )
        assert open_to(desk.first_reader, desk.study, ends - timedelta(seconds=1)) == {desk.first.public_id}
        found = access_assignment(reader=desk.first_reader, assignment=again.public_id, now=ends)
        assert found == again

    def test_a_session_opens_as_a_whole_and_stays_open(self, desk, again):
        new = factories.assignment(
            of=factories.case(study=desk.study), person=desk.first_reader, session=2, washout_days=28
        )
        finish(desk.first)
        # The new case of that session waits with the repeat: neither is told apart by its date.
        early = AT + timedelta(days=27)
        assert open_to(desk.first_reader, desk.study, early) == {desk.first.public_id}
        late = AT + timedelta(days=28)
        assert again.public_id in open_to(desk.first_reader, desk.study, late)
        open_read(assignment=again, at=late)
        assert session_gates(desk.study, desk.first_reader, now=early)[2].is_open
        assert new.public_id not in open_to(desk.first_reader, desk.study, early)


class TestAided:
    @pytest.fixture
    def aided(self, desk):
        return factories.assignment(of=desk.case, person=desk.first_reader, condition="aided")

    def test_it_opens_when_its_aid_is_released(self, desk, aided):
        finish(desk.first)
        with pytest.raises(Http404):
            access_assignment(reader=desk.first_reader, assignment=aided.public_id, now=LATER)
        factories.released_aid(assignment=aided)
        assert access_assignment(reader=desk.first_reader, assignment=aided.public_id, now=LATER) == aided

    def test_it_starts_from_the_unaided_answers_and_closes_them(self, desk, aided):
        unaided = finish(desk.first, grade=2)
        factories.released_aid(assignment=aided)
        read = open_read(assignment=aided, at=LATER)
        assert read.ratings.count() == 50
        assert set(read.ratings.values_list("structure", "finding", "grade")) == set(
            unaided.ratings.values_list("structure", "finding", "grade")
        )
        with pytest.raises(ReadRefused, match="aid for this case was released"):
            reopen_read(read=unaided, reason="second thoughts", actor=desk.first_reader, at=LATER)


class TestPeople:
    @pytest.fixture
    def third(self, desk):
        return factories.study_role("reader", study=desk.study, code="R9").user

    def test_a_pause_ends(self, desk):
        pause_person(study=desk.study, user=desk.first_reader, reason="holiday", actor=None, at=AT)
        with pytest.raises(Http404):
            access_assignment(reader=desk.first_reader, assignment=desk.first.public_id)
        resume_person(study=desk.study, user=desk.first_reader, actor=None, at=LATER)
        assert access_assignment(reader=desk.first_reader, assignment=desk.first.public_id) == desk.first

    def test_a_reader_who_leaves_is_replaced_and_both_stay_apart(self, desk, third):
        other = factories.case(study=desk.study)
        unread = factories.assignment(of=other, person=desk.first_reader)
        submitted = finish(desk.first)
        draw = replace_reader(
            study=desk.study, leaver=desk.first_reader, successor=third, seed=3, reason="moved away",
            actor=None, at=LATER,
        )  # fmt: skip
        taken = Assignment.objects.get(user=third)
        assert (taken.case, taken.draw) == (other, draw)
        assert taken.presentation != unread.presentation
        unread.refresh_from_db()
        assert unread.withdrawn_at == LATER
        # What was submitted stays, under the code of who gave it.
        assert Read.objects.get(pk=submitted.pk).superseded_at is None
        assert StudyRole.objects.get(user=desk.first_reader, study=desk.study).left_at == LATER
        with pytest.raises(Http404):
            access_assignment(reader=desk.first_reader, assignment=unread.public_id)
        assert AuditEvent.objects.filter(event="studies.role.left").count() == 1

    def test_nobody_takes_over_a_case_that_they_know(self, desk):
        with pytest.raises(StudyRefused, match="holds a duty for 1 of these cases"):
            reassign_reads(
                study=desk.study, leaver=desk.first_reader, successor=desk.second_reader, seed=1,
                reason="swap", actor=None, at=AT,
            )  # fmt: skip
        assert not Assignment.objects.filter(withdrawn_at__isnull=False).exists()
        assert CaseDuty.objects.filter(user=desk.second_reader).count() == 1

    def test_a_submitted_read_is_not_taken_back(self, desk):
        finish(desk.first)
        with pytest.raises(StudyRefused, match="it stands"):
            withdraw_assignment(assignment=desk.first, reason="mistake", actor=None, at=LATER)

    def test_a_withdrawn_read_keeps_its_answers_and_counts_nowhere(self, desk, third):
        begun = factories.read(of=desk.second, grades=1)
        withdraw_assignment(assignment=desk.second, reason="ill", actor=None, at=LATER)
        assert Rating.objects.filter(read=begun).count() == 50
        replacement = factories.assignment(of=desk.case, person=third)
        finish(desk.first)
        finish(replacement)
        from grading.models import ReferenceGrade

        assert ReferenceGrade.objects.filter(case=desk.case).count() == 50

    def test_due_dates_are_of_what_is_unfinished(self, desk):
        finish(desk.first)
        waiting = factories.assignment(of=factories.case(study=desk.study), person=desk.first_reader)
        due = AT.date()
        n = set_due_date(study=desk.study, user=desk.first_reader, due_date=due, actor=None, at=AT)
        waiting.refresh_from_db()
        assert (n, waiting.due_date) == (1, due)
