"""Analysis sets reach the figures: an accident leaves the primary set, a marked deviation the per-protocol set."""

import pytest
from django.urls import reverse

from grading.models import Rating, ReferenceGrade
from readerstudy.analysis.datasets import freeze, thaw
from readerstudy.analysis.results import View, compute_view, view_from
from readerstudy.analysis.results.views import BadView
from readerstudy.analysis.selectors import build_dataset, plan_of
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.studies.models import AccidentalUnblinding, Case, Deviation
from tests.factories.finished_study import START, finished_study
from tests.readerstudy.analysis.conftest import unblinded

pytestmark = pytest.mark.django_db
FINDING = "narrowing"


@pytest.fixture
def made():
    """A study in which one reader was unblinded for one case, and another case deviates as a whole."""
    made = finished_study(n_patients=12, comparison_readers=2)
    cases = list(Case.objects.filter(study=made.study).order_by("pseudonym"))
    AccidentalUnblinding.objects.create(
        study=made.study, user=made.study.roles.get(code="R3").user, case=cases[0], text="heard it", reported_at=START,
        reported_by="x",
    )  # fmt: skip
    Deviation.objects.create(
        study=made.study, case=cases[1], text="wrong series", leaves_per_protocol_set=True,
        happened_on_date=START.date(), noted_at=START, noted_by="x",
    )  # fmt: skip
    return made


def in_both(study, code, cases):
    """Count the stored items of a finding that the reader graded and that have a reference grade."""
    graded = Rating.objects.filter(
        read__case__in=cases, read__reader__in=study.roles.filter(code=code).values("user"),
        finding=FINDING, kind="grade",
    ).values_list("read__case_id", "structure")  # fmt: skip
    reference = ReferenceGrade.objects.filter(
        case__in=cases, finding=FINDING, kind="grade", superseded_at__isnull=True
    ).values_list("case_id", "structure")
    return len(set(graded) & set(reference))


def counts(dataset, plan, name):
    view = View(FINDING, plan.cut_of(FINDING), "all", analysis_set=name)
    rows = compute_view(dataset, plan, view)["readers"]
    return {row["code"]: sum(row["counts"].values()) for row in rows}


def test_each_set_counts_the_reads_that_are_in_it(made):
    study = made.study
    dataset, plan = thaw(freeze(build_dataset(study))), plan_of(study)
    assert dataset.sets == ("primary", "full", "per-protocol")
    every = list(Case.objects.filter(study=study).order_by("pseudonym"))
    expected = {
        "full": {"R3": every, "R4": every},
        "primary": {"R3": every[1:], "R4": every},
        "per-protocol": {"R3": every[2:], "R4": [every[0], *every[2:]]},
    }
    for name, readers in expected.items():
        told = counts(dataset, plan, name)
        assert told == {code: in_both(study, code, cases) for code, cases in readers.items()}, name
    assert counts(dataset, plan, "full") != counts(dataset, plan, "primary")


def test_without_exclusions_there_is_one_set(db):
    made = finished_study(slug="plain", n_patients=3)
    dataset = build_dataset(made.study)
    assert dataset.sets == ("primary",)
    assert dataset.of_set("per-protocol") is dataset


def test_a_snapshot_holds_the_plan_on_every_set_and_the_page_names_it(client, made):
    made = unblinded(made)
    results = latest_snapshot(made.study).results
    plan = plan_of(made.study)
    summary = results["summary"]
    assert summary["sets"] == ["primary", "full", "per-protocol"]
    first = f"{FINDING}|{plan.cut_of(FINDING)}|{summary['default_partition']}|all"
    assert {first, f"{first}|full", f"{first}|per-protocol"} <= set(results["views"])
    assert results["views"][f"{first}|full"]["view"]["set"] == "full"
    client.force_login(made.investigator)
    address = reverse("analysis:results", kwargs={"slug": made.study.slug})
    page = client.get(address, {"set": "per-protocol"}).content.decode()
    assert '<option value="per-protocol" selected>' in page
    assert "Per-protocol set: without marked deviations" in page
    assert "Primary set" in client.get(address).content.decode()
    with pytest.raises(BadView, match="set must be one of"):
        view_from({"set": "everything"}, summary=summary, plan=plan)


def test_the_other_sets_are_exploratory_and_an_old_snapshot_has_one(made):
    from readerstudy.analysis.results.claims import why_exploratory

    dataset, plan = build_dataset(made.study), plan_of(made.study)
    view = View(FINDING, 1, "test", analysis_set="full")
    assert "other_set" in why_exploratory(dataset, plan, view, "auc", False)
    assert "other_set" not in why_exploratory(dataset, plan, View(FINDING, 1, "test"), "auc", False)
    old = {"findings": {FINDING: 4}, "partitions": ["all"], "centres": ["A"], "default_partition": "all"}
    assert view_from({"finding": FINDING, "cut": "1"}, summary=old, plan=plan).analysis_set == "primary"
    with pytest.raises(BadView):
        view_from({"finding": FINDING, "cut": "1", "set": "full"}, summary=old, plan=plan)
