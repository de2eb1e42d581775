"""A read: each cell saved once and in order, submitted for good, reopened only while nobody knows more."""

import uuid

import pytest
from django.urls import reverse

from grading.models import Discordance, Rating, RatingEntry, Read, ReferenceGrade
from grading.services.reading import (
    ReadAlreadySubmitted,
    ReadIncomplete,
    ReadRefused,
    open_read,
    reopen_read,
    submit_read,
)
from grading.services.saving import cells_of, save_answers
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReaderStudy
from tests import factories
from tests.grading.conftest import AT, LATER, saving

ITEM, OTHER = "L4-5-right|narrowing", "L4-5-right|cyst"


@pytest.fixture
def read(desk):
    return open_read(assignment=desk.first, at=AT)


def save(read, *answers):
    return save_answers(read_id=read.pk, answers=answers, at=LATER)


def test_opening_twice_gives_one_read_and_one_event(desk):
    assert open_read(assignment=desk.first, at=AT) == open_read(assignment=desk.first, at=LATER)
    assert Read.objects.get().opened_at == AT
    assert AuditEvent.objects.filter(event="grading.read.opened").count() == 1


def test_a_save_sent_twice_counts_once(read):
    sent = saving(ITEM, 2)
    first, second = save(read, sent), save(read, sent)
    assert (first[0].status, second[0].status) == ("saved", "saved")
    assert first[0].cell == second[0].cell
    assert RatingEntry.objects.count() == Rating.objects.count() == 1


def test_a_change_of_a_change_stands_in_its_order(read):
    first = saving(ITEM, 2)
    second = saving(ITEM, 3, base=first["key"])
    assert [each.status for each in save(read, first, second)] == ["saved", "saved"]
    assert Rating.objects.get().grade == 3
    # The first one sent again, after the second: it stays what it was, and says what stands.
    (again,) = save(read, first)
    assert (again.status, again.cell["grade"]) == ("saved", 3)
    assert Rating.objects.get().grade == 3


def test_a_change_made_on_another_state_is_a_conflict_and_changes_nothing(read):
    save(read, saving(ITEM, 1))
    (late,) = save(read, saving(ITEM, 3))
    assert (late.status, late.cell["grade"]) == ("conflict", 1)
    assert Rating.objects.get().grade == 1


def test_counts_that_meet_by_chance_do_not_overwrite(read):
    """One window changes a cell once; another, offline, twice on the empty cell: both counts say 1."""
    save(read, saving(ITEM, 1))
    offline = saving(ITEM, 2)
    results = save(read, offline, saving(ITEM, 3, base=offline["key"]))
    assert [each.status for each in results] == ["conflict", "conflict"]
    assert Rating.objects.get().grade == 1


def test_a_conflict_is_ended_by_a_change_of_what_stands(read):
    here = saving(ITEM, 1)
    save(read, here)
    (conflict,) = save(read, saving(ITEM, 3))
    (mine,) = save(read, saving(ITEM, 3, base=conflict.cell["change"]))
    assert mine.status == "saved"
    assert Rating.objects.get().grade == 3


def test_clearing_empties_the_cell_and_the_page_knows_what_it_clears(read):
    answer = saving(ITEM, 1)
    clearing = saving(ITEM, {"clear": True}, base=answer["key"])
    save(read, answer, clearing)
    assert not Rating.objects.exists()
    # A page loaded now changes the cleared cell without a conflict.
    cell = cells_of(read)[ITEM]
    assert cell == {"kind": None, "change": clearing["key"]}
    (saved,) = save(read, saving(ITEM, 2, base=cell["change"]))
    assert saved.status == "saved"


def test_an_answer_keeps_flag_note_and_confidence(read):
    save(read, saving(ITEM, 1, flag=True, note="spur behind", confidence=70))
    cell = cells_of(read)[ITEM]
    assert (cell["flag"], cell["note"], cell["confidence"]) == (True, "spur behind", 70)


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "grade", "grade": 4},
        {"kind": "grade", "grade": -1},
        {"kind": "grade", "grade": True},
        {"kind": "grade", "grade": "1"},
        {"kind": "grade"},
        {"kind": "value", "value": 1.0},
        {"kind": "not_assessable"},
        {"kind": "not_assessable", "reason": "no such"},
        {"kind": ["grade"]},
        {"kind": None},
        {},
        {"kind": "grade", "grade": 1, "note": "x" * 501},
        {"kind": "grade", "grade": 1, "note": "a\x00b"},
        {"kind": "grade", "grade": 1, "confidence": 101},
    ],
    ids=repr,
)
def test_an_answer_outside_the_protocol_is_refused_whole(read, given):
    save(read, saving(OTHER, 1))
    refused, beside = save(read, saving(ITEM, given), saving("L5-S1-left|cyst", 0))
    assert (refused.status, beside.status) == ("refused", "saved")
    assert refused.message
    assert set(cells_of(read)) == {OTHER, "L5-S1-left|cyst"}


