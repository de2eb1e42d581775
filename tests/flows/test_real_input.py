"""
Real lumbar MR and CT, from files to figures, by people in a real Chromium and a real worker.

Three MR cases lost their sides at the source (accepted by convention); the pixels of the CT are too
coarse for facet joints, and both readers say so. The figures of the dashboard are computed again here
from the stored ratings.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from grading.models import Adjudication, Discordance, Rating, Read, ReferenceGrade
from inference.models import InferenceRun, Prediction, StudyRun
from inference.services.registry import mark_validated, register_model
from readerstudy.analysis.models import Snapshot
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import Finding
from tests import factories
from tests.servers import Worker

pytestmark = [
    pytest.mark.shared,
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=False),
]

PROTOCOL = factories.ROOT / "protocols" / "facet-joint-degeneration.yaml"
SHIPPED_MODEL = factories.ROOT / "inference" / "weights" / "facet-demo"
FOLDERS = ("lumbar_mr/vb2_05", "lumbar_mr/vb2_09", "lumbar_mr/vb2_13", "lumbar_ct/ts_example")
TEAM = {
    "first-reader": "reader",
    "second-reader": "reader",
    "adjudicator": "adjudicator",
    "panel-member": "panel",
    "coordinator": "coordinator",
    "investigator": "investigator",
}
# What the second reader grades otherwise than the first, in every MR case: (structure, finding) -> grade.
DISPUTED = {("L4-5-right", "narrowing"): 3, ("L4-5-left", "osteophytes"): 0, ("L5-S1-right", "cyst"): 1}
PATIENCE_MS = 60_000


@pytest.fixture
def worker(settings, tmp_path) -> Iterator[Worker]:
    started = Worker.start(
        tmp_path, queues="default,inference.cpu", lease_seconds=20, data_root=settings.READERSTUDY_DATA_ROOT
    )
    yield started
    started.stop()


@pytest.fixture
def study(transactional_db, settings, tmp_path, shared_data) -> ReaderStudy:
    """The facet study with the four real cases, its people, and reads assigned by commands."""
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    call_command("create_study", str(PROTOCOL), slug="real", straight_to_cases=True)
    for name, role in TEAM.items():
        factories.user(name)
        call_command("grant_role", "real", name, role)
    for folder in FOLDERS:
        call_command("import_dicom", "real", str(shared_data / folder))
    call_command("screen_cases", "real", include_all=True, numbering="5", accept_sides=True)
    call_command("open_study", "real")
    call_command("assign", "real", seed=7)
    return ReaderStudy.objects.get(slug="real")


@pytest.fixture
def sign_in(browser, live_server) -> Iterator[Any]:
    """Open a window of its own for a person and sign in through the form."""
    contexts = []

    def opened(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(live_server.url + reverse("accounts:sign_in"))
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", factories.PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/sign-in/" not in url)
        return page

    yield opened
    for context in contexts:
        context.close()


def first_grade(case: str, structure: str, finding: str, n_grades: int) -> int:
    """Return the first reader's grade of an item: any fixed pattern that uses every grade."""
    return sum(f"{case}{structure}{finding}".encode()) % n_grades


def read_everything(page: Page, live_server: Any, study: ReaderStudy, name: str) -> None:
    """Read all cases in the stored order by keys alone."""
    document = study.protocols.get().document
    mine = Assignment.objects.filter(study=study, user__username=name).order_by("position")
    page.goto(live_server.url + reverse("grading:worklist", kwargs={"slug": study.slug}))
    for place, assignment in enumerate(mine):
        if place == 0:
            page.keyboard.press("Enter")
        page.wait_for_url(f"**/read/{assignment.public_id}/")
        page.wait_for_selector("rs-grading[data-ready]")
        is_ct = "CT" in assignment.case.image_set.imaging_studies.get().modalities
        for item in document.items:
            if is_ct:
                page.keyboard.press("x")
                # Second of the reasons: the resolution is too low.
                page.keyboard.press("2")
                continue
            grade = first_grade(assignment.case.pseudonym, *item.key, item.finding.n_grades)
            if name == "second-reader" and item.key in DISPUTED:
                grade = (grade + 1) % item.finding.n_grades
            page.keyboard.press(str(grade))
        expect(page.locator("#save-badge")).to_have_attribute("data-kind", "saved", timeout=PATIENCE_MS)
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url, here=str(assignment.public_id): here not in url)


