"""Unaided, washout, aided: a reader's way in a real browser, from the coordinator's release to what is on record."""

from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import Rating, RatingEntry, Read
from readerstudy.studies.models import Assignment, ReleasedAid
from tests import factories
from tests.browser.reading_desk import PATIENCE_MS, ReadingDesk, badge, cell
from tests.factories.aided import aided_study
from tests.tampering import without_append_only

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ITEM = "L4-5-right|narrowing"


def submit(page):
    badge(page, "saved")
    here = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda address: address != here)


def grade_everything(page, first_key):
    page.wait_for_selector("rs-grading[data-ready]")
    for key in (first_key, "0", "0", "0"):
        page.keyboard.press(key)


@pytest.mark.complains("404 .*/read/")
def test_unaided_then_washout_then_aided(transactional_db, live_server, contexts):
    made = aided_study(n_cases=1, washout_days=28)
    unaided, aided = made.showings("first_reader", "unaided")[0], made.showings("first_reader")[0]
    reader = ReadingDesk(live_server.url, unaided)
    later = ReadingDesk(live_server.url, aided)
    worklist = live_server.url + reverse("grading:worklist", kwargs={"slug": made.study.slug})
    page = reader.sign_in(contexts())

    # Unaided: no aid on the page.
    reader.open(page)
    expect(page.locator(".aid-line, .aid-share, .cell-aid")).to_have_count(0)
    expect(page.locator(".status-end")).to_contain_text("Unaided")
    grade_everything(page, "1")
    submit(page)

    # The aided session is closed: by the washout, whatever was released.
    office = ReadingDesk(live_server.url, Assignment.objects.filter(user=made.people["first_reader"])[0])
    coordinator = office.sign_in(contexts(), made.people["coordinator"].username)
    coordinator.goto(live_server.url + reverse("analysis:aid", kwargs={"slug": made.study.slug}))
    coordinator.click("text=Release to readers")
    expect(coordinator.locator("[role=status]")).to_contain_text("released for 2 aided showings")
    expect(coordinator.locator("main")).to_contain_text("Every aided showing has its aid")
    assert ReleasedAid.objects.count() == 2
    page.goto(worklist)
    expect(page.locator("main")).to_contain_text("Nothing is open for you now")
    expect(page.locator("main")).to_contain_text("The next session opens")
    page.goto(later.address)
    expect(page.locator("main")).to_contain_text("There is nothing here for you")

    # 28 days of 24 hours pass for the server: what it compares with is when the read was submitted.
    with without_append_only():
        for read in Read.objects.filter(state="submitted"):
            Read.objects.filter(pk=read.pk).update(submitted_at=read.submitted_at - timedelta(hours=28 * 24))
    page.goto(worklist)
    page.keyboard.press("Enter")
    page.wait_for_url("**/read/*/")
    page.wait_for_selector("rs-grading[data-ready]")
    expect(page.locator(".status-end")).to_contain_text("You see your own answers and the released aid")
    # Own answers of the earlier session are not there, the aid is, and it has answered nothing.
    assert Rating.objects.filter(read__assignment=aided).count() == 0
    expect(cell(page, ITEM)).to_have_text("2")
    expect(cell(page, ITEM)).to_have_attribute(
        "aria-label", "Joint-space narrowing, L4/5 right, no answer, aid 2"
    )
    expect(page.locator(".aid-line")).to_contain_text("59 % for this grade")
    expect(page.locator(".option [class=aid-share]")).to_have_count(4)
    expect(page.locator(".option[aria-checked=true]")).to_have_count(0)
    expect(page.locator(".grid-head")).to_contain_text("0 of 4 graded")
    for hidden in (made.version.name, made.version.digest, "0.5941"):
        assert hidden not in page.content()
    grade_everything(page, "3")
    submit(page)

    entry = RatingEntry.objects.get(read__assignment=aided, structure="L4-5-right", finding="narrowing")
    assert entry.aid["shown"]["grade"] == 2
    assert entry.aid["page"] >= entry.aid["item"] >= 0
    assert not RatingEntry.objects.filter(read__assignment=unaided, aid__isnull=False).exists()
    conditions = (
        Read.objects.filter(state="submitted").order_by("pk").values_list("assignment__condition", flat=True)
    )
    assert list(conditions) == ["unaided", "aided"]


def test_the_aid_stands_apart_and_fits(transactional_db, live_server, contexts):
    """Nothing of the aid is cut or covers an answer, in either language; a screenshot is kept when asked for."""
    made = aided_study(n_cases=1, washout_days=0)
    for showing in made.showings("first_reader", "unaided"):
        factories.read(of=showing, grades=1, submitted=True)
    aided = made.showings("first_reader")[0]
    factories.released_aid(
        assignment=aided,
        model_digest=made.version.digest,
        payload={
            f"{s}|{f}": {"grade": 1, "probabilities": shares}
            for s in ("L4-5-right", "L4-5-left")
            for f, shares in (("narrowing", [0.0, 1.0, 0.0, 0.0]), ("cyst", [0.4, 0.6]))
        },
    )
    desk = ReadingDesk(live_server.url, aided)
    page = desk.open(desk.sign_in(contexts()))
    page.keyboard.press("2")
    badge(page, "saved", PATIENCE_MS)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll(".cell-aid, .aid-line, .aid-share")].map((e) => {
             const box = e.parentElement;
             return [e.className, e.scrollWidth <= e.clientWidth + 1, box.scrollHeight <= box.clientHeight + 1];
           })"""
    )
    assert len(boxes) == 4 + 1 + 2
    assert all(fits and kept for _, fits, kept in boxes), boxes
    assert (
        float(page.evaluate("parseFloat(getComputedStyle(document.querySelector('.cell-aid')).fontSize)"))
        >= 12
    )
