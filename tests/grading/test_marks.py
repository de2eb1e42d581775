"""Marks from the browser's drawing to lesions of the reference standard."""

import json
import re
import uuid
from functools import partial

import pytest
from django.urls import reverse
from django.utils import timezone

from grading.models import (
    Mark,
    MarkDecision,
    MarkDiscordance,
    PanelReview,
    RatingEntry,
    Read,
    ReferenceMark,
)
from grading.places import images_of, presentation_alias
from grading.progress import study_progress
from grading.queues import adjudication_queue, panel_queue
from grading.selectors import case_is_compared, case_is_settled, confirmed_cases, panel_round
from grading.services.adjudication import BadAnswer
from grading.services.marks import MarkAlreadySettled, MarkRefused, settle_mark
from grading.services.panel import PanelRefused, review_case
from grading.services.reading import ReadIncomplete, open_read, reopen_read, submit_read
from grading.services.saving import cells_of
from readerstudy.core.models import AuditEvent
from readerstudy.imaging.models import Instance
from readerstudy.imaging.services import receive
from readerstudy.studies.models import Assignment
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from tests import factories
from tests.blinding.planting import write_series
from tests.factories.protocols import LESION, small_source
from tests.grading.conftest import AT, LATER
from tests.grading.marked import ADJUDICATION, drawn, marked_desk, marking, save, slice_uid, submitted


@pytest.fixture
def make_marked(db, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    return partial(marked_desk, tmp_path / "files")


@pytest.fixture
def desk(make_marked):
    return make_marked()


@pytest.fixture
def read(desk):
    return open_read(assignment=desk.first, at=AT)


BOX = ((2, 3), (8, 9))


def test_millimetres_are_the_servers_and_follow_the_images(read):
    """Slice k of 4 mm lies at x = 4k; a step of a column is 1 mm along y, of a row 1 mm down."""
    save(read, marking(drawn(*BOX, to=1, points_mm=[[99, 99, 99]] * 2, box={"min_mm": [0, 0, 0]})))
    mark = Mark.objects.get()
    assert mark.points_px == [[2.0, 3.0], [8.0, 9.0]]
    assert mark.points_mm == [[0.0, 2.0, -3.0], [0.0, 8.0, -9.0]]
    assert mark.box == {"min_mm": [-2.0, 2.0, -9.0], "max_mm": [6.0, 8.0, -3.0]}
    assert mark.slices == [[slice_uid(0), 1], [slice_uid(1), 1]]
    instance = Instance.objects.get(index=0)
    assert (mark.sop_uid, mark.series_uid) == (instance.blinded_uid, instance.series.blinded_uid)
    assert mark.frame_of_reference_uid == instance.series.frame_of_reference_uid


def test_a_mark_is_saved_moved_and_taken_back_like_a_cell(read):
    mark_id = str(uuid.uuid4())
    first = marking(drawn(*BOX), None, mark_id=mark_id)
    assert [each.status for each in save(read, first, first)] == ["saved", "saved"]
    stale = marking(drawn((0, 0), (3, 3)), mark_id=mark_id)
    (conflict,) = save(read, stale)
    assert (conflict.status, conflict.cell["mark"]["points_px"]) == ("conflict", [[2.0, 3.0], [8.0, 9.0]])
    moved = marking(drawn((0, 0), (3, 3), cls="herniation"), 40, mark_id=mark_id, base=first["key"])
    assert [each.status for each in save(read, moved)] == ["saved"]
    mark = Mark.objects.get()
    assert (mark.mark_class, mark.confidence, mark.sequence) == ("herniation", 40, 2)
    cell = cells_of(read)[f"@|{mark_id}"]
    assert (cell["mark"]["id"], cell["confidence"], cell["change"]) == (mark_id, 40, moved["key"])
    save(read, marking(None, mark_id=mark_id, base=moved["key"], clear=True))
    assert not Mark.objects.exists()
    assert RatingEntry.objects.count() == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "tumour"}, "no such mark"),
        ({"class": "cyst"}, "classes bulge, herniation"),
        ({"sop_uid": "1.2.3"}, "no image of this case"),
        ({"frame": 2}, "no image of this case"),
        ({"frame": True}, "no image of this case"),
        ({"points_px": [[1, 1]]}, "has 2 points"),
        ({"points_px": [[1, 1], [1, "2"]]}, "a column and a row"),
        ({"points_px": [[1, 1], [1, float("inf")]]}, "a column and a row"),
        ({"points_px": [[1, 1], [40, 4]]}, "outside its image"),
        ({"slice_sops": ["1.2.3", "1.2.4"]}, "in one series"),
        ({"slice_sops": ["1.2.3"]}, "from one image to another"),
    ],
)
def test_what_is_no_mark_is_refused_and_changes_nothing(read, change, message):
    (refused,) = save(read, marking(drawn(*BOX, **change)))
    assert refused.status == "refused"
    assert message in refused.message
    assert not Mark.objects.exists()
    for confidence in (101, -1, 50.5, True, "80"):
        assert save(read, marking(drawn(*BOX), confidence))[0].status == "refused"
    for mark_id in ("not-a-uuid", "L4-5-right"):
        assert save(read, marking(drawn(*BOX), mark_id=mark_id))[0].status == "refused"