# The same in every process that shares a run: names of tests must agree.
KEY = str(uuid.UUID(int=7))


@pytest.mark.parametrize(
    "given",
    [
        {"key": "no uuid"},
        {"key": KEY, "structure": "L9", "finding": "narrowing"},
        {"key": KEY, "structure": "L4-5-right", "finding": "\x00"},
        {"key": KEY, "structure": ["a"], "finding": {}},
        {"key": KEY, "structure": "L9", "finding": "narrowing", "clear": True},
    ],
    ids=repr,
)
def test_what_is_no_item_is_refused(read, given):
    (result,) = save(read, {"kind": "grade", "grade": 1, **given})
    assert result.status == "refused"
    assert not RatingEntry.objects.exists()


def test_first_answer_is_timed_once(read):
    save(read, saving(ITEM, {"kind": "grade", "grade": 9}))
    read.refresh_from_db()
    assert read.first_answer_at is None
    save(read, saving(ITEM, 1))
    save_answers(read_id=read.pk, answers=[saving(OTHER, 1)], at=AT)
    read.refresh_from_db()
    assert read.first_answer_at == LATER


def test_submitting_names_what_is_missing_in_reading_order(desk, read):
    save(read, saving("L1-2-right|narrowing", 1))
    with pytest.raises(ReadIncomplete) as refusal:
        submit_read(read_id=read.pk, at=LATER)
    items = [item.key for item in desk.document.items]
    assert refusal.value.missing == tuple(items[1:])
    assert Read.objects.get().state == Read.State.IN_PROGRESS


def test_submitted_is_final(desk):
    read = desk.submitted(desk.first)
    for act in (
        lambda: submit_read(read_id=read.pk, at=LATER),
        lambda: save(read, saving(ITEM, 3)),
        lambda: save(read, asking("comment", "late")),
    ):
        with pytest.raises(ReadAlreadySubmitted):
            act()
    read.refresh_from_db()
    assert (read.submitted_at, read.case_answers) == (AT, {})
    assert set(read.ratings.values_list("grade", flat=True)) == {1}


@pytest.mark.parametrize("state", ["locked", "draft"])
def test_a_study_that_is_not_open_takes_nothing(desk, read, state):
    save(read, *[saving(key, 0) for key in factories.all_grades(desk.document)])
    ReaderStudy.objects.filter(pk=desk.study.pk).update(state=state, locked_at=AT)
    for act in (
        lambda: submit_read(read_id=read.pk, at=LATER),
        lambda: save(read, saving(ITEM, 3)),
        lambda: save(read, asking("comment", "late")),
    ):
        with pytest.raises(ReadRefused):
            act()
    assert not Rating.objects.filter(grade=3).exists()


def asking(question, text, **more):
    return saving(("", question), {"text": text}, **more)


def test_questions_about_the_case_are_saved_as_cells_are(read):
    """One key each, the same key once, a change on another state a conflict, and a place on the page."""
    quality, comment = asking("image-quality", "poor"), asking("comment", "moved")
    assert [each.status for each in save(read, quality, comment, quality)] == ["saved"] * 3
    assert [each.status for each in save(read, asking("image-quality", "good"))] == ["conflict"]
    changed = asking("image-quality", "good", base=quality["key"])
    assert [each.status for each in save(read, changed)] == ["saved"]
    read.refresh_from_db()
    assert read.case_answers == {"image-quality": "good", "comment": "moved"}
    cleared = asking("comment", "", base=comment["key"], clear=True)
    assert [each.status for each in save(read, cleared)] == ["saved"]
    read.refresh_from_db()
    cells = cells_of(read)
    assert cells["|image-quality"] == {"kind": "text", "text": "good", "change": changed["key"]}
    assert cells["|comment"] == {"kind": None, "change": cleared["key"]}


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("image-quality", "superb"),
        ("exclusion", "anything"),
        ("comment", "x" * 2001),
        ("comment", "a\x00b"),
        ("comment", None),
        ("nobody", "asked"),
    ],
)
def test_what_a_question_does_not_take_is_refused_and_changes_nothing(read, question, text):
    (refused,) = save(read, asking(question, text))
    assert (refused.status, bool(refused.message)) == ("refused", True)
    read.refresh_from_db()
    assert read.case_answers == {}
    assert not RatingEntry.objects.exists()


