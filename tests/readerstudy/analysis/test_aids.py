"""The aid is released by an act, as a frozen copy, to aided showings only; the office counts and sees no prediction."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from inference.models import ModelVersion, Prediction
from readerstudy.analysis.services.aids import AidRefused, aid_state, release_aid
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, ReaderStudy, ReleasedAid
from tests import factories
from tests.factories.aided import SHARES, aided_study, model_version, predicted

pytestmark = pytest.mark.django_db


@pytest.fixture
def made():
    return aided_study()


def release(made, **given):
    return release_aid(
        **{
            "study": made.study,
            "version": made.version,
            "actor": made.people["coordinator"],
            "at": factories.AT,
            **given,
        }
    )


def test_every_aided_showing_and_no_other_gets_a_copy(made):
    assert release(made) == 4
    rows = ReleasedAid.objects.select_related("assignment")
    assert {row.assignment for row in rows} == set(Assignment.objects.filter(condition="aided"))
    assert all(row.model_digest == made.version.digest for row in rows)
    assert rows[0].payload["L4-5-right|narrowing"] == {"grade": 2, "probabilities": SHARES["narrowing"]}
    assert len(rows[0].payload) == 4
    event = AuditEvent.objects.get(event="analysis.aid.released")
    assert event.detail["n"] == 4
    state = aid_state(made.study)
    assert (state.n_released, state.n_waiting, state.choices) == (4, 0, ())


def test_what_was_released_stands_whatever_the_model_says_later(made):
    release(made)
    before = list(ReleasedAid.objects.order_by("pk").values_list("payload", flat=True))
    Prediction.objects.update(probabilities=[1.0, 0.0])
    assert list(ReleasedAid.objects.order_by("pk").values_list("payload", flat=True)) == before
    row = ReleasedAid.objects.first()
    for act in (lambda: ReleasedAid.objects.filter(pk=row.pk).update(payload={}), row.delete):
        with pytest.raises(DatabaseError, match="a released aid stands"), transaction.atomic():
            act()


def test_a_case_outside_the_models_input_is_read_with_an_aid_that_says_nothing():
    made = aided_study()
    late = factories.case(study=made.study)
    for name in ("first_reader", "second_reader"):
        factories.assignment(of=late, person=made.people[name], condition="aided", session=2)
    with pytest.raises(AidRefused, match="has not run on 1 of the cases"):
        release(made)
    assert not ReleasedAid.objects.exists()
    predicted(study=made.study, version=made.version, case=late, state="refused")
    assert release(made) == 6
    assert ReleasedAid.objects.filter(assignment__case=late, payload={}).count() == 2


@pytest.mark.parametrize("state", ["draft", "validated", "retired"])
def test_only_an_approved_version(made, state):
    ModelVersion.objects.update(state=state)
    made.version.refresh_from_db()
    with pytest.raises(AidRefused, match="not approved"):
        release(made)


def test_every_aided_read_of_a_study_sees_the_same_version(made):
    release(made)
    other = model_version()
    late = factories.case(study=made.study)
    factories.assignment(of=late, person=made.people["first_reader"], condition="aided", session=2)
    for version in (other, made.version):
        predicted(study=made.study, version=version, case=late, number=2 + (version == other))
    with pytest.raises(AidRefused, match="every aided read sees the same one"):
        release(made, version=other)
    assert release(made) == 1
    with pytest.raises(AidRefused, match="No aided showing waits"):
        release(made)


def test_the_version_that_the_protocol_names(made):
    protocol = made.study.protocols.get()
    content = protocol.source.replace("primary_model: null", "primary_model: another")
    content = content if content != protocol.source else protocol.source + "\n  primary_model: another\n"
    named = factories.protocol(study=made.study, source=content, version=2)
    assert named.document.analysis["primary_model"] == "another"
    with pytest.raises(AidRefused, match="The protocol names another"):
        release(made)


def test_neither_without_the_condition_nor_in_a_study_that_is_not_open(made):
    plain = factories.reader_study()
    with pytest.raises(AidRefused, match="no aided condition"):
        release(made, study=plain)
    ReaderStudy.objects.filter(pk=made.study.pk).update(state="locked", locked_at=factories.AT)
    with pytest.raises(AidRefused, match="The study is locked"):
        release(made)
    assert not ReleasedAid.objects.exists()


def test_a_release_is_of_what_was_shown(made):
    shown = aid_state(made.study).choices[0].digest
    Assignment.objects.filter(condition="aided").first().delete()
    with pytest.raises(AidRefused, match="changed since this was shown"):
        release(made, expected_digest=shown)


def test_the_coordinator_releases_on_the_page_and_reads_no_prediction_there(client, made):
    client.force_login(made.people["coordinator"])
    address = reverse("analysis:aid", kwargs={"slug": made.study.slug})
    page = client.get(address).content.decode()
    assert str(made.version) in page
    for share in (0.5941, 0.7319):
        assert not any(text in page for text in (str(share), f"{share:.3f}", f"{100 * share:.0f} %"))
    choice = aid_state(made.study).choices[0]
    answer = client.post(address, {"version": choice.key, "digest": choice.digest}, follow=True)
    assert "released for 4 aided showings" in answer.content.decode()
    assert ReleasedAid.objects.count() == 4
    assert (
        address in client.get(reverse("grading:overview", kwargs={"slug": made.study.slug})).content.decode()
    )


@pytest.mark.parametrize("role", ["first_reader", "adjudicator", "panel_member", "investigator", "auditor"])
def test_nobody_else_finds_the_page(client, made, role):
    client.force_login(made.people[role])
    address = reverse("analysis:aid", kwargs={"slug": made.study.slug})
    assert (client.get(address).status_code, client.post(address, {}).status_code) == (404, 404)


def test_the_command(made, capsys):
    slug = made.study.slug
    with pytest.raises(CommandError, match="There is no model"):
        call_command("release_aid", slug, model="nothing@1")
    call_command("release_aid", slug, model=f"{made.version.name}@1")
    assert "for 4 aided showings" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No aided showing waits"):
        call_command("release_aid", slug, model=made.version.digest)
