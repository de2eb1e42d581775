"""Grades in a real browser that goes offline and is killed, and two windows that race: none lost, none doubled."""

import os
import random
import re
import signal
from contextlib import suppress
from functools import partial

import pytest
from playwright.sync_api import expect

from grading.models import Rating, RatingEntry
from tests.browser.reading_desk import badge, cell
from tests.browser.test_reading_saves import processes_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.complains("net::ERR_INTERNET_DISCONNECTED"),
]


def _kind(page):
    return page.locator("#save-badge").get_attribute("data-kind")


def _carry_out(desk, browser, chromium_path, profile, n_grades, n_kills, record_property):
    start = partial(
        browser.browser_type.launch_persistent_context,
        str(profile),
        executable_path=chromium_path,
        args=["--no-sandbox"],
        viewport={"width": 1440, "height": 900},
    )
    generator = random.Random(n_grades)
    items = [f"{structure}|{finding}" for structure, finding in (item.key for item in desk.document.items)]
    scale = {"|".join(item.key): item.finding.n_grades for item in desk.document.items}
    expected, given, offline_times, untrue = {}, 0, 0, []
    for segment in range(n_kills + 1):
        context = start()
        page = desk.open(desk.sign_in(context))
        # What an earlier life left on the device leaves now, and the page shows all of it.
        badge(page, "saved", timeout=60_000)
        for item, grade in expected.items():
            expect(cell(page, item)).to_have_text(str(grade))
        assert {f"{r.structure}|{r.finding}": r.grade for r in Rating.objects.all()} == expected
        is_last = segment == n_kills
        n_here = n_grades - given if is_last else round(n_grades / (n_kills + 1))
        offline = False
        for _ in range(n_here):
            if generator.random() < 0.25:
                offline = not offline
                offline_times += offline
                context.set_offline(offline)
            item = items[given % len(items)]
            grade = generator.choice([g for g in range(scale[item]) if g != expected.get(item)])
            cell(page, item).click()
            page.keyboard.press(str(grade))
            expected[item], given = grade, given + 1
            # The badge may lag behind hope, never behind the truth: "saved" means that the server has all.
            if _kind(page) == "saved" and RatingEntry.objects.count() < given:
                untrue.append(given)
        if is_last:
            context.set_offline(False)
            badge(page, "saved", timeout=60_000)
            context.close()
            continue
        # Whether the server has it or this device: then the power goes.
        expect(page.locator("#save-badge")).to_have_attribute(
            "data-kind", re.compile("^(saved|waiting)$"), timeout=60_000
        )
        for pid in processes_of(profile):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(Exception):
            context.close()
        for lock in profile.glob("Singleton*"):
            lock.unlink()
    record_property("figures", {"grades": given, "offline": offline_times, "killed": n_kills})
    print(f"{given} grades, {offline_times} times offline, {n_kills} browsers killed")  # noqa: T201
    assert not untrue, f"the badge said saved before the server had them: grades {untrue}"
    assert given == n_grades
    assert {f"{r.structure}|{r.finding}": r.grade for r in Rating.objects.all()} == expected
    assert RatingEntry.objects.count() == n_grades


def test_a_hundred_grades_five_killed_browsers(desk, browser, chromium_path, tmp_path, record_property):
    _carry_out(desk, browser, chromium_path, tmp_path / "profile", 100, 5, record_property)


@pytest.mark.full
def test_five_hundred_grades_twenty_killed_browsers(desk, browser, chromium_path, tmp_path, record_property):
    _carry_out(desk, browser, chromium_path, tmp_path / "profile", 500, 20, record_property)


def _races(desk, contexts, n_races):
    context = contexts()
    first = desk.open(desk.sign_in(context))
    second = desk.open(context.new_page())
    items = ["|".join(item.key) for item in desk.document.items if item.finding.n_grades >= 3]
    generator = random.Random(n_races)
    for race in range(n_races):
        item = items[race % len(items)]
        if race and race % len(items) == 0:
            # Every cell was raced for: both windows begin again from what stands.
            desk.open(first)
            desk.open(second)
        before = Rating.objects.filter(structure=item.split("|")[0], finding=item.split("|")[1]).first()
        one, other = generator.sample([g for g in range(3) if before is None or g != before.grade], 2)
        for page in (first, second):
            # As a person does. Behind another window nothing is drawn, and a click waits seconds for a frame.
            page.bring_to_front()
            cell(page, item).click()
        # Keys of both windows are under way before either answer is back.
        for page, grade in generator.sample([(first, one), (second, other)], 2):
            page.keyboard.press(str(grade))
        for page in (first, second):
            expect(page.locator("#save-badge")).to_have_attribute(
                "data-kind", re.compile("^(saved|conflict)$"), timeout=60_000
            )
        kinds = {page: _kind(page) for page in (first, second)}
        assert sorted(kinds.values()) == ["conflict", "saved"], (race, item, kinds)
        winner = one if kinds[first] == "saved" else other
        row = Rating.objects.get(structure=item.split("|")[0], finding=item.split("|")[1])
        assert row.grade == winner, (race, item)
        loser = next(page for page, kind in kinds.items() if kind == "conflict")
        loser.bring_to_front()
        loser.click("text=Keep the other window's")
        badge(loser, "saved")
        expect(cell(loser, item)).to_have_text(str(winner))
        row.refresh_from_db()
        assert row.grade == winner


def test_twenty_races_of_two_windows(desk, contexts):
    _races(desk, contexts, 20)


@pytest.mark.full
def test_a_hundred_races_of_two_windows(desk, contexts):
    _races(desk, contexts, 100)
