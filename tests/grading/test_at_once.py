"""Several people and windows at once: one read, one event, one decision. On both databases."""

import threading
from collections import Counter

import pytest
from django.db import close_old_connections, connection

from grading.models import Adjudication, Discordance, Rating, RatingEntry, Read, ReferenceGrade
from grading.services.adjudication import AdjudicationRefused, settle_item
from grading.services.panel import PanelRefused, review_case
from grading.services.reading import (
    ReadAlreadySubmitted,
    ReadRefused,
    open_read,
    reopen_read,
    submit_read,
)
from grading.services.saving import save_answers
from readerstudy.core.audit import verify_chain
from readerstudy.core.models import AuditEvent
from tests import factories
from tests.grading.conftest import AT, LATER, make_desk, saving

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]


def at_once(*acts):
    """Run acts in threads that all wait at one gate; return what each gave or raised, by its type."""
    gate = threading.Barrier(len(acts))
    outcomes = [None] * len(acts)

    def run(place, act):
        try:
            gate.wait(timeout=30)
            outcomes[place] = act()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    close_old_connections()
    return outcomes


def kinds(outcomes):
    return Counter(type(each).__name__ for each in outcomes)


def events(name):
    return AuditEvent.objects.filter(event=f"grading.{name}").count()


def test_many_identical_submissions_give_one_read_and_one_event():
    desk = make_desk()
    read = factories.read(of=desk.first, grades=1)
    outcomes = at_once(*[lambda: submit_read(read_id=read.pk, at=LATER)] * 12)
    assert kinds(outcomes) == {"Read": 1, "ReadAlreadySubmitted": 11}, outcomes
    assert all(isinstance(each, (Read, ReadAlreadySubmitted)) for each in outcomes)
    assert events("read.submitted") == 1


def test_both_readers_submitting_together_compare_once():
    desk = make_desk()
    reads = [factories.read(of=each, grades=grade) for grade, each in enumerate((desk.first, desk.second))]
    outcomes = at_once(*[lambda pk=read.pk: submit_read(read_id=pk, at=LATER) for read in reads])
    assert kinds(outcomes) == {"Read": 2}, outcomes
    assert events("case.compared") == 1
    assert Discordance.objects.count() == 50


def test_opening_in_many_windows_gives_one_read():
    desk = make_desk()
    outcomes = at_once(*[lambda: open_read(assignment=desk.first, at=AT).pk] * 8)
    assert len(set(outcomes)) == 1, outcomes
    assert (Read.objects.count(), events("read.opened")) == (1, 1)


def test_the_same_save_from_many_windows_counts_once():
    desk = make_desk()
    read = open_read(assignment=desk.first, at=AT)
    sent = saving("L4-5-right|cyst", 1)
    outcomes = at_once(*[lambda: save_answers(read_id=read.pk, answers=[sent], at=AT)[0].status] * 8)
    assert outcomes == ["saved"] * 8
    assert RatingEntry.objects.count() == Rating.objects.count() == 1


def test_of_many_changes_of_one_state_one_stands_and_the_others_are_told():
    desk = make_desk()
    read = open_read(assignment=desk.first, at=AT)
    answers = [saving("L4-5-right|narrowing", place % 4) for place in range(8)]
    outcomes = at_once(
        *[
            lambda each=each: save_answers(read_id=read.pk, answers=[each], at=AT)[0].status
            for each in answers
        ]
    )
    assert Counter(outcomes) == {"saved": 1, "conflict": 7}
    assert answers[outcomes.index("saved")]["grade"] == Rating.objects.get().grade


def test_a_read_is_not_reopened_behind_the_comparison():
    """Whoever is first: either the case is compared and the read stands, or it is open and nothing is compared."""
    for _ in range(4):
        desk = make_desk()
        first = desk.submitted(desk.first)
        second = factories.read(of=desk.second, grades=2)
        outcomes = at_once(
            lambda first=first, desk=desk: reopen_read(
                read=first, reason="wrong joint", actor=desk.first_reader, at=LATER
            ),
            lambda second=second: submit_read(read_id=second.pk, at=LATER),
        )
        compared = Discordance.objects.filter(case=desk.case).exists()
        reopened = Read.objects.filter(assignment=desk.first, version=2).exists()
        assert compared != reopened, outcomes
        assert isinstance(outcomes[0], ReadRefused) == compared