def test_a_mark_on_another_cases_image_is_refused(desk, read, tmp_path):
    mark = drawn(*BOX)
    write_series(tmp_path / "other", patient="other")
    known = set(Instance.objects.values_list("pk", flat=True))
    receive(
        scope=desk.study.public_id, source=tmp_path / "other", at=timezone.now(), laterality="established"
    )
    foreign = Instance.objects.exclude(pk__in=known).first()
    (refused,) = save(read, marking({**mark, "sop_uid": foreign.blinded_uid}))
    assert (refused.status, refused.message) == ("refused", "The mark lies on no image of this case.")


def test_a_repeat_shows_other_uids_and_stores_the_studys_own(desk):
    """The presentation of a repeat has an alias; what is stored can be compared all the same."""
    repeat = Assignment.objects.create(
        duty=desk.first.duty, case=desk.case, user=desk.first_reader, study=desk.study, occasion=2,
        position=9, running_number=9,
    )  # fmt: skip
    repeat.case.refresh_from_db()
    assert presentation_alias(repeat)
    images = images_of(repeat)
    read = open_read(assignment=repeat, at=AT)
    own = drawn(*BOX)
    (refused,) = save(read, marking(own))
    assert refused.status == "refused"
    shown = images.shown(slice_uid(0))
    (saved,) = save(read, marking({**own, "sop_uid": shown}))
    assert (saved.status, Mark.objects.get().sop_uid) == ("saved", slice_uid(0))
    assert saved.cell["mark"]["sop_uid"] == shown
    told = str(cells_of(read))
    assert slice_uid(0) not in told
    assert Instance.objects.first().series.blinded_uid not in told


def test_a_mark_without_the_confidence_asked_for_keeps_the_case_open(read):
    given = marking(drawn(*BOX), None)
    save(read, given)
    with pytest.raises(ReadIncomplete, match="1 marks have no confidence") as refusal:
        submit_read(read_id=read.pk, at=LATER)
    assert refusal.value.missing == (("@", given["finding"]),)


def test_a_case_in_which_nobody_marks_anything_is_compared_and_settled(desk):
    submitted(desk.first)
    assert not case_is_compared(desk.case.pk)
    submitted(desk.second)
    assert case_is_compared(desk.case.pk)
    assert case_is_settled(desk.case.pk)


def test_matched_marks_are_lesions_at_the_union(desk):
    submitted(desk.first, drawn(*BOX))
    submitted(desk.second, drawn((3, 3), (9, 9), to=1))
    lesion = ReferenceMark.objects.get()
    assert (lesion.mark_class, lesion.provenance, len(lesion.sources)) == ("bulge", "agreed", 2)
    assert lesion.points_px == [[2.0, 3.0], [9.0, 9.0]]
    assert lesion.box == {"min_mm": [-2.0, 2.0, -9.0], "max_mm": [6.0, 9.0, -3.0]}
    assert not MarkDiscordance.objects.exists()