def test_a_required_question_keeps_the_case_from_being_submitted(make):
    desk = make(case_questions={"image-quality": {"required": True}})
    read = factories.read(of=desk.first, grades=factories.all_grades(desk.document))
    with pytest.raises(ReadIncomplete, match="1 questions about the case") as refusal:
        submit_read(read_id=read.pk, at=LATER)
    assert refusal.value.missing == (("", "image-quality"),)
    save(read, asking("image-quality", "good"))
    assert submit_read(read_id=read.pk, at=LATER).state == Read.State.SUBMITTED


# --- comparison -----------------------------------------------------------------------------------


def test_the_last_first_read_compares_the_case_item_by_item(desk):
    desk.submitted(desk.first)
    assert not ReferenceGrade.objects.exists()
    desk.submitted(desk.second, **{ITEM: 3, OTHER: {"kind": "not_assessable", "reason": "artefact"}})
    disputed = {f"{each.structure}|{each.finding}" for each in Discordance.objects.all()}
    assert disputed == {ITEM, OTHER}
    assert ReferenceGrade.objects.count() == len(desk.document.items) - 2
    assert set(ReferenceGrade.objects.values_list("provenance", flat=True)) == {"agreed"}
    assert AuditEvent.objects.filter(event="grading.case.compared").count() == 1


def test_not_assessable_twice_is_agreed(desk):
    typed = {"kind": "not_assessable", "reason": "resolution"}
    desk.submitted(desk.first, **{ITEM: typed})
    desk.submitted(desk.second, **{ITEM: {**typed, "reason": "artefact"}})
    assert not Discordance.objects.exists()
    assert ReferenceGrade.objects.get(finding="narrowing", structure="L4-5-right").kind == "not_assessable"


def test_repeats_aided_and_comparison_reads_make_no_reference(desk):
    for number, fields in enumerate([{"occasion": 2}, {"condition": "aided"}], start=2):
        again = factories.assignment(
            of=desk.case, person=desk.first_reader, position=number, **fields, running_number=number
        )
        desk.submitted(again, grade=3)
    comparing = factories.study_role("reader", study=desk.study, is_truther=False).user
    desk.submitted(factories.assignment(of=desk.case, person=comparing), grade=0)
    desk.submitted(desk.first)
    assert not ReferenceGrade.objects.exists()
    desk.submitted(desk.second)
    assert not Discordance.objects.exists()
    assert set(ReferenceGrade.objects.exclude(finding="cyst").values_list("grade", flat=True)) == {1}


def test_within_rule_is_kept_as_such(make):
    desk = make(findings={"narrowing": {"agreement": {"within": 1, "keep": "higher"}}})
    desk.both_submitted(**{ITEM: 2, "L1-2-left|narrowing": 3})
    kept = ReferenceGrade.objects.get(structure="L4-5-right", finding="narrowing")
    assert (kept.grade, kept.provenance) == (2, "agreed_within_rule")
    assert [each.structure for each in Discordance.objects.all()] == ["L1-2-left"]


# --- reopening ------------------------------------------------------------------------------------


def test_a_reopened_read_starts_from_its_answers_and_the_first_stays(desk):
    first = desk.submitted(desk.first, **{ITEM: 3})
    second = reopen_read(read=first, reason="wrong joint", actor=desk.first_reader, at=LATER)
    assert (second.version, second.state) == (2, Read.State.IN_PROGRESS)
    assert open_read(assignment=desk.first, at=LATER) == second
    cell = cells_of(second)[ITEM]
    assert (cell["grade"], cell["change"]) == (3, "")
    assert save(second, saving(ITEM, 0))[0].status == "saved"
    submit_read(read_id=second.pk, at=LATER)
    first.refresh_from_db()
    assert (first.state, first.superseded_at) == (Read.State.SUBMITTED, LATER)
    assert first.ratings.get(structure="L4-5-right", finding="narrowing").grade == 3
    # What counts from now on is the second version.
    desk.submitted(desk.second, **{ITEM: 0})
    assert not Discordance.objects.exists()


