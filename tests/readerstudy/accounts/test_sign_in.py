"""Signing in and out: one answer for every failure, a lock after ten tries, nothing left behind."""

import pytest
from django.test import Client
from django.urls import reverse

from readerstudy.accounts.models import User
from readerstudy.core.models import AuditEvent
from tests.factories.studies import make_person

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in/"


@pytest.fixture
def person():
    return make_person("first_reader")


def sign_in(client, name="first_reader", password="", **more):
    """Try to sign in; the password of a factory's account is its name."""
    return client.post(SIGN_IN, {"username": name, "password": password or name, **more})


def events():
    return list(AuditEvent.objects.order_by("number").values_list("event", "actor_name"))


def test_sign_in_leads_home_and_is_on_record(client, person):
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("home"))
    assert client.session["_auth_user_id"] == str(person.pk)
    assert events() == [("accounts.signed_in", "First Reader")]


def test_every_failure_gives_the_same_page(client, person):
    make_person("left", is_active=False)
    pages = []
    for name, password in (("first_reader", "wrong"), ("nobody", "wrong"), ("left", "left")):
        answer = sign_in(client, name, password)
        assert answer.status_code == 200
        text = answer.content.decode().replace(f'value="{name}"', "")
        token = text.split('name="csrfmiddlewaretoken" value="')
        pages.append("".join(part[64:] if number else part for number, part in enumerate(token)))
    assert pages[0] == pages[1] == pages[2]
    assert "do not fit" in pages[0]
    assert events() == []


def test_ten_wrong_passwords_lock_the_name(client, person):
    for _ in range(9):
        assert sign_in(client, password="wrong").status_code == 200
    locked = sign_in(client, password="wrong")
    assert locked.status_code == 429
    assert "Too many tries" in locked.content.decode()
    assert sign_in(client).status_code == 429
    assert "_auth_user_id" not in client.session


def test_sign_in_goes_to_our_own_pages_only(client, person):
    for wanted, given in (
        ("/studies/x/worklist/", "/studies/x/worklist/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
    ):
        answer = sign_in(Client(), next=wanted)
        assert answer.headers["Location"] == given


def test_sign_out_ends_the_session_and_clears_cached_images(client, person):
    sign_in(client)
    old_key = client.session.session_key
    answer = client.post(reverse("accounts:sign_out"))
    assert answer.headers["Location"] == SIGN_IN
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    client.cookies["sessionid"] = old_key
    assert client.get("/").headers["Location"].startswith(SIGN_IN)
    assert [event for event, _ in events()] == ["accounts.signed_in", "accounts.signed_out"]


def test_sign_out_needs_a_form_of_ours(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    answer = client.post(reverse("accounts:sign_out"))
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert client.get(reverse("accounts:sign_out")).status_code == 405
    assert "_auth_user_id" in client.session


class TestLanguage:
    def test_it_is_kept_on_the_account_and_recorded_once(self, client, person):
        client.force_login(person)
        for _ in range(2):
            client.post(reverse("accounts:set_language"), {"language": "zh-hans", "next": "/"})
        assert User.objects.get().language == "zh-hans"
        assert events() == [("accounts.preferences_changed", "First Reader")]
        assert client.get("/").headers["Content-Language"] == "zh-hans"

    def test_before_sign_in_a_cookie_keeps_it(self, client):
        answer = client.post(reverse("accounts:set_language"), {"language": "zh-hans", "next": SIGN_IN})
        assert answer.headers["Location"] == SIGN_IN
        assert client.get(SIGN_IN).headers["Content-Language"] == "zh-hans"

    @pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_it_leads_nowhere_else(self, client, wanted):
        answer = client.post(reverse("accounts:set_language"), {"language": "en", "next": wanted})
        assert answer.headers["Location"] == "/"

    def test_unknown_language_changes_nothing(self, client, person):
        client.force_login(person)
        client.post(reverse("accounts:set_language"), {"language": "xx", "next": "/"})
        assert User.objects.get().language == ""
        assert events() == []