def disputed(desk):
    """One mark that only the first reader made, and one place with two classes."""
    submitted(desk.first, drawn((0, 0), (4, 4)), drawn((8, 8), (14, 14), cls="bulge"))
    submitted(desk.second, drawn((8, 8), (13, 13), cls="herniation"))
    alone = next(each for each in MarkDiscordance.objects.all() if None in each.order)
    classes = MarkDiscordance.objects.exclude(pk=alone.pk).get()
    return alone, classes


def letters(item):
    marks = Mark.objects.in_bulk([pk for pk in item.order if pk])
    return {marks[pk].mark_class if pk else "": letter for letter, pk in zip("AB", item.order, strict=True)}


def test_what_is_not_shared_goes_to_the_adjudicator_and_is_settled(desk):
    alone, classes = disputed(desk)
    assert not ReferenceMark.objects.exists()
    settle = {"assignment": desk.adjudicator, "given": None, "reason_code": "", "at": LATER}
    settle_mark(item=str(alone.public_id), choice=letters(alone)[""], **settle)
    assert not ReferenceMark.objects.exists()
    settle_mark(item=str(classes.public_id), choice=letters(classes)["herniation"], **settle)
    lesion = ReferenceMark.objects.get()
    assert (lesion.mark_class, lesion.provenance, lesion.points_px) == (
        "herniation",
        "adjudicated",
        [[8.0, 8.0], [13.0, 13.0]],
    )
    with pytest.raises(MarkAlreadySettled):
        settle_mark(item=str(alone.public_id), choice="A", **settle)
    assert case_is_settled(desk.case.pk)


def test_an_own_answer_needs_a_reason_only_where_nobody_gave_it(desk):
    alone, classes = disputed(desk)
    settle = {"assignment": desk.adjudicator, "choice": "own", "at": LATER}
    # Only one reader marked the place, as a bulge: a herniation is a third answer.
    with pytest.raises(BadAnswer, match="needs a reason"):
        settle_mark(item=str(alone.public_id), given={"grade": 2}, reason_code="", **settle)
    settle_mark(item=str(alone.public_id), given={"grade": 2}, reason_code="boundary", **settle)
    with pytest.raises(BadAnswer, match="0 for none, or a class from 1 to 2"):
        settle_mark(item=str(classes.public_id), given={"grade": 3}, reason_code="boundary", **settle)
    settle_mark(item=str(classes.public_id), given={"grade": 1}, reason_code="", **settle)
    assert set(ReferenceMark.objects.values_list("mark_class", flat=True)) == {"herniation", "bulge"}
    with pytest.raises(MarkRefused):
        settle_mark(item=str(uuid.uuid4()), given={"grade": 1}, reason_code="", **settle)
    with pytest.raises(MarkRefused):
        settle_mark(item="x", given={"grade": 1}, reason_code="", **settle)
    assert MarkDecision.objects.count() == 2


