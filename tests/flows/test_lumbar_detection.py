"""Lesions of the lumbar spine: three-dimensional marks on two planes, three centres, settled and made the reference."""

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from grading.models import Mark, MarkDecision, MarkDiscordance, ReferenceMark
from readerstudy.analysis.exchange_columns import LESIONS
from readerstudy.analysis.selectors import finished_cases
from readerstudy.analysis.services.exports.tables import lesion_rows
from readerstudy.imaging.models import Instance
from readerstudy.studies.models import Patient
from tests.flows.journey import PATIENCE_MS, drag, ready, saved, screen_points, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PEOPLE = {
    "first-reader": "reader",
    "second-reader": "reader",
    "adjudicator": "adjudicator",
    "coordinator": "coordinator",
}
QUALITY = {"image-quality": "good"}


def test_marks_on_two_planes_from_three_centres_to_lesions_of_the_reference(journey):
    made = journey(
        "lumbar-degeneration-detection",
        people=PEOPLE,
        cases=3,
        seed=4,
        bodies="lumbar-degeneration-detection",
        modalities=["MR"],
        centres=["inner", "outer-1", "outer-2"],
        numbering="5",
    )
    slug = made.study.slug
    assert dict(Patient.objects.values_list("centre__code", "partition").order_by("pk")).keys() == {
        "inner",
        "outer-1",
        "outer-2",
    }
    assert Patient.objects.filter(partition="external").count() == 2
    with_lesions = [case for case in ("PH0001", "PH0002", "PH0003") if made.lesions(case)]
    assert with_lesions
    box = lambda case, lesion, plane: made.box(case, kind="lesion", lesion=lesion, plane=plane)  # noqa: E731

    # The first reader: sagittal boxes; the first case with a lesion in the browser, the rest by calls.
    by_hand = None
    for showing in made.showings("first-reader"):
        case = showing.case.pseudonym
        lesions = made.lesions(case)
        marks = [box(case, lesion, "sagittal") for lesion in lesions]
        if by_hand is None and lesions:
            by_hand = case
            draw_by_hand(made, showing, marks)
        else:
            made.read(showing, marks=[(mark, 80) for mark in marks], questions=QUALITY)
    # The second: the same lesions on the axial images, the last one of each case missed.
    for showing in made.showings("second-reader"):
        case = showing.case.pseudonym
        lesions = made.lesions(case)[:-1] or made.lesions(case)
        made.read(showing, marks=[(box(case, lesion, "axial"), 60) for lesion in lesions], questions=QUALITY)
    n_marks = Mark.objects.count()
    agreed = list(ReferenceMark.objects.all())
    disputed = list(MarkDiscordance.objects.all())
    assert agreed, "no mark of one plane met its partner of the other"
    assert disputed
    assert {each.provenance for each in agreed} == {"agreed"}
    assert all(each.box for each in agreed)
    assert (
        sum(len(each.sources) for each in agreed)
        + sum(pk is not None for each in disputed for pk in each.order)
        == n_marks
    )

    settle_by_keys(made, len(disputed))
    assert MarkDecision.objects.count() == len(disputed)
    lesions = ReferenceMark.objects.filter(superseded_at=None)
    assert lesions.count() == len(agreed) + len(disputed) - 1
    assert set(lesions.values_list("provenance", flat=True)) == {"agreed", "adjudicated"}
    redrawn = lesions.get(is_redrawn=True)
    replaced = Mark.objects.get(pk=redrawn.sources[0])
    assert redrawn.provenance == "adjudicated"
    assert redrawn.sop_uid == replaced.sop_uid
    assert redrawn.points_px != replaced.points_px
    assert len(finished_cases(made.study)) == 3
    table = [dict(zip(LESIONS, row, strict=True)) for row in lesion_rows(made.study)]
    assert len(table) == lesions.count()
    # Every lesion lies where the phantom has one.
    for row in table:
        truth = made.lesions(row["case_id"])
        inside = lambda lesion, row=row: all(  # noqa: E731
            abs(row[f"{axis}_mm"] - lesion["centre"][k]) <= max(lesion["size"][k], 8)
            for k, axis in enumerate("xyz")
        )
        assert any(inside(lesion) for lesion in truth), row
    call_command("verify_audit", slug)


