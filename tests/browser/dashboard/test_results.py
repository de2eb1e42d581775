"""The results page in a real Chromium: the numbers on it, its charts, and words where there is no number."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from grading.models import ReferenceGrade
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.wording import number, signed
from tests.browser.dashboard.looking import open_results, sign_in, words
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded
from tests.tampering import without_append_only

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_page_shows_the_snapshots_numbers(page, live_server):
    made = unblinded(finished_study(n_patients=40, comparison_readers=2, centres=(("A", False), ("B", True))))
    sign_in(page, live_server, made.investigator)
    open_results(page, "/studies/finished/results/")
    figures = latest_snapshot(made.study).results["views"]["narrowing|2|test+external|all"]
    for measure, block in figures["headline"].items():
        column = page.locator(f".headline-column[data-measure={measure}]")
        own = figures["model"]["auc_on_grades" if measure == "auc" else measure]
        assert column.locator("[data-figure=model]").inner_text() == number(own["value"])
        assert column.locator("[data-figure=readers]").inner_text() == number(block["readers"]["value"])
        difference = column.locator("[data-figure=difference]").inner_text()
        assert difference == signed(block["difference"]["value"])
    for row in [*figures["readers"], figures["model"]]:
        cells = page.locator(f".counts-table tr[data-who='{row['code']}'] td").all_inner_texts()
        counts = [int(re.sub(r"\D", "", cell)) for cell in cells[1:5]]
        assert counts == [row["counts"][key] for key in ("tp", "fn", "fp", "tn")]
        assert cells[5].startswith(number(row["sensitivity"]["value"]))
    assert number(figures["curve"]["auc"]["value"]) in words(page, "roc")
    kappa = figures["agreement"]["with_reference"][-1]["kappa"]["value"]
    assert number(kappa, 2) in words(page, "agreement")
    table = np.array(figures["confusion"]["model"]["table"])
    assert all(str(n) in words(page, "confusion").split() for n in table.ravel())
    assert page.problems == []


def test_a_filter_changes_the_address_and_the_page(page, live_server):
    made = unblinded(finished_study(n_patients=12))
    sign_in(page, live_server, made.investigator)
    open_results(page, "/studies/finished/results/")
    page.select_option("select[name=finding]", "cyst")
    page.wait_for_url(re.compile("finding=cyst"))
    page.locator("html[data-charts-ready]").wait_for(state="attached")
    assert page.locator("select[name=cut]").input_value() == "1"
    figures = latest_snapshot(made.study).results["views"]["cyst|1|all|all"]
    shown = page.locator(".headline-column[data-measure=sensitivity] [data-figure=model]").inner_text()
    assert shown == number(figures["model"]["sensitivity"]["value"])
    assert "own grade made the reference" in page.locator(".incorporation").inner_text()
    assert page.problems == []


def test_tables_and_downloads(page, live_server):
    made = unblinded(finished_study(n_patients=8))
    sign_in(page, live_server, made.investigator)
    open_results(page, "/studies/finished/results/")
    card = page.locator("[data-block=agreement]")
    assert not card.locator("table").is_visible()
    card.get_by_role("button", name="Table").click()
    assert card.locator("table").is_visible()
    for kind in ("SVG", "PNG"):
        with page.expect_download() as waiting:
            card.get_by_role("button", name=kind).click()
        content = waiting.value.path().read_bytes()
        if kind == "SVG":
            assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314
            assert b"How far do they agree?" in content
            assert b"Demonstration data" in content
        else:
            assert content.startswith(b"\x89PNG")
    with page.expect_download() as waiting:
        card.get_by_role("link", name="CSV").click()
    assert waiting.value.path().read_text().startswith("Who,Measure,estimate,low,high")
    assert page.problems == []


def test_undefined_is_seen_as_words(page, live_server):
    """No positive item, and two readers only: words, and never a 0 or an empty chart."""
    made = finished_study(n_patients=6)
    rows = ReferenceGrade.objects.filter(case__study=made.study, finding="narrowing", kind="grade")
    with without_append_only():
        rows.update(grade=0)
    made = unblinded(made)
    sign_in(page, live_server, made.investigator)
    open_results(page, "/studies/finished/results/?finding=narrowing&partition=all")
    sensitivity = page.locator(".headline-column[data-measure=sensitivity]").inner_text()
    assert "Not estimable: no positive items" in sensitivity
    assert page.locator("[data-chart=roc] .chart-reason").inner_text() == "No curve: no positive items"
    counts = page.locator(".counts-table tbody").inner_text()
    assert "Not estimable: no positive items" in counts
    refused = page.locator("[data-comparison=model]").inner_text()
    assert "2 readers: nothing can be said of readers like them" in refused
    assert page.problems == []


def test_without_a_model_the_readers_are_shown_alone(page, live_server):
    made = unblinded(finished_study(n_patients=6, with_model=False))
    sign_in(page, live_server, made.investigator)
    open_results(page, "/studies/finished/results/")
    assert page.locator("#headline-title").inner_text() == "No model to compare with"
    assert "No model was run" in page.locator("[data-chart=forest] .chart-reason").inner_text()
    assert "R1" in words(page, "roc")
    assert page.problems == []


def test_the_charts_carry_no_number_that_the_page_does_not(page, live_server):
    made = unblinded(finished_study(n_patients=6))
    sign_in(page, live_server, made.investigator)
    open_results(page, "/studies/finished/results/?finding=erosion&partition=all")
    given = json.loads(page.locator("#chart-data").inner_text())["figures"]
    stored = latest_snapshot(made.study).results["views"]["erosion|1|all|all"]
    for key in ("headline", "model", "readers", "curve", "agreement", "forest"):
        assert given[key] == stored[key]
