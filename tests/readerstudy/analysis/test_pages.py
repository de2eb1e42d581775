"""From a number to its items and cases, how readers read, and what the next study needs."""

import csv
import io
import re

import numpy as np
import pytest
from django.utils.translation import override

from readerstudy.analysis.methods import method_sentence
from readerstudy.analysis.results import View, compute_view
from readerstudy.analysis.results.baseline import fit_logistic
from readerstudy.analysis.results.planning import own_correlation, plan_size
from readerstudy.analysis.results.readers import compute_readers
from readerstudy.analysis.selectors import plan_of
from readerstudy.analysis.services.snapshots import dataset_of, latest_snapshot, resampled_if_known
from readerstudy.stats import design_effect, patients_for_proportion
from readerstudy.studies.models import Case
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded

pytestmark = pytest.mark.django_db
STATE = "finding=narrowing&cut=2&partition=all"


def test_every_count_leads_to_as_many_items(client, study_with_results):
    study = study_with_results.study
    client.force_login(study_with_results.investigator)
    page = client.get(f"/studies/finished/results/?{STATE}").content.decode()
    figures = latest_snapshot(study).results["views"]["narrowing|2|all|all"]
    for row in (*figures["readers"], figures["model"]):
        key = "model" if row["kind"] == "model" else row["code"]
        for cell, n in row["counts"].items():
            if not n:
                continue
            found = re.search(rf'href="([^"]*results/items/[^"]*who={key}&amp;cell={cell})"', page)
            address = found.group(1).replace("&amp;", "&")
            assert f"{n} item" in client.get(address).content.decode()
            text = client.get(address.replace("items/?", "items.csv?")).content.decode()
            rows = list(csv.DictReader(io.StringIO(text)))
            assert len(rows) == n, (key, cell)
            for item in rows:
                given = int(item["model"] if key == "model" else item[key])
                ill, called = int(item["reference"]) >= 2, given >= 2
                assert (ill, called) == {
                    "tp": (True, True), "fn": (True, False), "fp": (False, True), "tn": (False, False),
                }[cell]  # fmt: skip


def test_a_cell_of_a_matrix_leads_to_as_many_items(client, study_with_results):
    client.force_login(study_with_results.investigator)
    figures = latest_snapshot(study_with_results.study).results["views"]["narrowing|2|all|all"]
    table = figures["confusion"]["each"]["R1"]["table"]
    for reference, given in ((0, 0), (1, 0), (2, 3)):
        query = f"{STATE}&who=R1&reference={reference}&given={given}"
        rows = client.get(f"/studies/finished/results/items.csv?{query}").content.decode().splitlines()
        assert len(rows) - 1 == table[reference][given]
    for bad in (
        "who=R9",
        "who=R1&cell=wrong",
        "cell=tp",
        "reference=x",
        "given=1",
        "other=R1",
        "level=L9",
        "who=R1&other=R9",
    ):
        assert client.get(f"/studies/finished/results/items/?{STATE}&{bad}").status_code == 404


def test_every_number_of_the_tables_leads_to_as_many_items(client, study_with_results):
    """
    A row's own count of items is the number of items that its link lists.

    A mean of readers counts every reader's answers; its link lists the items of the view.
    """
    client.force_login(study_with_results.investigator)
    page = client.get(f"/studies/finished/results/?{STATE}").content.decode()
    found = re.findall(r'<td class="number"><a href="([^"]*results/items/[^"]*)">([\d\s]+)</a></td>', page)
    assert len(found) > 60
    asked = set()
    for address, n in found:
        address = address.replace("&amp;", "&").replace("items/?", "items.csv?")
        if (address, n) in asked:
            continue
        asked.add((address, n))
        rows = client.get(address).content.decode().splitlines()
        listed, counted = len(rows) - 1, int(re.sub(r"\s", "", n))
        is_right = listed == counted if "who=" in address else listed > 0
        assert is_right, (address, listed, counted)
    text = " ".join(address for address, _ in asked)
    for part in ("other=", "level=", "side=", "cell=ill", "cell=well", "given=", "finding=cyst"):
        assert part in text