def draw_by_hand(made, showing, marks):
    """Draw the boxes with the mouse; class, confidence and the question about the case by keys."""
    page = made.windows("first-reader")
    made.open(page, "grading:read_case", assignment=showing.public_id)
    ready(page)
    classes = [name for name, _ in made.document.marks[0].classes]
    for n, mark in enumerate(marks, start=1):
        series = Instance.objects.get(blinded_uid=mark["sop_uid"]).series.blinded_uid
        start, end = screen_points(page, series, mark["sop_uid"], mark["points_px"])
        page.keyboard.press("l")
        drag(page, start, end)
        expect(page.locator("rs-grading .mark-row")).to_have_count(n)
        page.keyboard.press(str(classes.index(mark["class"]) + 1))
        expect(page.locator("rs-grading .mark-list input")).to_be_focused()
        page.keyboard.type("75")
        page.keyboard.press("Enter")
        expect(page.locator("rs-grading .mark-row").nth(n - 1)).to_contain_text("75 %")
    # One comes back to the same marks on the same images.
    saved(page)
    page.reload()
    ready(page)
    expect(page.locator("rs-grading .mark-row")).to_have_count(len(marks))
    page.keyboard.press("ArrowUp")
    page.keyboard.press("q")
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    submit(page)
    # Away from the next case, which the test reads by calls: its images end with that read.
    page.goto("about:blank")
    kept = Mark.objects.filter(read__assignment=showing).order_by("pk")
    assert [each.confidence for each in kept] == [75] * len(marks)
    assert [each.mark_class for each in kept] == [mark["class"] for mark in marks]
    for each, mark in zip(kept, marks, strict=True):
        assert each.sop_uid == mark["sop_uid"]
        assert each.box is not None
        drawn = [value for point in each.points_px for value in point]
        meant = [value for point in mark["points_px"] for value in point]
        assert drawn == pytest.approx(meant, abs=3)


def settle_by_keys(made, n_items):
    """The adjudicator says of the first mark that there is no lesion, keeps the marked read, redraws the last."""
    page = made.windows("adjudicator")
    made.open(page, "grading:adjudication_list", slug=made.study.slug)
    page.keyboard.press("Enter")
    for n in range(n_items):
        page.wait_for_url("**/adjudication/*-*/")
        expect(page.locator("rs-adjudication .read-card")).to_have_count(2, timeout=PATIENCE_MS)
        shown = page.locator("rs-adjudication .card-answer .box").all_inner_texts()
        here, place = page.url, page.locator("rs-adjudication p").first.inner_text()
        marked = "b" if shown[0] == "0" else "a"
        page.keyboard.press("0" if n == 0 else marked)
        if n and n == n_items - 1:
            draw_anew(page)
        with page.expect_response("**/settle/") as answered:
            page.keyboard.press("Enter")
        assert answered.value.status == 200, answered.value.text()
        if n + 1 < n_items:
            page.wait_for_function(
                "([url, text]) => location.href !== url"
                " || document.querySelector('rs-adjudication p')?.textContent !== text",
                arg=[here, place],
            )
    page.wait_for_url("**/adjudication/")


def draw_anew(page):
    """Draw the last open item's place by hand, a little larger than its reader did, and give a reason."""
    item = MarkDiscordance.objects.get(decisions=None)
    mark = Mark.objects.get(pk=next(pk for pk in item.order if pk))
    (x1, y1), (x2, y2) = mark.points_px
    larger = [[min(x1, x2) - 2, min(y1, y2) - 2], [max(x1, x2) + 2, max(y1, y2) + 2]]
    start, end = screen_points(page, mark.series_uid, mark.sop_uid, larger)
    page.keyboard.press("l")
    drag(page, start, end)
    expect(page.locator("rs-adjudication .place-line")).to_contain_text("The place that you drew counts")
    page.keyboard.press("Shift+Digit1")
