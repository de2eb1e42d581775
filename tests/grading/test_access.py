"""Every page and call of the reading rooms and the coordinator's office, for every role of both studies."""

import re
import uuid

import pytest
from django.urls import reverse

from tests.complete_studies import ROLES

OFFICE = {"coordinator", "investigator", "auditor"}
# Page of study "one" -> who gets it; everybody else gets what an absent page gives.
PAGES = {
    "grading:worklist": {"first_reader", "second_reader"},
    "grading:adjudication_list": {"adjudicator"},
    "grading:panel_list": {"panel_member"},
    # Only where the protocol lets the readers settle together.
    "grading:joint_list": set(),
    "grading:overview": OFFICE,
    "studies:cases": OFFICE,
    "studies:assignments": OFFICE,
    "studies:copies": {"coordinator", "investigator"},
    "studies:protocol": OFFICE,
    "studies:team": OFFICE,
    "grading:session_start": {"first_reader", "second_reader"},
    "grading:charter": {"first_reader", "second_reader", "adjudicator", "panel_member"},
    "grading:messages": {"first_reader", "second_reader", "adjudicator", "panel_member"},
    "grading:monitor": OFFICE,
    "grading:practice": {"first_reader", "second_reader"},
    "grading:practice_desk": OFFICE,
    "studies:queries": {"coordinator"},
    "studies:deviations": OFFICE,
    "studies:invitations": {"coordinator"},
    "studies:edit_protocol": {"coordinator"},
    "grading:dry_run": {"coordinator"},
    "studies:open": {"coordinator"},
    "studies:join_cases": {"coordinator"},
}
# (page, whose assignment, case) -> who gets it.
CASE_PAGES = {
    ("grading:read_case", "first_reader", "in_progress"): {"first_reader"},
    ("grading:read_case", "second_reader", "in_progress"): {"second_reader"},
    # Out of turn: the case before it is not submitted.
    ("grading:read_case", "first_reader", "unread"): set(),
    ("grading:read_case", "adjudicator", "disputed"): set(),
    # A panel that confirms does not read, and nobody settles jointly here.
    ("grading:read_case", "panel_member", "to_confirm"): set(),
    ("grading:joint_case", "first_reader", "disputed"): set(),
    # No case of a study has feedback.
    ("grading:practice_feedback", "first_reader", "disputed"): set(),
    ("grading:adjudicate_case", "adjudicator", "disputed"): {"adjudicator"},
    ("grading:adjudicate_case", "first_reader", "disputed"): set(),
    ("grading:adjudicate_case", "panel_member", "disputed"): set(),
    ("grading:confirm_case", "panel_member", "to_confirm"): {"panel_member"},
    ("grading:confirm_case", "adjudicator", "to_confirm"): set(),
}
# (call, whose assignment, case, what is sent) -> who is heard; the answer is then not 404.
CALLS = {
    ("api:read-answers", "first_reader", "in_progress"): ({"answers": [{"key": "x"}]}, {"first_reader"}),
    ("api:read-place", "first_reader", "in_progress"): (
        {"resume": {}, "focused_seconds": 1, "idle_seconds": 1},
        {"first_reader"},
    ),
    ("api:read-submit", "first_reader", "in_progress"): ({}, {"first_reader"}),
    ("api:read-submit", "first_reader", "unread"): ({}, set()),
    ("api:item-settle", "adjudicator", "disputed"): (
        {"structure": "L4-5-right", "finding": "cyst", "choice": "Z"},
        {"adjudicator"},
    ),
    ("api:item-settle", "first_reader", "disputed"): (
        {"structure": "L4-5-right", "finding": "cyst", "choice": "A"},
        set(),
    ),
    ("api:joint-settle", "first_reader", "disputed"): (
        {"structure": "L4-5-right", "finding": "cyst", "choice": "A"},
        set(),
    ),
    ("api:panel-confirm", "panel_member", "disputed"): ({}, {"panel_member"}),
    ("api:panel-confirm", "adjudicator", "disputed"): ({}, set()),
    ("api:panel-send-back", "panel_member", "disputed"): (
        {"structure": "L4-5-right", "finding": "narrowing", "reason_code": "boundary"},
        {"panel_member"},
    ),
}
# (call of the coordinator, what is sent)
COORDINATOR_CALLS = {
    "studies:assignments": {"seed": 4},
    "studies:draw_partitions": {"seed": 4},
    "studies:screen_case": {"act": "exclude", "reason": ""},
    "studies:withdraw_case": {"code": "", "reason": ""},
    "studies:join_cases": {"stays": "", "comes": "", "digest": ""},
    "studies:case_images": {"study": "", "patient": ""},
    "grading:withdraw_read": {"reason": "", "seen": ""},
}


def sign_in(client, person):
    client.logout()
    if person is not None:
        client.force_login(person)


def told(response):
    """Return what an answer says, without the token against forged forms, which differs every time."""
    text = response.content.decode()
    return response.status_code, re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1", text)


def as_absent(client, address, known, unknown, method="get", **sent):
    """Return the answers to an address and to the same address of something that does not exist."""
    call = getattr(client, method)
    forbidden, absent = call(address, **sent), call(address.replace(known, unknown), **sent)
    status, text = told(forbidden)
    # The language form names the page it stands on.
    return (status, text.replace(known, "?")), (told(absent)[0], told(absent)[1].replace(unknown, "?"))


