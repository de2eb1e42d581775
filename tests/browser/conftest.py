"""Fixtures of the reading page's browser tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from readerstudy.studies.models import Assignment
from tests import factories
from tests.browser.reading_desk import ReadingDesk


@pytest.fixture
def desk(transactional_db: None, live_server: Any) -> ReadingDesk:
    """A reader with two cases in an open study."""
    study = factories.reader_study()
    role = factories.study_role("reader", study=study, person=factories.user("first-reader"))
    factories.study_role("reader", study=study, person=factories.user("second-reader"))
    made = [factories.assignment(of=factories.case(study=study), person=role.user) for _ in range(2)]
    return ReadingDesk(live_server.url, Assignment.objects.get(pk=made[0].pk))


@pytest.fixture
def contexts(browser: Any) -> Iterator[Any]:
    """Make windows that share nothing."""
    opened = []

    def make(**options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
