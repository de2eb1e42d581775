"""A coordinator withdraws a case in the browser, under its code and a reason; nothing else withdraws it."""

import pytest
from django.urls import reverse

from readerstudy.core.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def case():
    study = factories.reader_study(slug="one")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    return factories.case(study=study)


@pytest.fixture
def coordinator(client, case):
    client.force_login(case.study.roles.get().user)
    return client


def address(case):
    return reverse("studies:withdraw_case", kwargs={"slug": "one", "case": case.public_id})


def said(answer):
    return answer.content.decode()


def test_a_case_is_withdrawn_under_its_code_and_a_reason(coordinator, case):
    cases = reverse("studies:cases", kwargs={"slug": "one"})
    assert f'href="{address(case)}"' in said(coordinator.get(cases))
    assert f"Withdraw {case.pseudonym}?" in said(coordinator.get(address(case)))

    sent = {"code": f" {case.pseudonym} ", "reason": "The patient took back consent."}
    answer = coordinator.post(address(case), sent, follow=True)

    case.refresh_from_db()
    assert case.status == "withdrawn"
    assert f"{case.pseudonym} is withdrawn" in said(answer)
    assert f'href="{address(case)}"' not in said(answer)
    event = AuditEvent.objects.get(event="studies.case.withdrawn")
    assert event.detail["reason"] == "The patient took back consent."


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"code": "another", "reason": "consent"}, "This is not the code of this case. Nothing was changed."),
        ({"code": "", "reason": "consent"}, "This field is required."),
        ({"code": "its own", "reason": " "}, "This field is required."),
    ],
)
def test_without_code_or_reason_nothing_is_erased(coordinator, case, sent, answered):
    if sent["code"] == "its own":
        sent = sent | {"code": case.pseudonym}

    answer = coordinator.post(address(case), sent)

    case.refresh_from_db()
    assert case.status == "included"
    assert answered in said(answer)
    assert not AuditEvent.objects.filter(event="studies.case.withdrawn").exists()


def test_a_withdrawn_case_is_told_of_and_stays_as_it_is(coordinator, case):
    sent = {"code": case.pseudonym, "reason": "consent"}
    coordinator.post(address(case), sent)
    answer = coordinator.post(address(case), sent)

    assert "There is nothing left to erase." in said(answer)
    assert AuditEvent.objects.filter(event="studies.case.withdrawn").count() == 1
