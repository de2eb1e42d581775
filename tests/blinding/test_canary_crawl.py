"""Every address x every method x every role: no canary where it must not be, and no error page."""

import gzip
import json

import pytest

from tests.blinding.crawling import SAFE, WRITING, Places, ask, everything, fillings, routes
from tests.blinding.planting import CRAWLED, SHOWN_AGE, plant

# Addresses whose answer to their own owner carries the address itself.
HARMLESS_BODIES = [None, json.dumps({"answers": [], "structure": "L4-5-right", "finding": "cyst"})]


@pytest.fixture
def planted(db, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    return plant(tmp_path / "files")


def opened(client, planted, role):
    """Sign in and open the pages that give the images of this person's cases away."""
    person = planted.studies.person(role)
    if person is None:
        return
    client.force_login(person)
    for place in (
        ("grading:read_case", "first_reader", "in_progress"),
        ("grading:read_case", "second_reader", "in_progress"),
        ("grading:adjudicate_case", "adjudicator", "disputed"),
        ("grading:confirm_case", "panel_member", "to_confirm"),
    ):
        if place[1] == role:
            assert client.get(planted.one.page(*place)).status_code == 200


def shown(response):
    """Return the answer's text; what is zipped is unzipped."""
    if response.get("Content-Encoding") == "gzip":
        response.content_read = gzip.decompress(response.content_read)
    return everything(response)


@pytest.mark.parametrize("role", CRAWLED)
def test_no_role_finds_a_canary_anywhere(client, planted, role):
    opened(client, planted, role)
    leaks, errors, visited = [], [], 0
    places = Places.of(planted)
    for route in routes():
        for place, values in enumerate(fillings(route, places)):
            address = route.address(values)
            # What the person wrote into the address himself is no leak when it comes back.
            own_words = set(values.values())
            methods = [("GET", None), *(("POST", body) for body in HARMLESS_BODIES)]
            if place == 0:
                methods += [(method, None) for method in (*SAFE[1:], *WRITING[1:])]
            for method, body in methods:
                response = ask(client, method, address, body)
                visited += 1
                text = shown(response)
                for word in own_words:
                    if len(word) > 12:
                        text = text.replace(word, "").replace(word.replace("-", ""), "")
                leaks += [f"{method} {address}: {leak}" for leak in planted.canaries.found(text, role)]
                if response.status_code >= 500:
                    errors.append(f"{method} {address}: {response.status_code}")
    assert not leaks, "\n".join(leaks[:20])
    assert not errors, "\n".join(errors)
    assert visited > 400
    # To the very end it was this person who asked.
    assert ("_auth_user_id" in client.session) == (role != "anonymous")


def test_the_crawl_would_find_each_canary(planted):
    """The search is no mere form: every canary is found where it stands."""
    for canary, (what, allowed) in planted.canaries.planted.items():
        hidden_from = next(role for role in CRAWLED if role not in allowed)
        found = planted.canaries.found(f"<p>{canary}</p>", hidden_from)
        assert any(line.startswith(what) for line in found), what


def test_the_owner_finds_his_own(client, planted):
    """The note is on the page of the reader who wrote it: the crawl looks at pages that say something."""
    client.force_login(planted.one.first_reader)
    page = client.get(planted.one.page("grading:read_case", "first_reader", "in_progress")).content.decode()
    assert "canary-note-of-first_reader" in page
    assert "canary-comment-of-first_reader" in page
    assert f"<dt>Age</dt><dd>{SHOWN_AGE} years</dd>" in page
    assert '<dt>Sex</dt><dd><span class="muted">not stated</span></dd>' in page