def settle_everything(page: Page, live_server: Any, study: ReaderStudy) -> None:
    """Keep A of every item but one, which gets a third answer with a reason."""
    page.goto(live_server.url + reverse("grading:adjudication_list", kwargs={"slug": study.slug}))
    page.keyboard.press("Enter")
    page.wait_for_url("**/adjudication/*-*/")
    for n_settled in range(Discordance.objects.filter(case__study=study).count()):
        here = page.url
        place = n_settled % len(DISPUTED) + 1
        expect(page.locator("rs-adjudication p").first).to_contain_text(
            f"item {place} of {len(DISPUTED)}", timeout=PATIENCE_MS
        )
        shown = page.locator("rs-adjudication .card-answer .box").all_inner_texts()
        assert len(shown) == 2
        if n_settled == 0:
            third = next(grade for grade in "01" if grade not in shown) if set(shown) != {"0", "1"} else "2"
            page.keyboard.press(third)
            page.keyboard.press("Shift+Digit3")
        else:
            page.keyboard.press("a")
        with page.expect_response("**/settle/") as answered:
            page.keyboard.press("Enter")
        assert answered.value.status == 200
        if place == len(DISPUTED):
            page.wait_for_url(lambda url, here=here: url != here)
    assert Adjudication.objects.filter(choice="own").count() == 1
    page.wait_for_url("**/adjudication/")


def confirm_everything(page: Page, live_server: Any, study: ReaderStudy) -> None:
    """Confirm every case; in the first one a grade is overruled."""
    page.goto(live_server.url + reverse("grading:panel_list", kwargs={"slug": study.slug}))
    page.keyboard.press("Enter")
    for place in range(len(FOLDERS)):
        page.wait_for_selector("rs-panel .grade-grid")
        if place == 0:
            page.keyboard.press("o")
            now = page.locator("rs-panel .cell.is-current").inner_text().strip()
            page.keyboard.press("0" if now != "0" else "1")
            page.keyboard.press("Shift+Digit1")
        with page.expect_response("**/confirm/") as answered:
            page.keyboard.press("Control+Enter")
        assert answered.value.status == 200
        page.wait_for_load_state("load")
    page.wait_for_url("**/panel/")


def run_the_model(page: Page, live_server: Any, study: ReaderStudy) -> None:
    """Start the shipped model from the coordinator's page and wait until the page says that all cases ended."""
    model = register_model(folder=SHIPPED_MODEL, actor=None, at=timezone.now())
    mark_validated(model=model, golden_difference=0.0, actor=None, at=timezone.now())
    page.goto(live_server.url + reverse("inference:runs", kwargs={"slug": study.slug}))
    page.click("form button:has-text('Run on included cases')")
    page.wait_for_url("**/models/runs/1/")
    # The page itself asks again every few seconds.
    expect(page.locator(".run-count strong")).to_have_text(str(len(FOLDERS)), timeout=2 * PATIENCE_MS)
    for run in InferenceRun.objects.filter(study_run=StudyRun.objects.get()):
        if run.refusal_reason:
            # Stored with the structures' codes, said with their labels.
            said = run.refusal_reason
            for each in study.protocols.get().document.structures:
                said = said.replace(each.id, str(each.label))
            assert said in page.inner_text("main"), said
        else:
            assert run.predictions.exists()


def sign(page: Page, address: str, reason: str = "") -> None:
    page.goto(address)
    if reason:
        page.fill("textarea[name=reason]", reason)
    page.fill("input[name=password]", factories.PASSWORD)
    page.click("main form .button-main")


