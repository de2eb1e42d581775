"""The next case's images come near while the present case is read: images only, and never in washout."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from grading.access import next_to_fetch_ahead
from grading.models import Read
from readerstudy.imaging.models import OpenedPresentation
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    """A reader with three cases that have images, in an open study."""
    study = factories.reader_study()
    return factories.study_role("reader", study=study, person=factories.user("first-reader"))


def _assignment(role, **fields):
    images = factories.image_set(scope=role.study.public_id)
    factories.instance(of=factories.series(of=factories.imaging_study(of=images)))
    return factories.assignment(
        of=factories.case(study=role.study, image_set=images), person=role.user, **fields
    )


def _viewer_of(page):
    found = re.search(r'<script id="viewer-config"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
    return json.loads(found.group(1))


def test_the_page_opens_the_images_of_the_next_case_and_nothing_else(reader, client):
    first, second, _ = (_assignment(reader) for _ in range(3))
    client.force_login(reader.user)
    page = client.get(reverse("grading:read_case", kwargs={"assignment": first.public_id}))
    ahead = _viewer_of(page)["prefetch"]
    assert ahead["dicomweb"] == f"/dicomweb/{second.presentation}"
    assert [set(row) for row in ahead["series"]] == [{"study_uid", "series_uid"}]
    assert [read.assignment_id for read in Read.objects.all()] == [first.pk]
    opened = OpenedPresentation.objects.values_list("presentation", flat=True)
    assert set(opened) == {first.presentation, second.presentation}
    # Each capability goes to the addresses of its own presentation only.
    cookies = {morsel["path"]: morsel for morsel in page.cookies.values() if morsel.key == "rs_images"}
    assert set(cookies) == {f"/dicomweb/{each.presentation}/" for each in (first, second)}
    assert all(morsel["httponly"] and morsel["samesite"] == "Strict" for morsel in cookies.values())
    assert len({morsel.value for morsel in cookies.values()}) == 2
    # The page of the next case itself stays shut until its turn.
    client.cookies.clear()
    client.force_login(reader.user)
    shut = client.get(reverse("grading:read_case", kwargs={"assignment": second.public_id}))
    assert shut.status_code == 404


def test_the_last_case_of_a_session_fetches_nothing(reader):
    first = _assignment(reader)
    _assignment(reader, session=2)
    assert next_to_fetch_ahead(assignment=first, at=factories.AT) is None


def test_a_case_without_images_fetches_nothing(reader):
    first = _assignment(reader)
    factories.assignment(of=factories.case(study=reader.study), person=reader.user)
    assert next_to_fetch_ahead(assignment=first, at=factories.AT) is None


def test_a_repeat_is_not_fetched_before_its_washout_is_over(reader):
    first, second = _assignment(reader), _assignment(reader)
    repeat = factories.assignment(of=first.case, person=reader.user, occasion=2)
    submitted_at = timezone.now()
    factories.read(of=first, state=Read.State.SUBMITTED, submitted_at=submitted_at)
    wait = timedelta(days=second.study.protocols.get().document.reading["washout_days"])
    soon, later = submitted_at + wait - timedelta(minutes=1), submitted_at + wait
    assert next_to_fetch_ahead(assignment=second, at=soon) is None
    assert next_to_fetch_ahead(assignment=second, at=later) == repeat


def test_a_repeat_of_the_case_being_read_is_not_fetched(reader):
    first = _assignment(reader)
    factories.assignment(of=first.case, person=reader.user, occasion=2)
    factories.read(of=first)
    assert next_to_fetch_ahead(assignment=first, at=factories.AT + timedelta(days=400)) is None