def test_an_item_leads_to_its_case(client, study_with_results):
    client.force_login(study_with_results.investigator)
    page = client.get(f"/studies/finished/results/items/?{STATE}").content.decode()
    case = Case.objects.get(study=study_with_results.study, pseudonym="C0003")
    assert f"/studies/finished/results/cases/{case.public_id}/" in page
    page = client.get(f"/studies/finished/results/cases/{case.public_id}/").content.decode()
    assert page.count('<td class="name">') == 50
    assert "no images here" in page
    other = unblinded(finished_study(slug="other", n_patients=3, prefix="other_", with_model=False))
    foreign = Case.objects.filter(study=other.study)[0]
    assert client.get(f"/studies/finished/results/cases/{foreign.public_id}/").status_code == 404


def test_bootstrap_figures_outside_the_plan_are_pending_then_kept(client, study_with_results):
    client.force_login(study_with_results.investigator)
    state = "finding=narrowing&cut=1&partition=all"
    address = f"/studies/finished/results/?{state}"
    assert "is being computed" in client.get(address).content.decode()
    snapshot = latest_snapshot(study_with_results.study)
    assert resampled_if_known(snapshot=snapshot, view=View("narrowing", 1, "all")) is None
    given = client.get(f"/studies/finished/results/resampled.json?{state}").json()
    kept = resampled_if_known(snapshot=snapshot, view=View("narrowing", 1, "all"))
    assert kept["average_precision"] == given["average_precision"]
    page = client.get(address).content.decode()
    assert "is being computed" not in page
    assert given["words"]["average_precision"]["words"] in page
    assert [row["code"] for row in given["matched"]] == ["R1", "R2"]


def test_repeats_times_and_audit_are_of_the_readers_own_answers(study_with_results):
    from dataclasses import replace

    dataset = dataset_of(latest_snapshot(study_with_results.study))
    data = dataset.findings["cyst"]
    again = data.reads.copy()
    again[5:] = -1
    again[0, 0] = 1 - data.reads[0, 0] if data.reads[0, 0] >= 0 else -1
    agreed = (data.reads[:, 0] >= 0) & (data.reads[:, 0] == data.reads[:, 1])
    covered = np.where(agreed, data.reads[:, 0], -1).astype(np.int8)
    wrong = np.flatnonzero(agreed)[:7]
    covered[wrong] = 1 - covered[wrong]
    changed = replace(
        dataset, findings={**dataset.findings, "cyst": replace(data, repeats=again, covered=covered)}
    )
    plan = plan_of(study_with_results.study)
    found = compute_readers(changed, plan)
    first = next(row for row in found["findings"] if (row["finding"], row["code"]) == ("cyst", "R1"))
    both = (data.reads[:5, 0] >= 0) & (again[:5, 0] >= 0)
    assert first["repeats"]["n"] == both.sum()
    same = (data.reads[:5, 0] == again[:5, 0])[both]
    assert first["repeats"]["exact"]["value"] == pytest.approx(same.mean())
    audit = next(row for row in found["audit"] if row["finding"] == "cyst")
    assert (audit["audited"], audit["wrong"]) == (agreed.sum(), 7)
    assert audit["rate"]["value"] == pytest.approx(7 / agreed.sum())
    none = next(row for row in found["audit"] if row["finding"] == "erosion")
    assert none["rate"]["undefined_because"] == "no agreed item was audited"
    assert [row["quartiles"] for row in found["times"]] == [[70.0, 70.0, 70.0]] * 2
    assert compute_view(changed, plan, View("cyst", 1, "all"))["readers"]


