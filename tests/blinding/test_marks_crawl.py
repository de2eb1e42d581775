"""Every address of a detection study as every blinded role: nobody finds another's mark, an item or a lesion."""

import pytest

from tests.blinding.crawling import Places, ask, everything, fillings, routes
from tests.blinding.marked_study import SEES, plant_marks
from tests.blinding.planting import BLINDED, plant

CRAWLED = ("anonymous", *BLINDED, "first_reader_of_other_study")


@pytest.fixture
def planted(db, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    planted = plant(tmp_path / "files")
    return planted, plant_marks(planted)


@pytest.mark.parametrize("role", CRAWLED)
def test_no_role_finds_a_mark_that_is_not_his_to_see(client, planted, role):
    planted, made = planted
    person = planted.studies.person(role)
    if person is not None:
        client.force_login(person)
    leaks, errors, visited = [], [], 0
    places = Places.of(planted, made.places)
    for route in routes():
        # Pages of other things than a study, a case or a showing are the other crawl's.
        if not {"slug", "assignment", "presentation", "case"} & set(route.places):
            continue
        for place, values in enumerate(fillings(route, places)):
            address = route.address(values)
            # What a method other than reading answers does not depend on which case is named.
            for method in ("GET", "POST") if place == 0 else ("GET",):
                response = ask(client, method, address)
                visited += 1
                text = everything(response)
                for word in values.values():
                    if len(word) > 12:
                        text = text.replace(word, "").replace(word.replace("-", ""), "")
                leaks += [f"{method} {address}: {leak}" for leak in planted.canaries.found(text, role)]
                if response.status_code >= 500:
                    errors.append(f"{method} {address}: {response.status_code}")
    assert not leaks, "\n".join(leaks[:20])
    assert not errors, "\n".join(errors)
    assert visited > 150


def test_whoever_may_see_a_mark_is_shown_it(client, planted):
    """The crawl looks at pages that say something: each canary is on the page of those who may see it."""
    planted, made = planted
    pages = {
        "first_reader": ("grading:read_case", "in_progress"),
        "second_reader": ("grading:read_case", "in_progress"),
        "adjudicator": ("grading:adjudicate_case", "disputed"),
        "panel_member": ("grading:confirm_case", "to_confirm"),
    }
    for role, (name, state) in pages.items():
        client.force_login(planted.one.people[role])
        text = client.get(address_of(name, made.showings[state, role])).content.decode()
        shown = [
            canary
            for canary, (what, allowed) in planted.canaries.planted.items()
            if what.startswith("place of a mark") and what.endswith(state) and role in allowed
        ]
        assert shown, role
        for canary in shown:
            assert canary in text, (role, canary)
    assert set(SEES) == {state for state, _ in made.showings}


def address_of(name, showing):
    from django.urls import reverse

    return reverse(name, kwargs={"assignment": showing.public_id})