def test_the_adjudicators_page_and_call(desk, client):
    alone, classes = disputed(desk)
    queue = adjudication_queue(study=desk.study, adjudicator=desk.adjudicator.user)
    assert (queue.n_items, queue.rows[0].n_items) == (2, 2)
    client.force_login(desk.adjudicator.user)
    page = client.get(reverse("grading:adjudicate_case", kwargs={"assignment": desk.adjudicator.public_id}))
    assert page.status_code == 200
    text = page.content.decode()
    for mark in Mark.objects.all():
        assert str(mark.mark_id) not in text
    # What a disputed mark tells, and nothing else.
    config, viewer = (
        json.loads(re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', text, re.S)[1])
        for name in ("adjudication-config", "viewer-config")
    )
    assert [set(item) for item in config["items"]] == [
        {"structure", "finding", "mark_kind", "own", "shown"}
    ] * 2
    assert {key for item in config["items"] for shown in item["shown"] for key in shown} == {
        "letter", "kind", "grade", "value", "confidence",
    }  # fmt: skip
    assert {key for mark in viewer["marks"] for key in mark} == {
        "id", "kind", "class", "shape", "series_uid", "sop_uid", "frame", "points_px", "points_mm", "slice_sops",
        "slice_frames", "text", "fixed",
    }  # fmt: skip
    address = reverse("api:item-settle", kwargs={"assignment": desk.adjudicator.public_id})
    ask = lambda item: client.post(  # noqa: E731
        address,
        {"structure": "@", "finding": str(item.public_id), "choice": "A"},
        content_type="application/json",
    )
    assert ask(alone).json() == {"n_open": 1}
    assert ask(alone).json()["code"] == "already_settled"
    assert ask(classes).json() == {"n_open": 0}


def test_the_panel_confirms_lesions_and_the_earlier_rows_stay(desk):
    submitted(desk.first, drawn(*BOX))
    submitted(desk.second, drawn(*BOX))
    assert len(panel_queue(study=desk.study, member=desk.panel[0].user).rows) == 1
    review_case(assignment=desk.panel[0], overruled=[], at=LATER)
    standing = ReferenceMark.objects.get(superseded_at=None)
    assert (standing.provenance, standing.basis) == ("confirmed", "agreed")
    earlier = ReferenceMark.objects.exclude(superseded_at=None).get()
    assert earlier.lesion_id == standing.lesion_id
    assert not panel_queue(study=desk.study, member=desk.panel[0].user).rows


def test_a_single_lesion_is_sent_back_and_settled_again(desk, client):
    """The panel sends one adjudicated lesion back; the others stand, and the case returns to every member."""
    submitted(desk.first, drawn(*BOX))
    submitted(desk.second)
    item = MarkDiscordance.objects.get()
    keep = {
        "assignment": desk.adjudicator,
        "item": str(item.public_id),
        "given": {"grade": 1},
        "reason_code": "",
    }
    settle_mark(**keep, choice="own", at=AT)
    lesion = ReferenceMark.objects.get(superseded_at=None)
    assert lesion.provenance == "adjudicated"
    member = desk.panel[0]
    client.force_login(member.user)
    page = client.get(
        reverse("grading:confirm_case", kwargs={"assignment": member.public_id})
    ).content.decode()
    assert str(lesion.lesion_id) in page
    place = {"assignment": member.public_id}
    ask = lambda finding: client.post(  # noqa: E731
        reverse("api:panel-send-back", kwargs=place),
        {"structure": "@", "finding": finding, "reason_code": "boundary"},
        "application/json",
    )
    for absent in ("x", str(uuid.uuid4())):
        assert ask(absent).status_code == 409
    assert ask(str(lesion.lesion_id)).status_code == 200
    assert not ReferenceMark.objects.filter(superseded_at=None).exists()
    assert MarkDecision.objects.get().superseded_at is not None
    assert not case_is_settled(desk.case.pk)
    assert len(adjudication_queue(study=desk.study, adjudicator=desk.adjudicator.user).rows) == 1
    assert ask(str(lesion.lesion_id)).status_code == 409
    settle_mark(**keep, choice="own", at=LATER)
    assert panel_round(desk.case.pk) == 2
    assert len(panel_queue(study=desk.study, member=member.user).rows) == 1
    review_case(assignment=member, overruled=[], at=LATER)
    # Confirmed: nothing goes back any more.
    confirmed = ReferenceMark.objects.get(superseded_at=None)
    assert ask(str(confirmed.lesion_id)).status_code == 409


def agreed_lesion(desk):
    submitted(desk.first, drawn(*BOX))
    submitted(desk.second, drawn(*BOX))
    return ReferenceMark.objects.get(superseded_at=None)


def vote(desk, place, lesion=None, grade=0, **fields):
    against = {"structure": "@", "finding": str(lesion.lesion_id), "kind": "grade", "grade": grade,
               "reason_code": "boundary", **fields} if lesion else None  # fmt: skip
    return review_case(assignment=desk.panel[place], overruled=[against] if against else [], at=LATER)


def overruled_events():
    return [each.detail["decision"] for each in AuditEvent.objects.filter(event="grading.lesion.overruled")]


def test_the_panel_overrules_a_single_lesion_away(desk):
    lesion = agreed_lesion(desk)
    vote(desk, 0, lesion, 0)
    assert not ReferenceMark.objects.filter(superseded_at=None).exists()
    assert ReferenceMark.objects.get().superseded_at == LATER
    assert overruled_events() == ["no lesion"]
    # The case is decided, although it has no lesion any more.
    assert confirmed_cases([desk.case.pk]) == {desk.case.pk}
    assert not panel_queue(study=desk.study, member=desk.panel[0].user).rows
    with pytest.raises(PanelRefused, match="decided"):
        vote(desk, 0)


def test_the_panel_gives_a_lesion_another_class(desk):
    lesion = agreed_lesion(desk)
    vote(desk, 0, lesion, 2)
    stands = ReferenceMark.objects.get(superseded_at=None)
    assert (stands.mark_class, stands.provenance, stands.basis) == ("herniation", "overruled", "agreed")
    assert (stands.lesion_id, stands.points_px) == (lesion.lesion_id, lesion.points_px)
    assert overruled_events() == ["herniation"]


@pytest.mark.parametrize(
    ("votes", "left", "undecided"),
    [
        ((0, None, None), {("bulge", "confirmed")}, False),
        ((0, 0, None), set(), False),
        ((0, 2, None), {("bulge", "agreed")}, True),
        ((2, 2, 0), {("herniation", "overruled")}, False),
    ],
)
def test_a_majority_decides_on_a_lesion_and_without_one_it_stands_and_is_marked(
    make_marked, votes, left, undecided
):
    desk = make_marked(members=3, quorum=3)
    lesion = agreed_lesion(desk)
    for place, grade in enumerate(votes):
        vote(desk, place, lesion if grade is not None else None, grade)
    standing = ReferenceMark.objects.filter(superseded_at=None)
    assert {(each.mark_class, each.provenance) for each in standing} == left
    assert [each.no_majority for each in standing] == [undecided] * len(left)
    assert confirmed_cases([desk.case.pk]) == {desk.case.pk}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"grade": 1}, "as it stands"),
        ({"grade": 3}, "0 for none, or a class"),
        ({"grade": True}, "0 for none, or a class"),
        ({"finding": str(uuid.uuid4())}, "no such lesion"),
        ({"finding": "x"}, "no such lesion"),
        ({"reason_code": ""}, "needs a reason"),
    ],
)
def test_a_vote_on_a_lesion_that_does_not_fit_changes_nothing(desk, fields, message):
    lesion = agreed_lesion(desk)
    with pytest.raises(BadAnswer, match=message):
        vote(desk, 0, lesion, **{"grade": 0, **fields})
    assert ReferenceMark.objects.get().superseded_at is None
    assert not PanelReview.objects.filter(submitted_at__isnull=False).exists()


