"""A coordinator opens a draft in the browser, under the digest that the page showed."""

import pytest
import yaml
from django.urls import reverse

from readerstudy.core.models import AuditEvent
from readerstudy.studies.opening import opening_of
from readerstudy.studies.services.studies import amend_protocol
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study():
    study = factories.reader_study(slug="draft", state="draft")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    return study


@pytest.fixture
def coordinator(client, study):
    client.force_login(study.roles.get().user)
    return client


def address(name="studies:open"):
    return reverse(name, kwargs={"slug": "draft"})


def amended_source(study):
    document = yaml.safe_load(study.protocols.get(version=1).source)
    return yaml.safe_dump(document | {"version": 2}, allow_unicode=True, sort_keys=False)


def test_a_draft_is_opened_on_a_page(coordinator, study):
    protocol = study.protocols.get()
    assert f'href="{address()}"' in coordinator.get(address("studies:protocol")).content.decode()
    assert protocol.digest in coordinator.get(address()).content.decode()
    answer = coordinator.post(address(), {"digest": protocol.digest})
    assert answer.url == address("studies:assignments")
    study.refresh_from_db()
    protocol.refresh_from_db()
    assert (study.state, protocol.frozen_at) == ("open", study.opened_at)
    assert AuditEvent.objects.get(event="studies.study.opened").actor_name == "Dr coordinator"
    # A second press opens nothing again, and the page offers it to nobody.
    coordinator.post(address(), {"digest": protocol.digest})
    assert AuditEvent.objects.filter(event="studies.study.opened").count() == 1
    assert "<button" not in coordinator.get(address()).content.decode().split('id="content"')[1]
    assert f'href="{address()}"' not in coordinator.get(address("studies:protocol")).content.decode()


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_another_protocol_than_was_shown_opens_nothing(coordinator, study, digest):
    answer = coordinator.post(address(), {"digest": digest}, follow=True)
    assert "Nothing was changed." in answer.content.decode()
    study.refresh_from_db()
    assert study.state == "draft"


def test_an_amendment_meanwhile_is_looked_at_first(coordinator, study):
    shown = study.protocols.get().digest
    amend_protocol(study=study, source=amended_source(study), reason="a slip", actor=None, at=factories.AT)
    coordinator.post(address(), {"digest": shown})
    study.refresh_from_db()
    assert study.state == "draft"


def test_what_reading_needs_is_counted(study):
    told = {each.label: (each.have, each.wanted) for each in opening_of(study).facts}
    assert told == {
        "Readers": (0, 2), "Adjudicators": (0, 1), "Panel members": (0, 1), "Included cases": (0, 1),
    }  # fmt: skip
    for role in ("reader", "reader", "adjudicator", "panel"):
        factories.study_role(role, study=study)
    left = factories.study_role("reader", study=study)
    left.left_at = factories.AT
    left.save(update_fields=["left_at"])
    assert not opening_of(study).is_complete
    factories.case(study=study)
    opening = opening_of(study)
    assert opening.is_complete
    assert opening.facts[0].have == 2


@pytest.mark.parametrize("role", ["reader", "adjudicator", "panel", "investigator", "auditor", "screener"])
def test_nobody_else_opens_it(client, study, role):
    client.force_login(factories.study_role(role, study=study).user)
    assert client.get(address()).status_code == 404
    assert client.post(address(), {"digest": study.protocols.get().digest}).status_code == 404
    study.refresh_from_db()
    assert study.state == "draft"


def test_versions_and_what_each_changed_stand_on_the_protocols_page(coordinator, study):
    assert "Versions" not in coordinator.get(address("studies:protocol")).content.decode()
    amend_protocol(study=study, source=amended_source(study), reason="a slip", actor=None, at=factories.AT)
    page = coordinator.get(address("studies:protocol"))
    newest, first = page.context["protocol"].versions
    assert (newest.version, first.version, first.difference) == (2, 1, ())
    assert ("+", "version: 2") in newest.difference
    assert "What version 2 changed" in page.content.decode()
