"""Runs by the API: the doors of the pages, case by case or the whole study, and no prediction."""

import pytest
from django.utils import timezone

from inference.models import InferenceRun, StudyRun
from inference.services.errors import InferenceRefused
from inference.services.runs import start_run
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import Case
from tests.inference.test_pages import ROLES, sign_in

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/studies/facets/models/runs/"


def code_of(first=0):
    return Case.objects.order_by("pseudonym")[first].pseudonym


def post(client, address, body=None):
    return client.post(address, body or {}, content_type="application/json")


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_who_may_ask(client, people, bare_run, role, status):
    sign_in(client, people, role)
    closed = {302: 403}.get(status, status)
    for address in (RUNS, f"{RUNS}1/"):
        assert client.get(address).status_code == closed, address
    assert client.get(f"{RUNS}9/").status_code == (404 if status == 200 else closed)
    for address in (RUNS, f"{RUNS}1/pause/"):
        answer = post(client, address)
        assert answer.status_code in ({200, 400} if status == 200 else {closed}), address
    bare_run.refresh_from_db()
    assert (bare_run.paused_at is not None) == (status == 200)


def test_one_case_is_run_and_then_the_rest(client, people, study_with_images, model):
    client.force_login(people.coordinator)
    asked = {"model": f"{model.name}:{model.version}", "cases": [code_of()]}
    answer = post(client, RUNS, asked)
    assert answer.status_code == 201, answer.content
    assert [each["case"] for each in answer.json()["cases"]] == [code_of()]
    assert post(client, RUNS, asked).json()["detail"].startswith("Every included case has its result")
    assert post(client, RUNS, {"model": str(model.public_id)}).json()["n_total"] == 1
    assert [row["number"] for row in client.get(RUNS).json()["runs"]] == [2, 1]
    for job_id in InferenceRun.objects.values_list("job_id", flat=True):
        run_job(Job.objects.get(public_id=job_id).pk)
    done = client.get(f"{RUNS}1/")
    assert done.json()["is_finished"]
    assert [each["state"] for each in done.json()["cases"]] == ["done"]
    # How it stands, and nothing of what it found.
    assert set(done.json()) == {
        "number", "model", "started_at", "paused", "stopped", "is_finished", "n_total", "n_ended", "n_failed",
        "seconds_left", "cases",
    }  # fmt: skip


def test_what_cannot_be_run_is_refused_in_words(client, people, study_with_images, model):
    client.force_login(people.coordinator)
    asked = {"model": str(model.public_id)}
    for body, status, words in (
        ({}, 400, "model"),
        ({"model": "nothing:9"}, 400, "no such model version"),
        ({**asked, "cases": []}, 400, "cases"),
        ({**asked, "cases": ["nobody", code_of()]}, 409, "no included case with images named nobody"),
    ):
        answer = post(client, RUNS, body)
        assert answer.status_code == status
        assert words in answer.content.decode()
    assert not StudyRun.objects.exists()
    with pytest.raises(InferenceRefused, match="named nobody"):
        start_run(study=study_with_images, model=model, actor=None, at=timezone.now(), only=["nobody"])


def test_acts_are_those_of_the_page(client, people, study_with_images, model):
    client.force_login(people.coordinator)
    post(client, RUNS, {"model": str(model.public_id)})
    assert post(client, f"{RUNS}1/pause/").json()["paused"]
    assert not post(client, f"{RUNS}1/resume/").json()["paused"]
    assert post(client, f"{RUNS}1/stop/").json()["stopped"]
    refused = post(client, f"{RUNS}1/pause/")
    assert (refused.status_code, refused.json()["code"]) == (409, "refused")
    assert post(client, f"{RUNS}1/paint/").status_code == 404
