"""An aided read shows the released aid and nothing else of a model; what was shown is recorded with each save."""

import json
import re
from datetime import timedelta

import pytest
from django.http import Http404
from django.urls import reverse

from grading.access import access_assignment, open_to
from grading.models import Rating, RatingEntry, Read, ReferenceGrade
from grading.services.reading import submit_read
from grading.services.skipping import put_off
from readerstudy.analysis.selectors.dataset import build_dataset
from readerstudy.analysis.services.aids import release_aid
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReleasedAid
from tests import factories
from tests.factories.aided import SHARES, aided_study
from tests.grading.conftest import AT, saving

pytestmark = pytest.mark.django_db
ITEM = "L4-5-right|narrowing"


def released(made):
    release_aid(study=made.study, version=made.version, actor=None, at=AT)
    return made


@pytest.fixture
def sequential():
    return released(aided_study(order="sequential"))


def finish(showing, at=AT, grade=1):
    read = Read.objects.filter(assignment=showing, superseded_at__isnull=True).first()
    if read is None:
        read = factories.read(of=showing, grades=grade, opened_at=at)
    return submit_read(read_id=read.pk, at=at)


def page_of(client, showing):
    client.force_login(showing.user)
    return client.get(reverse("grading:read_case", kwargs={"assignment": showing.public_id}))


def told(response):
    text = response.content.decode()
    return json.loads(
        re.search(r'<script id="grading-config" type="application/json">(.*?)</script>', text, re.S)[1]
    )


def test_the_page_of_an_aided_read_is_told_the_aid_and_chooses_nothing(client, sequential):
    unaided, aided = sequential.showings("first_reader", "unaided")[0], sequential.showings("first_reader")[0]
    assert "aid" not in told(page_of(client, sequential.showings("second_reader", "unaided")[0]))
    finish(unaided, grade=0)
    config = told(page_of(client, aided))
    assert config["aid"][ITEM] == {"grade": 2, "percent": [6, 15, 59, 19]}
    assert len(config["aid"]) == 4
    # It begins from the reader's own answers.
    assert config["cells"][ITEM]["grade"] == 0
    text = page_of(client, aided).content.decode()
    for hidden in (
        sequential.version.name,
        sequential.version.digest,
        "0.5941",
        str(sequential.version.public_id),
    ):
        assert hidden not in text


def test_an_unaided_page_is_the_same_with_and_without_every_row_of_a_model(client):
    made = aided_study()
    showing = made.showings("first_reader", "unaided")[0]
    hidden = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"|"ticket": "[^"]+"')
    page_of(client, showing)
    before = hidden.sub(b"", page_of(client, showing).content)
    released(made)
    factories.released_aid(assignment=showing, payload={ITEM: {"grade": 3, "probabilities": [0, 0, 0, 1]}})
    after = hidden.sub(b"", page_of(client, showing).content)
    assert after == before


def test_a_save_records_what_stood_beside_the_item(client, sequential):
    unaided, aided = sequential.showings("first_reader", "unaided")[0], sequential.showings("first_reader")[0]
    finish(unaided, grade=0)
    page_of(client, aided)
    saves = [
        # What the browser claims about the aid's content is not asked.
        saving(ITEM, 2, aid_ms={"page": 5100, "item": 400}, shown={"grade": 0}),
        saving("L4-5-left|narrowing", 3, aid_ms={"page": -1, "item": "no"}),
        saving("L4-5-left|cyst", 1, aid_ms=[1]),
    ]
    answer = client.post(
        reverse("api:read-answers", kwargs={"assignment": aided.public_id}),
        {"answers": saves},
        "application/json",
    )
    assert {each["status"] for each in answer.json()["results"]} == {"saved"}
    rows = {f"{e.structure}|{e.finding}": e.aid for e in RatingEntry.objects.filter(read__assignment=aided)}
    assert rows[ITEM] == {
        "shown": {"grade": 2, "probabilities": SHARES["narrowing"]},
        "model_digest": sequential.version.digest,
        "page": 5100,
        "item": 400,
    }
    assert (rows["L4-5-left|narrowing"]["page"], rows["L4-5-left|narrowing"]["item"]) == (None, None)
    assert rows["L4-5-left|cyst"]["page"] is None
    # The answer to a save says nothing of it, and an unaided save records none.
    assert "probabilities" not in answer.content.decode()
    other = sequential.showings("second_reader", "unaided")[0]
    page_of(client, other)
    client.post(
        reverse("api:read-answers", kwargs={"assignment": other.public_id}),
        {"answers": [saving(ITEM, 2, aid_ms={"page": 1, "item": 1})]},
        "application/json",
    )
    assert RatingEntry.objects.get(read__assignment=other).aid is None
    assert AuditEvent.objects.filter(event="grading.aid.shown").count() == 1


def test_the_aided_read_never_comes_before_the_unaided_one(sequential):
    """A case put off goes to the end of its session; its aided read does not overtake it."""
    reader = sequential.people["first_reader"]
    first, second = sequential.showings("first_reader", "unaided")
    put_off(assignment=first, reason="image", at=AT)
    assert open_to(reader, sequential.study, AT) == {second.public_id}
    of_first, of_second = sequential.showings("first_reader")
    for aided in (of_first, of_second):
        with pytest.raises(Http404):
            access_assignment(reader=reader, assignment=aided.public_id, now=AT)
    finish(second)
    assert open_to(reader, sequential.study, AT) == {second.public_id, of_second.public_id}


def test_an_independent_aided_session_waits_for_the_washout_and_the_release(client):
    made = aided_study()
    reader = made.people["first_reader"]
    for showing in made.showings("first_reader", "unaided"):
        finish(showing)
    first = made.showings("first_reader")[0]
    early, late = AT + timedelta(days=27), AT + timedelta(days=28)
    with pytest.raises(Http404):
        access_assignment(reader=reader, assignment=first.public_id, now=late)
    released(made)
    with pytest.raises(Http404):
        access_assignment(reader=reader, assignment=first.public_id, now=early)
    assert access_assignment(reader=reader, assignment=first.public_id, now=late) == first


def test_the_worklist_says_why_nothing_is_open(client):
    made = aided_study(washout_days=0)
    reader = made.people["first_reader"]
    for showing in made.showings("first_reader", "unaided"):
        finish(showing)
    client.force_login(reader)
    address = reverse("grading:worklist", kwargs={"slug": made.study.slug})
    page = client.get(address).content.decode()
    assert "All your cases are submitted" not in page
    assert "waits for its aid" in page
    released(made)
    page = client.get(address).content.decode()
    assert (
        reverse("grading:read_case", kwargs={"assignment": made.showings("first_reader")[0].public_id})
        in page
    )


def test_aided_answers_reach_the_analysis_as_their_condition_and_never_the_reference(sequential):
    for name in ("first_reader", "second_reader"):
        for unaided, aided in zip(
            sequential.showings(name, "unaided"), sequential.showings(name), strict=True
        ):
            finish(unaided, grade=0)
            read = factories.read(of=aided, grades=1)
            submit_read(read_id=read.pk, at=AT)
    assert set(ReferenceGrade.objects.values_list("grade", flat=True)) == {0}
    data = build_dataset(sequential.study).findings["cyst"]
    assert set(data.reads.ravel()) == {0}
    assert set(data.aided.ravel()) == {1}
    assert Rating.objects.filter(read__assignment__condition="aided").count() == 16
    assert ReleasedAid.objects.count() == 4