def test_from_real_files_to_the_dashboard(study, sign_in, live_server, worker):
    document = study.protocols.get().document
    for name in ("first-reader", "second-reader"):
        read_everything(sign_in(name), live_server, study, name)
    assert Read.objects.filter(state="submitted").count() == 8
    disputed = Discordance.objects.filter(case__study=study)
    assert {(each.structure, each.finding) for each in disputed} == set(DISPUTED)
    assert disputed.count() == 9

    settle_everything(sign_in("adjudicator"), live_server, study)
    confirm_everything(sign_in("panel-member"), live_server, study)
    reference = ReferenceGrade.objects.filter(case__study=study, superseded_at=None)
    assert reference.count() == 4 * len(document.items)
    assert set(reference.values_list("provenance", flat=True)) == {"confirmed", "overruled"}
    assert reference.filter(provenance="overruled").count() == 1
    assert reference.filter(kind="not_assessable").count() == len(document.items)

    office = sign_in("coordinator")
    run_the_model(office, live_server, study)
    investigator = sign_in("investigator")
    at = lambda name: live_server.url + reverse(f"analysis:{name}", kwargs={"slug": study.slug})  # noqa: E731
    sign(investigator, at("lock"))
    investigator.wait_for_selector("text=The study is locked")
    sign(investigator, at("unblind"), "read completely")
    investigator.wait_for_url("**/results/")
    # The page asks again by itself until the worker has computed the first snapshot.
    expect(investigator.locator("main table:visible").first).to_be_visible(timeout=2 * PATIENCE_MS)
    snapshot = Snapshot.objects.get(study=study, state=Snapshot.State.DONE)
    assert snapshot.number == 1

    assert Prediction.objects.filter(run__study_run__study=study).exists()
    for finding in document.findings:
        shown = investigator.evaluate(
            "async (address) => (await fetch(address)).json()",
            at("results_json") + f"?finding={finding.id}&cut={finding.cut}&partition=all",
        )
        compare_figures(shown, study, finding)
    events = set(AuditEvent.objects.filter(study_id=study.public_id).values_list("event", flat=True))
    assert {"grading.read.submitted", "grading.item.adjudicated", "grading.case.confirmed"} <= events
    call_command("verify_audit", study.slug)


def compare_figures(shown: dict[str, Any], study: ReaderStudy, finding: Finding) -> None:
    """Compare what the dashboard is given for one finding with figures computed here from the stored rows."""
    truth = grades_of(ReferenceGrade.objects.filter(case__study=study, superseded_at=None), finding.id)
    reads = {
        role.code: grades_of(
            Rating.objects.filter(
                read__assignment__study=study, read__reader=role.user, read__superseded_at=None
            ),
            finding.id,
        )
        for role in StudyRole.objects.filter(study=study, is_reader=True)
    }
    assert {row["code"] for row in shown["readers"]} == set(reads)
    for row in shown["readers"]:
        graded = sorted(truth.keys() & reads[row["code"]].keys())
        expected = figures_by_hand(
            [truth[key] for key in graded], [reads[row["code"]][key] for key in graded], finding.cut
        )
        assert row["counts"] == expected.pop("counts"), finding.id
        same_figures(row, expected, f"{finding.id} of {row['code']}")
    (pair,) = shown["agreement"]["between_readers"]
    first, second = reads[pair["first"]], reads[pair["second"]]
    both = sorted(first.keys() & second.keys())
    expected = {"kappa": kappa_by_hand([first[key] for key in both], [second[key] for key in both])}
    same_figures(pair, expected, f"agreement on {finding.id}")
    for row in shown["agreement"]["with_reference"]:
        if row["kind"] == "reader":
            given = reads[row["code"]]
            graded = sorted(truth.keys() & given.keys())
            expected = {
                "kappa": kappa_by_hand([truth[key] for key in graded], [given[key] for key in graded])
            }
            same_figures(row, expected, f"{row['code']} with the reference on {finding.id}")
    compare_model(shown, study, finding, truth)


