"""Where the model looked: for those who may see figures, after unblinding, of their own study's cases."""

import base64
import zlib

import pytest
from django.urls import reverse

from inference.models import HeatMap, InferenceRun
from readerstudy.studies.models import Case
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded

pytestmark = pytest.mark.django_db
BYTES = bytes([0, 40, 255, 12])
ITEM = {"structure": "L4-5-right", "finding": "cyst", "affine": [0, 0, 6.4, 1, 0, 6.4, 0, 2, 6, 0, 0, 3]}


def add_heat(case):
    """Give the case's finished run a map of one item on four cells."""
    run = InferenceRun.objects.get(case=case)
    return HeatMap.objects.create(
        run=run,
        kind="MR-axial",
        method="grad-cam",
        series_uid="1.2.3",
        frame_of_reference="1.2.4",
        shape=[1, 2, 2],
        cell_mm=[6.0, 6.4, 6.4],
        items=[ITEM],
        values=zlib.compress(BYTES),
    )


def address_of(case):
    return reverse("analysis:case_heat", kwargs={"slug": case.study.slug, "case": case.public_id})


@pytest.fixture
def looked_at():
    """One open and one unblinded study, each with a case that has maps."""
    opened = finished_study(slug="opened", n_patients=3, prefix="opened_")
    done = unblinded(finished_study(slug="done", n_patients=6, prefix="done_"))
    cases = {}
    for slug in ("opened", "done"):
        cases[slug] = Case.objects.filter(study__slug=slug).order_by("pseudonym")[0]
        add_heat(cases[slug])
    return {"opened": opened, "done": done, "cases": cases}


OFFICE = {"coordinator", "investigator", "auditor"}
BLINDED = ("first_reader", "second_reader", "adjudicator", "panel_member")


@pytest.mark.parametrize("role", ["anonymous", *BLINDED, *sorted(OFFICE)])
def test_maps_open_after_unblinding_and_for_the_office_only(client, looked_at, role):
    for slug, allowed in (("opened", set()), ("done", OFFICE)):
        client.logout()
        if role != "anonymous":
            client.force_login(getattr(looked_at[slug], role))
        response = client.get(address_of(looked_at["cases"][slug]))
        wanted = 200 if role in allowed else 302 if role == "anonymous" else 404
        assert response.status_code == wanted, (slug, role)
        if wanted != 200:
            assert b"cyst" not in response.content
            assert base64.b64encode(BYTES) not in response.content


def test_an_answer_says_cells_and_names_and_is_kept_nowhere(client, looked_at):
    client.force_login(looked_at["done"].investigator)
    response = client.get(address_of(looked_at["cases"]["done"]))
    assert "no-store" in response["Cache-Control"]
    answer = response.json()
    assert answer["model"] == "simulated-done 1.0"
    assert [each["id"] for each in answer["structures"]] == ["L4-5-right"]
    assert answer["findings"] == [{"id": "cyst", "label": "Subchondral cysts"}]
    (only,) = answer["maps"]
    assert only["cell_mm"] == [6.0, 6.4, 6.4]
    assert only["shape"] == [1, 2, 2]
    assert only["items"] == [ITEM]
    assert base64.b64decode(only["values"]) == BYTES


def test_a_case_without_maps_and_another_studys_case_are_absent(client, looked_at):
    client.force_login(looked_at["done"].investigator)
    without = Case.objects.filter(study__slug="done").order_by("pseudonym")[1]
    assert client.get(address_of(without)).status_code == 404
    foreign = looked_at["cases"]["opened"].public_id
    address = reverse("analysis:case_heat", kwargs={"slug": "done", "case": foreign})
    assert client.get(address).status_code == 404


def test_the_latest_run_of_the_model_counts(client, looked_at):
    case = looked_at["cases"]["done"]
    run = InferenceRun.objects.get(case=case)
    HeatMap.objects.filter(run=run).delete()
    client.force_login(looked_at["done"].investigator)
    assert client.get(address_of(case)).status_code == 404
