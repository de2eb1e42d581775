"""A person's own keys: kept on the server, checked against every other action, and given back to the pages."""

import json

import pytest
from django.urls import reverse

from readerstudy.accounts.keymaps import KeyMapRefused, checked_key_map, default_keys
from readerstudy.accounts.models import User
from readerstudy.core.models import AuditEvent
from tests import factories

PAGE, SAVE = "accounts:keys", "accounts:save_keys"


def test_the_products_own_keys_clash_nowhere():
    for keys in default_keys().values():
        chords = [chord for held in keys.values() for chord in held]
        assert len(chords) == len(set(chords))


def test_every_product_key_could_be_chosen():
    """The rules refuse none of what is shipped."""
    for side, keys in default_keys().items():
        for action, chords in keys.items():
            assert checked_key_map({side: {action: [*chords]}}) == {}
            if chords:
                assert checked_key_map({side: {action: [chords[0]]}}) in ({}, {side: {action: [chords[0]]}})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no list of keys"),
        ({"elsewhere": {}}, "no list of keys"),
        ({"viewer": {"explode": ["KeyJ"]}}, "does not exist"),
        ({"viewer": []}, "does not exist"),
        ({"viewer": {"invert": "KeyJ"}}, "at most four"),
        ({"viewer": {"invert": ["KeyJ", "KeyK", "KeyU", "KeyY", "F2"]}}, "at most four"),
        ({"viewer": {"invert": [None]}}, "at most four"),
        ({"viewer": {"invert": ["KeyÄ"]}}, "cannot be chosen"),
        ({"viewer": {"invert": ["Ctrl+KeyW"]}}, "cannot be chosen"),
        ({"viewer": {"invert": ["F5"]}}, "cannot be chosen"),
        ({"viewer": {"invert": ["Shift+Ctrl+KeyJ"]}}, "cannot be chosen"),
        ({"panel": {"flag": ["Digit3"]}}, "cannot be chosen"),
        ({"panel": {"flag": ["Ctrl+KeyJ"]}}, "cannot be chosen"),
        ({"panel": {"flag": ["Tab"]}}, "cannot be chosen"),
        ({"viewer": {"to-panel": []}}, "cannot be switched off"),
        ({"panel": {"to-images": []}}, "cannot be switched off"),
        ({"viewer": {"invert": ["KeyC"]}}, "two things: invert and cine"),
        ({"panel": {"flag": ["KeyN"]}}, "two things: normal and flag"),
        ({"panel": {"flag": ["KeyJ"], "note": ["KeyJ"]}}, "two things"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(given, says):
    with pytest.raises(KeyMapRefused, match=says):
        checked_key_map(given)


def test_the_same_key_may_stand_on_both_sides_and_keys_may_be_exchanged():
    swapped = {"viewer": {"invert": ["KeyC"], "cine": ["KeyI"]}, "panel": {"flag": ["KeyG"]}}
    assert checked_key_map(swapped) == swapped
    assert checked_key_map({"viewer": {"cine": []}}) == {"viewer": {"cine": []}}


@pytest.fixture
def person(db, client):
    user = factories.user("first-reader")
    client.force_login(user)
    return user


def save(client, key_map):
    return client.post(reverse(SAVE), json.dumps(key_map), "application/json")


def test_keys_are_kept_given_back_and_reset(person, client):
    own = {"viewer": {"invert": ["KeyJ"]}}
    assert save(client, own).json() == {"own": own}
    assert User.objects.get(pk=person.pk).key_map == own
    page = client.get(reverse(PAGE)).content.decode()
    assert '"invert": ["KeyJ"]' in page
    assert AuditEvent.objects.filter(event="accounts.preferences_changed").count() == 1
    assert save(client, own).status_code == 200
    assert AuditEvent.objects.filter(event="accounts.preferences_changed").count() == 1
    refused = save(client, {"viewer": {"invert": ["KeyC"]}})
    assert refused.status_code == 409
    assert User.objects.get(pk=person.pk).key_map == own
    assert save(client, {}).json() == {"own": {}}
    assert User.objects.get(pk=person.pk).key_map == {}


@pytest.mark.parametrize("body", ["", "{", '"\\ud800"', "[" * 30_000])
def test_a_body_that_is_no_json_is_told_of(person, client, body):
    answer = client.post(reverse(SAVE), body, "application/json")
    assert answer.status_code in {400, 409}
    assert User.objects.get(pk=person.pk).key_map == {}


def test_nobody_else_sees_or_changes_them(person, client):
    other = factories.user("second-reader")
    save(client, {"viewer": {"invert": ["KeyJ"]}})
    client.force_login(other)
    assert '"invert": ["KeyJ"]' not in client.get(reverse(PAGE)).content.decode()
    client.logout()
    assert client.get(reverse(PAGE)).status_code == 302
    assert save(client, {}).status_code == 302
    assert client.get(reverse(SAVE)).status_code in {302, 405}
