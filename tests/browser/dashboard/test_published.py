"""Published studies enter by import; their published numbers are read off the pages in a real Chromium."""

import pytest

from tests.browser.dashboard.looking import open_results, sign_in
from tests.readerstudy.analysis.published import MISSING, STATS, hupse, tomosynthesis, vandyke

pytestmark = [
    pytest.mark.browser,
    pytest.mark.shared,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not STATS.is_dir(), reason=MISSING),
]


def row_of(page, comparison, claim, figure=""):
    """The words of one row of a comparison: difference and test."""
    table = f"[data-figure-of-merit={figure}] " if figure else ""
    row = page.locator(f"[data-comparison={comparison}] {table}tr[data-claim={claim}]")
    return tuple(
        row.locator(f"[data-figure={name}]").inner_text().replace("\u00a0", " ")
        for name in ("difference", "test")
    )


def test_van_dyke(page, live_server):
    """Difference 0.0438, F 4.46 on 1 and 15.26 df, p .0517; fixed readers chi-square 5.48, p .0193."""
    study, investigator = vandyke()
    sign_in(page, live_server, investigator)
    open_results(page, f"/studies/{study.slug}/results/")
    random = row_of(page, "aided", "random_readers_random_cases")
    assert random == ("−0.0438", "F(1, 15.26) = 4.46, p = 0.0517")
    assert row_of(page, "aided", "fixed_readers_random_cases") == ("−0.0438", "χ²(1) = 5.48, p = 0.0193")
    # Fixed cases, as the reference results hold them: F 8.70 on 1 and 4 df, p .0420.
    assert row_of(page, "aided", "random_readers_fixed_cases") == ("−0.0438", "F(1, 4.00) = 8.70, p = 0.0420")
    assert page.problems == []


def test_hupse(page, live_server):
    """Mean radiologist minus algorithm: ROC p .321, LROC 0.105, p .0349."""
    study, investigator = hupse()
    sign_in(page, live_server, investigator)
    open_results(page, f"/studies/{study.slug}/results/")
    difference, test = row_of(page, "model", "random_readers_random_cases")
    assert difference == "+0.0317"
    assert test.endswith("p = 0.3210")
    page.get_by_role("link", name="Marks").click()
    page.locator("html[data-charts-ready]").wait_for(state="attached")
    difference, test = row_of(page, "model", "random_readers_random_cases", "LROC")
    assert (difference, test) == ("+0.1054", "t(531.21) = 2.12, p = 0.0349")
    assert "CAD 1" in page.locator("[data-curve=FROC]").inner_text()
    assert page.problems == []


def test_chakraborty_and_svahn(page, live_server):
    """wAFROC of tomosynthesis minus mammography 0.1011, F 10.30 on 1 and 24.70 df, p .0037."""
    study, investigator = tomosynthesis()
    sign_in(page, live_server, investigator)
    open_results(page, f"/studies/{study.slug}/results/marks/")
    first = row_of(page, "conditions", "random_readers_random_cases", "wAFROC")
    assert first == ("+0.1011", "F(1, 24.70) = 10.30, p = 0.0037")
    cells = page.locator("tr[data-who=R2][data-condition=BT] td").all_inner_texts()
    assert cells[3] == "0.841"
    page.select_option("select[name=condition]", "DM")
    page.wait_for_url("**condition=DM")
    page.locator("html[data-charts-ready]").wait_for(state="attached")
    assert "DM" in page.locator("[data-block=froc] .card-fact").inner_text()
    assert page.problems == []