@pytest.mark.parametrize("page", PAGES)
def test_page_of_a_study_opens_for_its_roles_only(client, two_studies, page):
    address, allowed = two_studies.one.page(page), PAGES[page]
    for role in ROLES:
        sign_in(client, two_studies.person(role))
        if role in allowed:
            assert client.get(address).status_code == 200, role
        elif role == "anonymous":
            assert client.get(address).headers["Location"].startswith("/sign-in/"), role
        else:
            forbidden, absent = as_absent(client, address, "/one/", "/none/")
            assert forbidden == absent, role
            assert forbidden[0] == 404, role


@pytest.mark.parametrize("place", CASE_PAGES, ids=lambda place: "-".join(place))
def test_case_opens_for_the_person_whose_duty_it_is(client, two_studies, place):
    address, allowed = two_studies.one.page(*place), CASE_PAGES[place]
    known, unknown = str(two_studies.one.assignment(*place[1:]).public_id), str(uuid.uuid4())
    for role in ROLES:
        sign_in(client, two_studies.person(role))
        if role in allowed:
            assert client.get(address).status_code == 200, role
        elif role == "anonymous":
            assert client.get(address).headers["Location"].startswith("/sign-in/"), role
        else:
            forbidden, absent = as_absent(client, address, known, unknown)
            assert forbidden == absent, role
            assert forbidden[0] == 404, role


@pytest.mark.parametrize("place", CALLS, ids=lambda place: "-".join(place))
def test_call_is_heard_from_the_person_whose_duty_it_is(client, two_studies, place):
    name, owner, case = place
    sent, allowed = CALLS[place]
    known, unknown = str(two_studies.one.assignment(owner, case).public_id), str(uuid.uuid4())
    address = two_studies.one.page(name, owner, case)
    for role in ROLES:
        sign_in(client, two_studies.person(role))
        post = {"data": sent, "content_type": "application/json"}
        if role in allowed:
            assert client.post(address, **post).status_code in {200, 204, 400, 409}, role
        elif role == "anonymous":
            assert client.post(address, **post).status_code == 403, role
        else:
            forbidden, absent = as_absent(client, address, known, unknown, "post", **post)
            assert forbidden == absent, role
            assert forbidden[0] == 404, role


@pytest.mark.parametrize("name", COORDINATOR_CALLS)
def test_office_acts_are_the_coordinators(client, two_studies, name):
    keywords = {"slug": "one"}
    if name in {"studies:screen_case", "studies:withdraw_case", "studies:case_images"}:
        keywords["case"] = two_studies.one.cases["unread"].public_id
    if name == "grading:withdraw_read":
        keywords["assignment"] = two_studies.one.assignment("first_reader", "unread").public_id
    address = reverse(name, kwargs=keywords)
    for role in ROLES:
        sign_in(client, two_studies.person(role))
        if role == "coordinator":
            assert client.post(address, COORDINATOR_CALLS[name]).status_code in {200, 302}, role
        elif role == "anonymous":
            assert client.post(address).headers["Location"].startswith("/sign-in/"), role
        else:
            forbidden, absent = as_absent(
                client, address, "/one/", "/none/", "post", data=COORDINATOR_CALLS[name]
            )
            assert forbidden == absent, role
            assert forbidden[0] == 404, role


def test_coordinator_cannot_screen_a_case_of_another_study(client, two_studies):
    client.force_login(two_studies.one.coordinator)
    for case in (two_studies.other.cases["unread"].public_id, uuid.uuid4()):
        address = reverse("studies:screen_case", kwargs={"slug": "one", "case": case})
        assert client.post(address, {"act": "include"}).status_code == 404
        for name in ("studies:withdraw_case", "studies:case_images"):
            address = reverse(name, kwargs={"slug": "one", "case": case})
            assert client.get(address).status_code == 404


@pytest.mark.parametrize("state", ["draft", "locked", "unblinded"])
def test_no_case_opens_in_a_study_that_is_not_open(client, two_studies, state):
    study = two_studies.one.study
    at = study.opened_at
    study.state, study.locked_at, study.unblinded_at = state, at, at
    study.save()
    doors = [
        ("grading:read_case", "first_reader", "in_progress"),
        ("grading:adjudicate_case", "adjudicator", "disputed"),
        ("grading:confirm_case", "panel_member", "to_confirm"),
    ]
    for name, role, case in doors:
        client.force_login(two_studies.one.people[role])
        assert client.get(two_studies.one.page(name, role, case)).status_code == 404
    lists = ["grading:worklist", "grading:adjudication_list", "grading:panel_list"]
    for (_, role, _), name in zip(doors, lists, strict=True):
        client.force_login(two_studies.one.people[role])
        expected = 404 if state == "draft" else 200
        assert client.get(two_studies.one.page(name)).status_code == expected


def test_withdrawn_assignment_is_absent(client, two_studies):
    address = two_studies.one.page("grading:read_case", "first_reader", "in_progress")
    client.force_login(two_studies.one.first_reader)
    assert client.get(address).status_code == 200
    assignment = two_studies.one.assignment("first_reader", "in_progress")
    assignment.withdrawn_at = two_studies.one.study.opened_at
    assignment.save()
    assert client.get(address).status_code == 404


def test_a_person_without_a_role_sees_no_study(client, two_studies, django_user_model):
    stranger = django_user_model.objects.create_user("stranger", password="x")
    client.force_login(stranger)
    assert client.get("/").status_code == 200
    assert "Study one" not in client.get("/").content.decode()
    for page in PAGES:
        assert client.get(two_studies.one.page(page)).status_code == 404