def test_pages_of_readers_and_sizes_open(client, study_with_results):
    client.force_login(study_with_results.investigator)
    page = client.get("/studies/finished/results/readers/").content.decode()
    assert "70 s" in page
    assert "no case was read twice" in page
    page = client.get("/studies/finished/planner/").content.decode()
    assert "Correlation within patients" in page
    page = client.get(
        "/studies/finished/planner/?design=share&share=0.8&half_width=0.05&items_per_patient=4&correlation=0.2"
    ).content.decode()
    expected = patients_for_proportion(0.8, 0.05, items_per_patient=4, correlation=0.2)
    assert f'data-figure="size">{expected}<' in page
    assert "design effect 1.60" in page
    page = client.get("/studies/finished/planner/?design=mrmc&readers=2&difference=0.01&auc=0.8&range_between=0.4"
                      "&range_within=0.4&ratio=1&alpha=0.05&power=0.9").content.decode()  # fmt: skip
    assert "No size:" in page


def test_planner_before_unblinding_asks_nothing_of_the_data(client, open_study_ready):
    client.force_login(open_study_ready.investigator)
    page = client.get("/studies/finished/planner/").content.decode()
    assert "After unblinding the study's own correlation" in page


def test_own_correlation_is_that_of_the_design_effect():
    estimate = {"value": 0.8, "se": (1.9 * 0.8 * 0.2 / 1000) ** 0.5, "n": 1000, "n_clusters": 100}
    own = own_correlation("sensitivity", "R1", estimate)
    assert own.design_effect == pytest.approx(design_effect(own.items_per_patient, own.correlation))
    assert own.correlation == pytest.approx(0.1)
    assert own_correlation("sensitivity", "R1", estimate | {"n_clusters": 1000}) is None
    assert own_correlation("sensitivity", "R1", estimate | {"value": None}) is None


@pytest.mark.parametrize(
    ("design", "given", "key"),
    [
        ("paired", {"first_only": 0.15, "second_only": 0.08, "items_per_patient": 3, "correlation": 0.1,
                    "alpha": 0.05, "power": 0.8}, "patients"),
        ("auc", {"auc": 0.8, "ratio": 1, "alpha": 0.05, "power": 0.8}, "diseased"),
        ("kappa", {"kappa": 0.6, "kappa_lower": 0.4, "share": 0.3, "items_per_patient": 2, "correlation": 0.1,
                   "alpha": 0.05}, "patients"),
    ],
)  # fmt: skip
def test_designs_give_a_size(design, given, key):
    assert plan_size(design, given)[key] > 10


def test_logistic_regression_equals_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(2)
    x = rng.integers(0, 2, size=(400, 3)).astype(float)
    y = rng.random(400) < 1 / (1 + np.exp(-(x @ [1.0, -0.5, 2.0] - 1)))
    patterns, at = np.unique(np.column_stack((np.ones(400), x)), axis=0, return_inverse=True)
    at = at.ravel()
    own = fit_logistic(patterns, np.bincount(at, weights=y), np.bincount(at).astype(float))
    # scikit-learn's C is the inverse of the ridge, half of the squared norm as here.
    other = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    assert own[0] == pytest.approx(other.intercept_[0], abs=1e-5)
    assert own[1:] == pytest.approx(other.coef_[0], abs=1e-5)


def test_every_method_of_a_snapshot_has_its_sentence(study_with_results):
    """A new method of the statistics needs a sentence here: hovering says how a number arose and after whom."""

    def methods(value):
        if isinstance(value, dict):
            if isinstance(value.get("method"), str) and value.get("low") is not None:
                yield value["method"]
            for each in value.values():
                yield from methods(each)
        elif isinstance(value, list):
            for each in value:
                yield from methods(each)

    found = set(methods(latest_snapshot(study_with_results.study).results))
    assert len(found) > 15
    for method in found:
        sentence = method_sentence(method)
        assert sentence != method, method
        assert sentence.endswith("."), sentence
    df = method_sentence(
        "ppv, clustered (Rao-Scott ratio estimator); Wilson score on the effective sample size, t on 14 df"
    )
    assert df.startswith("Positive predictive value")
    assert "Rao and Scott 1992" in df
    assert "14 degrees of freedom" in df
    with override("zh-hans"):
        assert "Wilson" in method_sentence(
            "ppv, clustered (Rao-Scott ratio estimator); Wilson score, t on 14 df"
        )
    assert method_sentence("something new") == "something new"
