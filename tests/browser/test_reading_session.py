"""A page that nobody uses covers itself, keeps the draft, and opens again for the same person only."""

import threading
import time

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import Adjudication, PanelVote, Rating
from readerstudy.accounts import views
from readerstudy.accounts.ending import end_session
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReaderQuery, ReaderStudy, ReadingSession
from tests import factories
from tests.browser.reading_desk import ReadingDesk, badge, cell
from tests.complete_studies import two_complete_studies

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FIRST = "L1-2-right|narrowing"


def wait_for_event(name, patience_s=60, after=0):
    """Return when the server has recorded it, once more than `after` times."""
    until = time.monotonic() + patience_s
    while AuditEvent.objects.filter(event=name).count() <= after:
        assert time.monotonic() < until, f"{name} was never recorded"
        threading.Event().wait(0.05)


@pytest.mark.complains("403 .*/sign-in/return/")
def test_idle_page_locks_and_its_person_goes_on_in_place(desk, contexts, settings):
    settings.READERSTUDY_IDLE_LOCK_MINUTES = 0.1
    context = contexts()
    page = desk.open(desk.sign_in(context))
    page.keyboard.press("2")
    badge(page, "saved")
    lock = page.locator("dialog.page-lock")
    expect(lock).to_be_visible(timeout=60_000)
    # Nothing of the page is reached behind it, and the session is over.
    page.keyboard.press("Escape")
    expect(lock).to_be_visible()
    wait_for_event("accounts.signed_out")
    other = context.new_page()
    other.goto(desk.url)
    assert "/sign-in/" in other.url
    other.close()
    settings.READERSTUDY_IDLE_LOCK_MINUTES = 15
    page.fill("#lock-password", "wrong")
    page.keyboard.press("Enter")
    expect(lock).to_contain_text("Only the person whose page it is")
    page.fill("#lock-password", factories.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("rs-grading[data-ready]")
    expect(page.locator("dialog.page-lock")).to_have_count(0)
    assert page.url == desk.address
    expect(cell(page, FIRST)).to_have_text("2")
    page.keyboard.press("1")
    badge(page, "saved")
    assert Rating.objects.count() == 2


def test_a_person_who_is_back_before_the_old_session_has_ended_stays_signed_in(
    desk, contexts, settings, monkeypatch
):
    settings.READERSTUDY_IDLE_LOCK_MINUTES = 0.1
    signed_in = AuditEvent.objects.filter(event="accounts.signed_in")
    page = desk.open(desk.sign_in(contexts()))
    before = signed_in.count()

    def end_late(**session):
        # A line so slow that a new session could be answered first.
        until = time.monotonic() + 2
        while time.monotonic() < until and signed_in.count() == before:
            threading.Event().wait(0.05)
        end_session(**session)

    monkeypatch.setattr(views, "end_session", end_late)
    wait_for_event("accounts.signed_out")
    settings.READERSTUDY_IDLE_LOCK_MINUTES = 15
    page.fill("#lock-password", factories.PASSWORD)
    with page.expect_response("**/sign-in/return/"), page.expect_response("**/lock/"):
        page.keyboard.press("Enter")
    expect(page.locator("dialog.page-lock")).to_have_count(0)
    page.wait_for_selector("rs-grading[data-ready]")
    page.goto(desk.address)
    page.wait_for_selector("rs-grading[data-ready]")


def test_a_break_is_proposed_in_the_status_bar(desk, contexts, settings):
    settings.READERSTUDY_BREAK_MINUTES = 0.01
    page = desk.open(desk.sign_in(contexts()))
    expect(page.locator(".break-note")).to_contain_text("A short break helps", timeout=60_000)


def test_a_problem_is_reported_by_one_key_and_a_case_put_off(desk, contexts):
    page = desk.open(desk.sign_in(contexts()))
    page.keyboard.press("Alt+p")
    expect(page.locator(".desk-told")).to_contain_text("The coordinator has been told")
    query = ReaderQuery.objects.get()
    assert query.kind == "technical"
    assert "1440 x 900" in query.circumstances["window"]
    page.keyboard.press("Alt+l")
    page.click("text=Put off, next case")
    page.wait_for_url(lambda url: url != desk.address)
    desk.assignment.refresh_from_db()
    assert desk.assignment.skipped_at is not None


@pytest.mark.complains("ERR_INTERNET_DISCONNECTED")
def test_a_report_that_was_not_sent_says_so_and_keeps_its_words(desk, contexts):
    context = contexts()
    page = desk.open(desk.sign_in(context))
    page.keyboard.press("Alt+l")
    page.fill("#case-text", "The sagittal series is of another patient.")
    ask = page.get_by_role("button", name="Ask", exact=True)
    said = page.locator(".case-dialog [role=alert]")
    context.set_offline(True)
    ask.click()
    expect(said).to_have_text("No connection. The report was not sent.")
    context.set_offline(False)
    # Signed out meanwhile, elsewhere.
    session = next(each for each in context.cookies() if each["name"] == "sessionid")
    context.clear_cookies(name="sessionid")
    for button in ("Ask", "Put off, next case"):
        page.get_by_role("button", name=button, exact=True).click()
        expect(said).to_contain_text("You are signed out. Nothing was sent")
        assert page.url == desk.address
    context.add_cookies([session])
    ask.click()
    expect(page.locator(".case-dialog")).to_be_hidden()
    expect(page.locator(".desk-told")).to_contain_text("The coordinator has been told")
    assert ReaderQuery.objects.get().text == "The sagittal series is of another patient."


def test_the_screen_is_acknowledged_before_the_first_case(desk, contexts):
    ReaderStudy.objects.update(asks_before_reading=True)
    page = desk.sign_in(contexts())
    page.goto(desk.address)
    page.wait_for_url("**/charter/")
    page.locator("#continue").click()
    page.goto(desk.address)
    page.wait_for_url("**/session/")
    expect(page.locator("[data-screen-words]")).to_contain_text("pixels")
    page.keyboard.press("Enter")
    page.wait_for_selector("rs-grading[data-ready]")
    assert ReadingSession.objects.get().screen_width > 0


@pytest.mark.parametrize(
    ("role", "name", "case", "ready"),
    [
        ("adjudicator", "grading:adjudicate_case", "disputed", "rs-adjudication .cards"),
        ("panel_member", "grading:confirm_case", "to_confirm", "rs-panel .grade-grid"),
    ],
)
def test_a_seniors_page_locks_and_reports_as_a_readers_does(
    transactional_db, live_server, contexts, settings, role, name, case, ready
):
    settings.READERSTUDY_IDLE_LOCK_MINUTES = 0.1
    one = two_complete_studies().one
    page = ReadingDesk(live_server.url, one.assignment(role, case)).sign_in(contexts())
    page.goto(live_server.url + one.page(name, role, case))
    page.wait_for_selector(ready)
    page.keyboard.press("Alt+p")
    expect(page.locator(".desk-told")).to_contain_text("The coordinator has been told")
    assert ReaderQuery.objects.get().assignment == one.assignment(role, case)
    page.keyboard.press("Alt+l")
    expect(page.locator(".case-dialog")).to_be_visible()
    expect(page.locator("#put-off-reason")).to_have_count(0)
    page.keyboard.press("Escape")
    lock = page.locator("dialog.page-lock")
    expect(lock).to_be_visible(timeout=60_000)
    wait_for_event("accounts.signed_out")
    settings.READERSTUDY_IDLE_LOCK_MINUTES = 15
    page.fill("#lock-password", factories.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(ready)
    expect(lock).to_have_count(0)
    assert page.url == live_server.url + one.page(name, role, case)


def lock_and_return(page, ready):
    """Let nobody touch the page for longer than it waits, and open it as the same person: it comes back anew."""
    before = AuditEvent.objects.filter(event="accounts.signed_out").count()
    page.clock.fast_forward("20:00")
    lock = page.locator("dialog.page-lock")
    expect(lock).to_be_visible()
    wait_for_event("accounts.signed_out", after=before)
    page.fill("#lock-password", factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(lock).to_have_count(0)
    page.wait_for_selector(ready)


KEPT = """async () => {
  const request = indexedDB.open("readerstudy");
  await new Promise((done, failed) => { request.onsuccess = done; request.onerror = failed; });
  const rows = request.result.transaction("waiting").objectStore("waiting").getAll();
  await new Promise((done, failed) => { rows.onsuccess = done; rows.onerror = failed; });
  return rows.result.map((row) => [row.id, new TextDecoder("latin1").decode(row.sealed)]);
}"""


def test_what_an_adjudicator_chose_and_did_not_settle_outlives_the_lock(
    transactional_db, live_server, contexts
):
    one = two_complete_studies().one
    page = ReadingDesk(live_server.url, one.assignment("adjudicator", "disputed")).sign_in(contexts())
    page.clock.install()
    page.goto(live_server.url + one.page("grading:adjudicate_case", "adjudicator", "disputed"))
    ready = "rs-adjudication .option-row"
    page.wait_for_selector(ready)
    message, place = page.locator("rs-adjudication .panel-message"), page.locator("rs-adjudication p").first
    reasons = page.locator("rs-adjudication .reasons button[aria-pressed=true]")
    page.keyboard.press("ArrowDown")
    expect(place).to_contain_text("item 2 of 3")
    # The typed answers stand in place of the scale, whose digits mean something else, and lead back to it.
    page.keyboard.press("0")
    page.keyboard.press("x")
    expect(page.locator("rs-adjudication .option-row")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("rs-adjudication .option-row[aria-checked=true]")).to_have_count(1)
    page.keyboard.press("x")
    page.keyboard.press("1")
    page.keyboard.press("Shift+Digit2")
    expect(reasons).to_have_count(1)
    lock_and_return(page, ready)
    expect(place).to_contain_text("item 2 of 3")
    expect(message).to_contain_text("What you had chosen is here again")
    expect(page.locator("rs-adjudication p.option-row")).to_contain_text("Not assessable")
    expect(reasons).to_have_count(1)
    assert not Adjudication.objects.filter(discordance__case=one.cases["disputed"]).exists()
    # Kept under lock and key: nothing of it is to be read on the computer.
    ((name, sealed),) = page.evaluate(KEPT)
    assert name == f"draft:{one.assignment('adjudicator', 'disputed').public_id}"
    assert not any(word in sealed for word in ("kind", "choice", "not_assessable", "structure"))
    # Settled, it is forgotten for the next item.
    page.keyboard.press("Enter")
    expect(place).to_contain_text("item 3 of 3")
    lock_and_return(page, ready)
    expect(place).to_contain_text("item 2 of 2")
    expect(page.locator("rs-adjudication [aria-checked=true]")).to_have_count(0)
    expect(message).to_have_text("")


def test_what_a_panel_member_overruled_and_did_not_send_outlives_the_lock(
    transactional_db, live_server, contexts
):
    one = two_complete_studies().one
    page = ReadingDesk(live_server.url, one.assignment("panel_member", "to_confirm")).sign_in(contexts())
    page.clock.install()
    page.goto(live_server.url + one.page("grading:confirm_case", "panel_member", "to_confirm"))
    ready = "rs-panel .grade-grid"
    page.wait_for_selector(ready)
    chosen = page.locator('rs-panel [data-item="L1-2-right|narrowing"]')
    chosen.click()
    given = "2" if chosen.inner_text() == "3" else "3"
    page.keyboard.press("o")
    page.keyboard.press(given)
    page.keyboard.press("Shift+Digit1")
    expect(chosen).to_have_text(given)
    lock_and_return(page, ready)
    expect(chosen).to_have_text(given)
    expect(page.locator("rs-panel .panel-message")).to_contain_text("What you had overruled is here again")
    with page.expect_response("**/confirm/") as answered:
        page.keyboard.press("Control+Enter")
    assert answered.value.status == 200, answered.value.text()
    assert PanelVote.objects.filter(structure="L1-2-right", finding="narrowing", grade=int(given)).exists()
    page.wait_for_url("**/panel/")
    assert page.evaluate(KEPT) == []


def test_the_charter_is_printed_dark_on_white_and_names_its_protocol(desk, contexts, tmp_path):
    page = desk.sign_in(contexts())
    page.goto(desk.url + reverse("grading:charter", kwargs={"slug": desk.assignment.study.slug}))
    expect(page.locator("[data-print]")).to_be_visible()
    expect(page.locator(".charter-foot")).to_be_hidden()
    page.emulate_media(media="print")
    digest = desk.assignment.study.protocols.get().digest
    expect(page.locator(".charter-foot")).to_contain_text(digest)
    for bar in (".top-bar", ".status-bar", ".charter-end"):
        expect(page.locator(bar)).to_be_hidden()
    paper, ink = page.evaluate(
        """() => [document.body, document.querySelector(".charter h1")].map((each, k) =>
             getComputedStyle(each)[k ? "color" : "backgroundColor"])"""
    )
    assert (paper, ink) == ("rgb(255, 255, 255)", "rgb(19, 25, 31)")
    # Several pages: nothing is cut off at the height of the window.
    assert page.pdf(format="A4").count(b"/Type /Page\n") >= 2