def test_no_read_is_reopened_after_the_comparison(desk):
    first, _ = desk.both_submitted(**{ITEM: 3})
    with pytest.raises(ReadRefused, match="compared"):
        reopen_read(read=first, reason="second thoughts", actor=desk.first_reader, at=LATER)
    assert Read.objects.filter(version=2).count() == 0


def test_reopening_needs_a_reason_a_submitted_read_and_an_open_study(desk):
    read = open_read(assignment=desk.second, at=AT)
    with pytest.raises(ReadRefused, match="submitted"):
        reopen_read(read=read, reason="x", actor=desk.first_reader, at=LATER)
    read = desk.submitted(desk.first)
    with pytest.raises(ReadRefused, match="why"):
        reopen_read(read=read, reason="  ", actor=desk.first_reader, at=LATER)
    ReaderStudy.objects.filter(pk=desk.study.pk).update(state="locked", locked_at=AT)
    with pytest.raises(ReadRefused, match="not open"):
        reopen_read(read=read, reason="x", actor=desk.first_reader, at=LATER)


# --- over HTTP ------------------------------------------------------------------------------------


@pytest.fixture
def call(client, desk):
    client.force_login(desk.first_reader)

    def send(name, body):
        address = reverse(f"api:{name}", kwargs={"assignment": desk.first.public_id})
        return client.post(address, body, content_type="application/json")

    return send


def test_the_calls_carry_a_case_from_first_key_to_submission(desk, call):
    answers = [saving(key, 0) for key in factories.all_grades(desk.document)]
    assert {each["status"] for each in call("read-answers", {"answers": answers[:-1]}).json()["results"]} == {
        "saved"
    }
    refused = call("read-submit", {})
    assert refused.status_code == 409
    assert refused.json()["missing"] == [list(desk.document.items[-1].key)]
    call("read-answers", {"answers": answers[-1:]})
    place = {"resume": {"grid": {"item": ITEM}}, "focused_seconds": 31, "idle_seconds": 2}
    assert call("read-place", place).status_code == 204
    call("read-answers", {"answers": [asking("image-quality", "good")]})
    done = call("read-submit", {})
    assert done.json() == {"next": f"/studies/{desk.study.slug}/worklist/"}
    again = call("read-submit", {})
    assert (again.status_code, again.json()["code"]) == (409, "already_submitted")
    late = call("read-answers", {"answers": [saving(ITEM, 3)]})
    assert (late.status_code, late.json()["code"]) == (409, "already_submitted")
    read = Read.objects.get()
    assert (read.focused_seconds, read.idle_seconds, read.case_answers) == (31, 2, {"image-quality": "good"})
    assert read.resume == {"grid": {"item": ITEM}}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("read-answers", {}),
        ("read-answers", {"answers": []}),
        ("read-answers", {"answers": ["text"]}),
        ("read-place", {"resume": {"x": "y" * 20_000}, "focused_seconds": 1, "idle_seconds": 1}),
        ("read-place", {"resume": {"x": "\x00"}, "focused_seconds": 1, "idle_seconds": 1}),
        ("read-place", {"resume": {}, "focused_seconds": -1, "idle_seconds": 1}),
    ],
)
def test_a_call_that_says_nothing_sensible_is_refused_plainly(call, name, body):
    assert call(name, body).status_code == 400
    assert not Rating.objects.exists()


def test_a_proposal_to_exclude_reaches_the_coordinator_once(desk):
    """What a reader chose in the case's questions becomes a query of the showing, whatever is reopened later."""
    from grading.services.reading import reopen_read
    from readerstudy.studies.models import ReaderQuery

    chosen, label = desk.document.exclusion_criteria[0]
    read = factories.read(of=desk.first, grades=1, case_answers={"exclusion": chosen})
    submit_read(read_id=read.pk, at=AT)
    query = ReaderQuery.objects.get()
    assert (query.kind, query.text, query.assignment) == ("exclusion", str(label), desk.first)
    again = reopen_read(read=read, reason="second look", actor=desk.first_reader, at=AT)
    submit_read(read_id=again.pk, at=AT)
    assert ReaderQuery.objects.count() == 1
    desk.submitted(desk.second)
    assert ReaderQuery.objects.count() == 1