def test_a_lesion_of_another_case_cannot_be_overruled(desk):
    lesion = agreed_lesion(desk)
    elsewhere = factories.reference_mark(of=factories.case(study=desk.study))
    with pytest.raises(BadAnswer, match="no such lesion"):
        vote(desk, 0, elsewhere)
    assert ReferenceMark.objects.get(pk=lesion.pk).superseded_at is None


def redraw(desk, item, place, *, grade=1, reason="boundary"):
    return settle_mark(
        assignment=desk.adjudicator, item=str(item.public_id), choice="own",
        given={"grade": grade, "mark": place}, reason_code=reason, at=LATER,
    )  # fmt: skip


def test_the_adjudicator_draws_the_place_anew(desk):
    alone, classes = disputed(desk)
    place = {**drawn((1, 1), (6, 7), to=1), "class": "anything", "kind": "anything"}
    with pytest.raises(BadAnswer, match="needs a reason"):
        redraw(desk, alone, place, reason="")
    decision = redraw(desk, alone, place)
    lesion = ReferenceMark.objects.get()
    assert (lesion.points_px, lesion.mark_class, lesion.kind) == ([[1.0, 1.0], [6.0, 7.0]], "bulge", "lesion")
    assert (lesion.is_redrawn, lesion.provenance) == (True, "adjudicated")
    assert lesion.box is not None
    # Where the reader had it is on record, in the mark that was replaced.
    replaced = Mark.objects.get(pk=lesion.sources[0])
    assert decision.kept_mark == replaced
    assert replaced.points_px == [[0.0, 0.0], [4.0, 4.0]]
    assert decision.place["points_px"] == lesion.points_px
    settle_mark(
        assignment=desk.adjudicator,
        item=str(classes.public_id),
        choice="A",
        given=None,
        reason_code="",
        at=LATER,
    )
    assert ReferenceMark.objects.exclude(pk=lesion.pk).get().is_redrawn is False
    # The panel's confirmation keeps the place and how it came about.
    vote(desk, 0)
    confirmed = ReferenceMark.objects.get(superseded_at=None, lesion_id=lesion.lesion_id)
    assert (confirmed.points_px, confirmed.is_redrawn) == (lesion.points_px, True)


