"""No answer is lost: offline, in two windows, in a killed browser, on a shared computer."""

import os
import re
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect

from grading.models import Rating, RatingEntry, Read
from grading.services.reading import submit_read
from tests import factories
from tests.browser.reading_desk import badge, cell

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    # The network is cut, and two windows and two people get into each other's way.
    pytest.mark.complains("net::ERR_INTERNET_DISCONNECTED", "net::ERR_FAILED.*/answers/"),
    pytest.mark.complains(r"status of 40[349] .*/reads?/"),
]

FIRST, SECOND = "L1-2-right|narrowing", "L1-2-right|hypertrophy"


def test_answers_wait_offline_and_leave_by_themselves(desk, contexts):
    context = contexts()
    page = desk.open(desk.sign_in(context))
    page.keyboard.press("1")
    badge(page, "saved")
    context.set_offline(True)
    for key in ("2", "3", "0", "1"):
        page.keyboard.press(key)
    badge(page, "waiting")
    expect(page.locator("#save-badge")).to_contain_text("4 answers are on this device")
    assert Rating.objects.count() == 1
    context.set_offline(False)
    badge(page, "saved")
    assert list(Rating.objects.order_by("pk").values_list("grade", flat=True)) == [1, 2, 3, 0, 1]
    assert RatingEntry.objects.count() == 5


def test_two_windows_never_overwrite_each_other_unseen(desk, contexts):
    context = contexts()
    page = desk.open(desk.sign_in(context))
    other = context.new_page()
    desk.open(other)
    page.keyboard.press("1")
    badge(page, "saved")
    other.keyboard.press("3")
    expect(other.locator(".conflict-box")).to_contain_text("1 in the other window, 3 here")
    badge(other, "conflict")
    assert Rating.objects.get().grade == 1
    other.click("text=Keep mine")
    badge(other, "saved")
    assert Rating.objects.get().grade == 3
    # The first window's next change of the cell is told the same way, and can give way.
    page.bring_to_front()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("0")
    page.click("text=Keep the other window's")
    expect(cell(page, FIRST)).to_have_text("3")
    assert Rating.objects.get().grade == 3


def test_counts_that_meet_offline_do_not_overwrite(desk, contexts):
    """Offline, a cell is changed twice; another computer changed it once meanwhile."""
    away, here = contexts(), contexts()
    first = desk.open(desk.sign_in(away))
    away.set_offline(True)
    first.keyboard.press("2")
    first.keyboard.press("ArrowLeft")
    first.keyboard.press("3")
    badge(first, "waiting")
    second = desk.open(desk.sign_in(here))
    second.keyboard.press("1")
    badge(second, "saved")
    away.set_offline(False)
    badge(first, "conflict")
    assert Rating.objects.get().grade == 1


def processes_of(profile: Path) -> list[int]:
    """Return the processes that run on a browser profile of this test."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"--user-data-dir={profile}".encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_killed_browser_loses_nothing(desk, browser, chromium_path, tmp_path):
    profile = tmp_path / "profile"
    # A browser of its own with a profile on disk: it is killed, not closed.
    start = partial(
        browser.browser_type.launch_persistent_context,
        str(profile),
        executable_path=chromium_path,
        args=["--no-sandbox"],
    )
    context = start()
    page = desk.open(desk.sign_in(context))
    context.set_offline(True)
    for key in ("2", "3", "1"):
        page.keyboard.press(key)
    badge(page, "waiting")
    found = processes_of(profile)
    assert found
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not Rating.objects.exists()
    for lock in profile.glob("Singleton*"):
        lock.unlink()
    again = start()
    try:
        page = desk.open(desk.sign_in(again))
        badge(page, "saved")
        expect(cell(page, FIRST)).to_have_text("2")
        assert list(Rating.objects.order_by("pk").values_list("grade", flat=True)) == [2, 3, 1]
        assert RatingEntry.objects.count() == 3
    finally:
        again.close()


def test_a_later_reader_of_the_same_browser_finds_nothing(desk, contexts):
    context = contexts()
    page = desk.open(desk.sign_in(context))
    context.set_offline(True)
    page.keyboard.press("2")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("c")
    page.keyboard.type("a very secret remark")
    page.keyboard.press("Escape")
    badge(page, "waiting")
    page.on("dialog", lambda dialog: dialog.accept())
    context.route("**/answers/", lambda route: route.abort())
    context.set_offline(False)
    page.click(".person summary")
    page.click(".person-menu button")
    page.wait_for_url("**/sign-in/")
    second = desk.sign_in(context, "second-reader")
    kept = second.evaluate(
        """async () => {
          const request = indexedDB.open("readerstudy");
          const database = await new Promise((done) => { request.onsuccess = () => done(request.result); });
          const rows = await new Promise((done) => {
            const all = database.transaction("waiting").objectStore("waiting").getAll();
            all.onsuccess = () => done(all.result);
          });
          const text = (bytes) => new TextDecoder("latin1").decode(bytes);
          return {
            n: rows.length,
            everything: rows.map((row) => JSON.stringify(row) + text(row.sealed)).join(),
            stores: JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
          };
        }"""
    )
    # The answers are still there for their owner, and say nothing to anybody else.
    assert kept["n"] >= 2
    for word in ("secret", "narrowing", "grade", "L1-2"):
        assert word not in kept["everything"] + kept["stores"]
    # Nor does the page of the earlier reader come back.
    second.goto(desk.address)
    assert "nothing here for you" in second.inner_text("main")
    assert not Rating.objects.exists()
    # Their owner signs in again: now they leave.
    context.unroute("**/answers/")
    second.click(".person summary")
    second.click(".person-menu button")
    second.wait_for_url("**/sign-in/")
    back = desk.open(desk.sign_in(context))
    badge(back, "saved")
    assert Rating.objects.get().note == "a very secret remark"


def test_a_case_that_was_submitted_elsewhere_says_so(desk, contexts):
    page = desk.open(desk.sign_in(contexts()))
    page.keyboard.press("1")
    badge(page, "saved")
    read = Read.objects.get()
    answered = set(read.ratings.values_list("structure", "finding"))
    Rating.objects.bulk_create(
        [
            Rating(read=read, structure=s, finding=f, kind="grade", grade=0, saved_at=factories.AT)
            for (s, f) in factories.all_grades(desk.document)
            if (s, f) not in answered
        ]
    )
    submit_read(read_id=read.pk, at=factories.AT)
    page.keyboard.press("2")
    badge(page, "unsaved")
    expect(page.locator("#save-badge")).to_contain_text("takes no answers any more")
    assert not Rating.objects.filter(structure="L1-2-right", finding="hypertrophy", grade=2).exists()


def test_signed_out_in_another_window_is_said_and_mended(desk, contexts):
    context = contexts()
    page = desk.open(desk.sign_in(context))
    cookies = context.cookies()
    context.clear_cookies(name=re.compile("sessionid"))
    page.keyboard.press("1")
    badge(page, "waiting")
    expect(page.locator("#save-badge")).to_contain_text("You are signed out")
    context.add_cookies([each for each in cookies if each["name"] == "sessionid"])
    badge(page, "saved")
    assert Rating.objects.get().grade == 1