def test_one_decision_of_two_windows_of_the_adjudicator():
    desk = make_desk()
    desk.both_submitted(**{"L4-5-right|narrowing": 3})

    def settle(letter):
        return settle_item(
            assignment=desk.adjudicator,
            structure="L4-5-right",
            finding="narrowing",
            choice=letter,
            given=None,
            reason_code="",
            at=LATER,
        )

    outcomes = at_once(*[lambda letter=letter: settle(letter) for letter in "ABABAB"])
    assert sum(isinstance(each, Adjudication) for each in outcomes) == 1, outcomes
    assert sum(isinstance(each, AdjudicationRefused) for each in outcomes) == 5
    assert ReferenceGrade.objects.filter(provenance="adjudicated").count() == 1


def test_a_panel_of_three_voting_together_confirms_once():
    desk = make_desk(members=4, reference={"quorum": 3})
    desk.both_submitted()
    outcomes = at_once(
        *[lambda each=each: review_case(assignment=each, overruled=[], at=LATER) for each in desk.panel]
    )
    assert kinds(outcomes) == {"PanelReview": 3, "PanelRefused": 1}, outcomes
    assert any(isinstance(each, PanelRefused) for each in outcomes)
    assert events("case.confirmed") == 1
    assert ReferenceGrade.objects.filter(superseded_at=None, provenance="confirmed").count() == 50
    assert list(verify_chain(str(desk.study.public_id))) == []


def _fifty_submissions(n_threads, n_rounds):
    for round_ in range(n_rounds):
        desk = make_desk()
        read = factories.read(of=desk.first, grades=1)
        before = events("read.submitted")
        outcomes = at_once(*[lambda read=read: submit_read(read_id=read.pk, at=LATER)] * n_threads)
        assert kinds(outcomes) == {"Read": 1, "ReadAlreadySubmitted": n_threads - 1}, (
            round_,
            kinds(outcomes),
        )
        assert events("read.submitted") == before + 1
        assert Read.objects.filter(assignment=desk.first).count() == 1


def test_fifty_parallel_submissions_ten_times():
    _fifty_submissions(50, 10)


@pytest.mark.full
def test_fifty_parallel_submissions_a_hundred_times():
    _fifty_submissions(50, 100)


def test_two_coordinators_assign_once():
    """Whoever is first writes the plan; the other is told, and nobody is assigned twice."""
    from readerstudy.studies.models import Assignment
    from readerstudy.studies.services.assignment import AssignmentDesign, assign_reads, plan_assignment
    from readerstudy.studies.services.errors import StudyRefused

    design = AssignmentDesign(repeat_fraction=0.34, washout_days=7)
    for seed in range(4):
        study = factories.reader_study()
        for role in ("reader", "reader", "adjudicator", "panel"):
            factories.study_role(role, study=study)
        for _ in range(6):
            factories.case(study=study)
        plan = plan_assignment(study=study, seed=seed, design=design)
        outcomes = at_once(
            *[
                lambda study=study, seed=seed, plan=plan: assign_reads(
                    study=study, seed=seed, design=design, expected_digest=plan.digest, actor=None, at=AT
                )
            ]
            * 4
        )
        assert kinds(outcomes)["Draw"] == 1, outcomes
        assert sum(isinstance(each, StudyRefused) for each in outcomes) == 3, outcomes
        assert Assignment.objects.filter(study=study).count() == len(plan.showings)


def test_two_coordinators_relieve_a_reader_once():
    from grading.services.reassigning import reassign_reads
    from readerstudy.studies.models import Assignment
    from readerstudy.studies.services.errors import StudyRefused

    desk = make_desk()
    successors = [factories.study_role("reader", study=desk.study).user for _ in range(2)]
    outcomes = at_once(
        *[
            lambda successor=successor: reassign_reads(
                study=desk.study, leaver=desk.first_reader, successor=successor, seed=1, reason="ill",
                actor=None, at=LATER,
            )
            for successor in successors
        ]
    )  # fmt: skip
    assert kinds(outcomes) == {"Draw": 1, "StudyRefused": 1}, outcomes
    assert any(isinstance(each, StudyRefused) for each in outcomes)
    assert Assignment.objects.filter(case=desk.case, user__in=successors, withdrawn_at=None).count() == 1
