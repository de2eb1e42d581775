"""The results API: the page's figures, the page's doors, and the documented client."""

import importlib.util

import pytest

from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.services.snapshots import latest_snapshot
from tests.factories.finished_study import PASSWORD, ROOT, finished_study
from tests.readerstudy.analysis.conftest import unblinded, with_marks

PARTS = ("", "figures/", "resampled/", "marks/", "readers/", "items/")


def client_module():
    spec = importlib.util.spec_from_file_location("results_client", ROOT / "examples" / "results_client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.django_db
def test_api_serves_the_snapshot_to_whom_the_page_does(client):
    made = unblinded(with_marks(finished_study(n_patients=4)))
    opened = finished_study(slug="opened", n_patients=2, prefix="opened_", with_model=False)
    base = "/api/v1/studies/finished/results/"
    for user, status in ((made.investigator, 200), (made.coordinator, 200), (made.first_reader, 404)):
        client.force_login(user)
        for part in PARTS:
            assert client.get(f"{base}{part}").status_code == status, (user, part)
    client.force_login(opened.investigator)
    for part in PARTS:
        before = client.get(f"/api/v1/studies/opened/results/{part}")
        absent = client.get(f"/api/v1/studies/none/results/{part}")
        assert (before.status_code, before.json()) == (404, absent.json())
    client.logout()
    assert client.get(base).status_code == 403
    client.force_login(made.investigator)
    figures = client.get(f"{base}figures/?finding=cyst&partition=all").json()["figures"]
    stored = dict(latest_snapshot(made.study).results["views"]["cyst|1|all|all"])
    assert figures == stored
    assert client.get(f"{base}figures/?finding=none").json()["code"] == "bad_view"
    assert client.get(f"{base}items/?who=R9").status_code == 400
    assert client.get(f"{base}marks/").json()["marks"]["all"]["lesions"] == 2
    assert UnblindingEvent.objects.filter(act="results", person_id=made.investigator.public_id).count() == 2


@pytest.mark.django_db
def test_the_description_names_every_part(client):
    made = finished_study(n_patients=2, with_model=False)
    client.force_login(made.investigator)
    text = client.get("/api/v1/schema/").content.decode()
    for part in PARTS:
        assert f"/api/v1/studies/{{slug}}/results/{part}:" in text
    assert "undefined_because" in text


@pytest.mark.django_db(transaction=True)
def test_the_example_client_writes_the_pages_tables(live_server):
    made = unblinded(finished_study(n_patients=4))
    example = client_module()
    study = example.ResultsClient(live_server.url, "investigator", PASSWORD, study="finished")
    figures = latest_snapshot(made.study).results["views"]["narrowing|2|all|all"]
    counts = study.counts(finding="narrowing", partition="all")
    for row, shown in zip([*figures["readers"], figures["model"]], counts[1:], strict=True):
        assert shown[0] == row["code"]
        assert [int(cell) for cell in shown[1:5]] == [row["counts"][k] for k in ("tp", "fn", "fp", "tn")]
        assert shown[5] == example.words(row["sensitivity"])
    headline = study.headline(finding="narrowing", partition="all")
    assert headline[1][3] == example.words(figures["headline"]["sensitivity"]["difference"], 3)
    cell = study.items(finding="narrowing", partition="all", who="R1", cell="fn")
    assert len(cell["items"]) == figures["readers"][0]["counts"]["fn"]
    assert "model" in example.table(headline)
    with pytest.raises(PermissionError):
        example.ResultsClient(live_server.url, "investigator", "wrong", study="finished")
