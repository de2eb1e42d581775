"""Analysis sets reach the figures: an accident leaves the primary set, a marked deviation the per-protocol set."""

import pytest
from django.urls import reverse

from grading.models import Rating, ReferenceGrade
from readerstudy.analysis.datasets import freeze, thaw
from readerstudy.analysis.models import ImportedMark
from readerstudy.analysis.results import View, compute_view, view_from
from readerstudy.analysis.results.views import BadView
from readerstudy.analysis.selectors import build_dataset, plan_of
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.studies.analysis_sets import analysis_sets
from readerstudy.studies.models import AccidentalUnblinding, Assignment, Case, Deviation
from tests.factories.finished_study import START, finished_study
from tests.readerstudy.analysis.conftest import unblinded, with_marks

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


def test_marks_leave_a_set_with_their_read(client, made):
    """A read that is left out is no read without a mark: its case leaves that reader, and every comparison."""
    with_marks(made)
    cases = list(Case.objects.filter(study=made.study).order_by("pseudonym"))
    AccidentalUnblinding.objects.create(
        study=made.study, user=made.study.roles.get(code="R1").user, case=cases[2], text="heard it",
        reported_at=START, reported_by="x",
    )  # fmt: skip
    n, left_out = len(cases), {"primary": {"R1": 1, "R2": 0}, "full": {"R1": 0, "R2": 0},
                               "per-protocol": {"R1": 2, "R2": 1}}  # fmt: skip
    unblinded(made)
    snapshot = latest_snapshot(made.study)
    of_set = {"primary": snapshot.results["marks"], **snapshot.results["marks_of_sets"]}
    assert set(of_set) == set(left_out)
    for name, gone in left_out.items():
        figures = of_set[name]["all"]
        assert figures["cases"] == n, name
        people = {row["code"]: row for row in figures["people"]}
        assert {code: n - people[code]["cases"] for code in gone} == gone, name
        # One mark per other case, the case that is left out being one of them or not.
        marked = {
            code: sum(
                1
                for row in ImportedMark.objects.filter(by=code)
                if row.case_id not in set(kept_out(made, code, name))
            )
            for code in gone
        }
        assert {code: people[code]["marks"] for code in gone} == marked, name
        assert people["marker 1"]["cases"] == n
    # A case with a lesion that R1 leaves: its lesion is not missed by R1.
    full, primary = (of_set[name]["all"]["people"][0] for name in ("full", "primary"))
    assert full["hits"] + full["misses"] == primary["hits"] + primary["misses"] + 1

    client.force_login(made.investigator)
    address = reverse("analysis:marks", kwargs={"slug": made.study.slug})
    page = client.get(address, {"partition": "all", "set": "per-protocol"}).content.decode()
    assert '<option value="per-protocol" selected>' in page
    assert "Cases left out per reader: R1 2, R2 1." in page
    assert "Cases left out per reader: R1 1." in client.get(address, {"partition": "all"}).content.decode()
    assert client.get(address, {"set": "everything"}).status_code == 404
    table = reverse("analysis:marks_table", kwargs={"slug": made.study.slug, "block": "marks-people"})
    assert client.get(table, {"partition": "all", "set": "nothing"}).status_code == 404


def kept_out(made, code, name):
    """Return the cases whose read by this reader is not in a set."""
    sets = analysis_sets(made.study)
    inside = {"full": sets.full, "primary": sets.primary, "per-protocol": sets.per_protocol}[name]
    return [
        case
        for pk, case in Assignment.objects.filter(
            pk__in=sets.full, user__in=made.study.roles.filter(code=code).values("user")
        ).values_list("pk", "case_id")
        if pk not in inside
    ]