@pytest.mark.parametrize(
    ("change", "grade", "message"),
    [
        ({"sop_uid": "1.2.3"}, 1, "on no image of this case"),
        ({"points_px": [[0, 0]]}, 1, "has 2 points"),
        ({"points_px": [[0, 0], [99, 99]]}, 1, "outside its image"),
        ({}, 0, "no place to draw"),
    ],
)
def test_a_place_that_does_not_fit_settles_nothing(desk, change, grade, message):
    alone, _ = disputed(desk)
    with pytest.raises(BadAnswer, match=message):
        redraw(desk, alone, {**drawn((1, 1), (6, 7)), **change}, grade=grade)
    with pytest.raises(BadAnswer, match="names its kind"):
        redraw(desk, alone, "here")
    assert not MarkDecision.objects.exists()


def test_where_only_a_or_b_may_be_kept_no_place_is_drawn(make_marked):
    desk = make_marked(may_choose="a-or-b")
    alone, _ = disputed(desk)
    with pytest.raises(BadAnswer, match="A or B only"):
        redraw(desk, alone, drawn((1, 1), (6, 7)))


def test_the_overview_counts_marks(desk):
    submitted(desk.first, drawn(*BOX))
    submitted(desk.second)
    told = study_progress(desk.study, "en")
    assert (told.items_compared, told.agreed, told.disputed, told.settled) == (1, 0, 1, 0)
    assert [(each.label, each.done, each.total) for each in told.disputes] == [("Lesion", 1, 1)]


def test_a_reopened_read_starts_from_its_marks(desk):
    first = submitted(desk.first, drawn(*BOX))
    again = reopen_read(read=first, reason="one more", actor=None, at=LATER)
    assert [mark.points_px for mark in again.marks.all()] == [[[2.0, 3.0], [8.0, 9.0]]]
    assert Read.objects.get(pk=first.pk).marks.count() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": "point"}, "shape point has no extent"),
        ({"shape": "polygon"}, "only boxes have a union"),
        ({"classes": []}, "too few"),
        ({"classes": [LESION["classes"][0]] * 2}, "defined twice"),
        ({"agreement": {"match": {"iou": 0}, "class": "same", "keep": "first"}}, "too small"),
    ],
)
def test_a_protocol_of_marks_is_checked(change, message):
    with pytest.raises(ProtocolError, match=message):
        load_protocol(small_source(marks=[{**LESION, **change}], adjudication=ADJUDICATION))


def test_marks_are_not_settled_under_cover_and_a_protocol_asks_for_something():
    covered = {"audit_fraction": 0.1, "third_read_first": True}
    with pytest.raises(ProtocolError, match="cannot be settled under cover"):
        load_protocol(small_source(marks=[LESION], adjudication=covered))
    with pytest.raises(ProtocolError, match="asks for nothing"):
        load_protocol(small_source(findings=()))
