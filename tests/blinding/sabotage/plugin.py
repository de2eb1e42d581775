"""
A pytest plugin for a process of its own: for each plant, run the tests that must be red with it.

``--plants a,b`` names the plants, ``--plants-report FILE`` where the outcome goes as JSON: plant ->
{test -> [outcome, message]}, ``""`` standing for no plant at all. One start-up and one database serve all.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.blinding.sabotage.planting import Plant, planted

_AT_CALL = pytest.StashKey[Plant | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plants", default="")
    parser.addoption("--plants-report", default="")
    parser.addoption("--without-baseline", action="store_true")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    plant = item.config.stash.get(_AT_CALL, None)
    with planted(plant) if plant else nullcontext():
        return (yield)


def _outcome(item: pytest.Item, nextitem: pytest.Item) -> tuple[str, str]:
    """Run one test; ``red`` is a failed check of its body, ``broken`` anything else that is not green."""
    item._initrequest()  # type: ignore[attr-defined]
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message if crash else str(report.longrepr)
            told = message.splitlines()[0][:300] if message else ""
            is_check = told.startswith(("AssertionError", "assert ", "Failed: "))
            return ("red" if report.when == "call" and is_check else "broken"), told
        if report.skipped:
            return "skipped", str(report.longrepr)[:300]
    return "green", ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    config = session.config
    names = [name for name in config.getoption("--plants").split(",") if name]
    if not names:
        return None
    from django.urls import get_resolver

    from tests.blinding.sabotage.plants import PLANTS

    # Views are loaded with the first address that is asked for; a plant must find them loaded.
    assert get_resolver().url_patterns
    by_name = {plant.name: plant for plant in PLANTS}
    items = {item.nodeid: item for item in session.items}
    schedule: list[tuple[Plant | None, str]] = []
    chosen = [by_name[name] for name in names]
    if not config.getoption("--without-baseline"):
        schedule += [(None, test) for test in dict.fromkeys(test for plant in chosen for test in plant.tests)]
    schedule += [(plant, test) for plant in chosen for test in plant.tests]
    report: dict[str, dict[str, Any]] = {}
    for place, (plant, test) in enumerate(schedule):
        where = report.setdefault(plant.name if plant else "", {})
        if test not in items:
            where[test] = ("absent", "there is no such test")
            continue
        item = items[test]
        later = [items[name] for _, name in schedule[place + 1 :] if name in items]
        others = [each for each in session.items if each is not item]
        # The set-up of the session and of modules stays; what belongs to this one run goes.
        following = later[0] if later and later[0] is not item else others[0]
        try:
            if plant is None or plant.at_call:
                config.stash[_AT_CALL] = plant
                where[test] = _outcome(item, following)
            else:
                with planted(plant):
                    where[test] = _outcome(item, following)
        except Exception as error:
            where[test] = ("broken", f"{type(error).__name__}: {error}")
        finally:
            config.stash[_AT_CALL] = None
    Path(config.getoption("--plants-report")).write_text(json.dumps(report, indent=1))
    return True
