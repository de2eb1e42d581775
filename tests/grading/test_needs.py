"""What waits for the coordinator stands on the overview, in sentences with one action each."""

from datetime import date

import pytest
from django.urls import reverse

from readerstudy.studies.models import Assignment, ReaderStudy
from readerstudy.studies.services.coordination import ask
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study():
    study = factories.reader_study(slug="needs")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    return study


def needs(client, study, person="coordinator"):
    client.force_login(study.roles.get(user__username=person).user)
    page = client.get(reverse("grading:overview", kwargs={"slug": study.slug}))
    told = page.context["needs"]
    for each in told or ():
        assert client.get(each.address).status_code == 200
        assert each.address in page.content.decode()
    return told


def test_each_thing_that_waits_is_said_with_where_it_is_done(client, study):
    assert needs(client, study) == []
    reader = factories.study_role("reader", study=study).user
    factories.case(study=study, status="imported")
    case = factories.case(study=study)
    assert [each.sentence for each in needs(client, study)] == [
        "1 case waits for screening.",
        "No case is assigned yet.",
    ]
    showing = factories.assignment(of=case, person=reader, due_date=date(2026, 3, 1))
    ask(study=study, user=reader, kind="question", text="Which?", at=factories.AT)
    assert [each.sentence for each in needs(client, study)] == [
        "1 case waits for screening.",
        "1 query has no answer.",
        "1 read is overdue.",
    ]
    # Read late is read.
    factories.read(of=showing, grades=1, submitted=True)
    assert "1 read is overdue." not in [each.sentence for each in needs(client, study)]
    assert Assignment.objects.count() == 1


def test_a_draft_is_to_be_opened(client, study):
    ReaderStudy.objects.update(state="draft", opened_at=None)
    assert [each.sentence for each in needs(client, study)] == ["The study is a draft."]


def test_others_of_the_office_are_asked_for_nothing(client, study):
    factories.study_role("auditor", study=study, person=factories.user("auditor"))
    factories.case(study=study, status="imported")
    assert needs(client, study, "auditor") is None