def compare_model(
    shown: dict[str, Any], study: ReaderStudy, finding: Finding, truth: dict[tuple[int, str], int]
) -> None:
    """Compare the model's figures, or that it has none where every case was refused or gives no such finding."""
    predictions = {
        (row.run.case_id, row.structure): row.probabilities
        for row in Prediction.objects.filter(run__study_run__study=study, finding=finding.id).select_related(
            "run"
        )
    }
    graded = sorted(truth.keys() & predictions.keys())
    if not graded:
        assert shown["model"] is None
        return
    expected = figures_by_hand(
        [truth[key] for key in graded], [int(np.argmax(predictions[key])) for key in graded], finding.cut
    )
    assert shown["model"]["counts"] == expected.pop("counts"), finding.id
    same_figures(shown["model"], expected, f"{finding.id} of the model")
    area = area_by_hand(
        [truth[key] >= finding.cut for key in graded],
        [sum(predictions[key][finding.cut :]) for key in graded],
    )
    same_figures(shown["curve"], {"auc": area}, f"area of the model on {finding.id}")


def grades_of(rows: Any, finding: str) -> dict[tuple[int, str], int]:
    """Return (case, structure) -> grade of the rows of one finding that hold a grade."""
    case = "read__case_id" if rows.model is Rating else "case_id"
    graded = rows.filter(finding=finding, kind="grade").values_list(case, "structure", "grade")
    return {(case_id, structure): grade for case_id, structure, grade in graded}


def same_figures(shown: dict[str, Any], expected: dict[str, float | None], what: str) -> None:
    """Each figure to 1e-12; one that cannot be computed says why instead of showing a number."""
    for name, value in expected.items():
        if value is None:
            assert shown[name]["value"] is None, f"{name}, {what}"
            assert shown[name]["undefined_because"], f"{name}, {what}"
        else:
            assert shown[name]["value"] == pytest.approx(value, abs=1e-12), f"{name}, {what}"


def figures_by_hand(truth: list[int], given: list[int], cut: int) -> dict[str, Any]:
    """Return counts and measures at a cut, from grades item by item."""
    calls = [(t >= cut, g >= cut) for t, g in zip(truth, given, strict=True)]
    tp, fn = calls.count((True, True)), calls.count((True, False))
    fp, tn = calls.count((False, True)), calls.count((False, False))
    share = lambda part, whole: part / whole if whole else None  # noqa: E731
    return {
        "counts": {"tp": tp, "fn": fn, "fp": fp, "tn": tn},
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "ppv": share(tp, tp + fp),
        "npv": share(tn, tn + fn),
        "accuracy": share(tp + tn, len(calls)),
        "f1": share(2 * tp, 2 * tp + fp + fn),
        "exact": share(sum(t == g for t, g in zip(truth, given, strict=True)), len(calls)),
        "auc_on_grades": area_by_hand([t >= cut for t in truth], given),
    }


def area_by_hand(diseased: list[bool], scores: Sequence[float]) -> float | None:
    """Return the share of (diseased, healthy) pairs in the right order, ties half."""
    sick = [score for score, is_sick in zip(scores, diseased, strict=True) if is_sick]
    well = [score for score, is_sick in zip(scores, diseased, strict=True) if not is_sick]
    if not sick or not well:
        return None
    return sum((s > w) + 0.5 * (s == w) for s in sick for w in well) / (len(sick) * len(well))


def kappa_by_hand(first: list[int], second: list[int]) -> float | None:
    """Return Cohen's kappa with quadratic weights: one less the observed over the expected disagreement."""
    n = len(first)
    observed = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / n
    by_chance = sum((a - b) ** 2 for a in first for b in second) / n**2
    return 1 - observed / by_chance if by_chance else None
