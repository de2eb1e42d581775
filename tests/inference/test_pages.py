"""The pages of models and runs: who may see them, what they say, and that no probability is on them."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from inference.models import Prediction, StudyRun
from inference.services.runs import start_run
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job

pytestmark = pytest.mark.django_db

ROLES = [
    ("anonymous", 302),
    ("coordinator", 200),
    ("administrator", 200),
    ("investigator", 404),
    ("auditor", 404),
    ("first_reader", 404),
    ("adjudicator", 404),
    ("panel_member", 404),
    ("stranger", 404),
]


@pytest.fixture
def finished_run(study_with_images, model):
    study_run = start_run(study=study_with_images, model=model, actor=None, at=timezone.now())
    for job_id in study_run.runs.values_list("job_id", flat=True):
        run_job(Job.objects.get(public_id=job_id).pk)
    return study_run


def sign_in(client, people, role):
    if role != "anonymous":
        client.force_login(getattr(people, role))


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_who_sees_the_list_of_runs(client, people, bare_run, role, status):
    sign_in(client, people, role)
    assert client.get(reverse("inference:runs", kwargs={"slug": "facets"})).status_code == status


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_who_sees_a_run(client, people, bare_run, role, status):
    sign_in(client, people, role)
    assert client.get(reverse("inference:run", kwargs={"slug": "facets", "number": 1})).status_code == status


@pytest.mark.parametrize("role", ["investigator", "first_reader", "adjudicator", "panel_member", "stranger"])
def test_absent_and_forbidden_are_the_same_answer(client, people, bare_run, role):
    sign_in(client, people, role)
    address = reverse("inference:run", kwargs={"slug": "facets", "number": 1})
    forbidden = client.get(address)
    Prediction.objects.all().delete()
    bare_run.runs.all().delete()
    bare_run.delete()
    absent = client.get(address)
    assert (forbidden.status_code, without_token(forbidden)) == (404, without_token(absent))


def without_token(response):
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", response.content)


@pytest.mark.parametrize("act", ["pause", "resume", "stop", "retry"])
@pytest.mark.parametrize("role", ["investigator", "first_reader", "stranger"])
def test_nobody_else_can_act_on_a_run(client, people, bare_run, role, act):
    sign_in(client, people, role)
    address = reverse("inference:run_act", kwargs={"slug": "facets", "number": 1, "act": act})
    assert client.post(address).status_code == 404
    bare_run.refresh_from_db()
    assert (bare_run.paused_at, bare_run.stopped_at) == (None, None)


def test_an_administrator_with_a_blinded_duty_is_turned_away(client, people, bare_run):
    people.first_reader.is_staff = True
    people.first_reader.save()
    client.force_login(people.first_reader)
    assert client.get(reverse("inference:run", kwargs={"slug": "facets", "number": 1})).status_code == 404


def test_no_probability_is_on_any_page(client, people, finished_run):
    client.force_login(people.coordinator)
    shown = "".join(
        client.get(reverse(name, kwargs=kwargs)).content.decode()
        for name, kwargs in (
            ("inference:runs", {"slug": "facets"}),
            ("inference:run", {"slug": "facets", "number": 1}),
        )
    )
    certainties = {
        f"{point[3]:.2f}"
        for run in finished_run.runs.all()
        for points in run.points.values()
        for point in points.values()
    }
    # Bars and seconds of time used and the model's own figures on phantoms are numbers of the run and of the card.
    shown = re.sub(r"<progress[^>]*>|AUC \d\.\d+|Median \d+\.\d+ s", "", shown)
    numbers = set(re.findall(r"\d\.\d{2,}", shown)) - certainties
    for row in Prediction.objects.all():
        for p in row.probabilities:
            assert not {f"{p:.2f}", f"{p:.3f}", f"{p:.4f}"} & numbers or 0.0 in (p, round(1 - p, 2))


def test_starting_a_run_from_the_page(client, people, study_with_images, model):
    client.force_login(people.coordinator)
    address = reverse("inference:runs", kwargs={"slug": "facets"})
    response = client.post(address, {"model": model.public_id})
    assert response.headers["Location"] == reverse("inference:run", kwargs={"slug": "facets", "number": 1})
    assert StudyRun.objects.get().runs.count() == 2
    page = client.get(response.headers["Location"]).content.decode()
    assert "of 2 cases ended" in page
    assert 'http-equiv="refresh"' in page
    again = client.post(address, {"model": model.public_id}, follow=True).content.decode()
    assert "has its result" in again or "of 2 cases ended" in again


def test_pause_and_stop_from_the_page(client, people, study_with_images, model):
    study_run = start_run(study=study_with_images, model=model, actor=None, at=timezone.now())
    client.force_login(people.coordinator)

    def act(name):
        address = reverse("inference:run_act", kwargs={"slug": "facets", "number": 1, "act": name})
        return client.post(address, follow=True).content.decode()

    assert "Paused: waiting cases are held back" in act("pause")
    study_run.refresh_from_db()
    assert study_run.paused_at is not None
    act("resume")
    assert "Stopped: what is done stays" in act("stop")
    assert "was stopped" in act("pause")
    assert (
        client.post(
            reverse("inference:run_act", kwargs={"slug": "facets", "number": 1, "act": "explode"})
        ).status_code
        == 404
    )


def test_a_draft_says_that_it_was_not_tested(client, people, study, data_root, tmp_path):
    from inference.services.registry import register_model
    from tests.inference.models_for_tests import untrained_model

    untrained_model(tmp_path / "d", name="raw")
    register_model(folder=tmp_path / "d", actor=None, at=timezone.now())
    client.force_login(people.coordinator)
    page = client.get(reverse("inference:runs", kwargs={"slug": "facets"})).content.decode()
    assert "not run yet" in page
    assert "Trained on phantoms" in page
    assert "Run on included cases" not in page
