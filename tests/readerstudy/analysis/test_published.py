"""Finished multi-reader studies enter by import and show their published results."""

import pytest

from readerstudy.analysis.selectors import data_hash
from readerstudy.analysis.services.exports import export_files
from readerstudy.analysis.services.imports import import_cases, import_lesions, import_marks, import_reference
from readerstudy.analysis.services.reports import as_html
from readerstudy.analysis.services.snapshots import latest_snapshot
from tests.readerstudy.analysis.conftest import NOW
from tests.readerstudy.analysis.published import (
    MISSING,
    STATS,
    finish,
    hupse,
    published_study,
    tomosynthesis,
    vandyke,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.shared,
    pytest.mark.skipif(not STATS.is_dir(), reason=MISSING),
]


def test_vandyke_shows_its_published_multireader_analysis(client):
    """Van Dyke 1993 as in Obuchowski-Rockette's papers: F 4.46 on 1 and 15.26 df, p .0517."""
    study, investigator = vandyke()
    figures = latest_snapshot(study).results["views"]["disease|1|test|all"]
    aided = figures["multireader"]["aided"]
    assert aided["covariance"] == "jackknife"
    assert (aided["items"], aided["left_out"]) == (114, 0)
    by_claim = {row["claim"]: row for row in aided["rows"]}
    random = by_claim["random_readers_random_cases"]
    assert random["difference"]["value"] == pytest.approx(-0.0438003220611916, abs=1e-12)
    assert random["difference"]["se"] == pytest.approx(0.0207486183789449, abs=1e-12)
    test = random["global_test"]
    assert (test["statistic"], test["df"], test["df2"], test["p"]) == (
        pytest.approx(4.45631869315726, abs=1e-8),
        1,
        pytest.approx(15.2596745891416, abs=1e-8),
        pytest.approx(0.0516656858192944, abs=1e-10),
    )
    fixed = by_claim["fixed_readers_random_cases"]
    assert fixed["difference"]["se"] == pytest.approx(0.01872, abs=5e-6)
    assert fixed["global_test"]["statistic"] == pytest.approx(5.47595, abs=5e-6)
    assert fixed["global_test"]["p"] == pytest.approx(0.0193, abs=5e-5)
    # Reader by reader, as the reference results hold them (they subtract the other way round).
    expected = (0.02818, 0.04654, 0.01787, 0.02625, 0.10016)
    for row, difference in zip(figures["aided"], expected, strict=True):
        assert row["auc"]["value"] == pytest.approx(difference, abs=5e-6)
        assert row["items"] == 114
    client.force_login(investigator)
    page = client.get("/studies/vandyke/results/").content.decode()
    assert "What does the aid change?" in page
    assert "−0.0438" in page
    assert "F(1, 15.26) = 4.46, p = 0.0517" in page
    assert "χ²(1) = 5.48, p = 0.0193" in page
    report = as_html(latest_snapshot(study))
    assert "With the aid minus without it" in report
    assert "F(1, 15.26) = 4.46, p = 0.0517" in report


def test_hupse_algorithm_against_nine_radiologists(client):
    """Hupse et al. 2013, ROC part: mean radiologist minus algorithm 0.0317, p .321."""
    study, investigator = hupse()
    figures = latest_snapshot(study).results["views"]["disease|1|test|all"]
    by_claim = {row["claim"]: row for row in figures["multireader"]["model"]["rows"]}
    random = by_claim["random_readers_random_cases"]
    assert random["fom_model"] == pytest.approx(0.816927083333333, abs=1e-12)
    assert random["difference"]["value"] == pytest.approx(0.0317361111111111, abs=1e-12)
    assert random["test"]["p"] == pytest.approx(0.321047434257322, abs=1e-9)
    assert by_claim["random_readers_fixed_cases"]["test"]["p"] == pytest.approx(0.0123590876277494, abs=1e-9)
    client.force_login(investigator)
    page = client.get("/studies/hupse/results/").content.decode()
    assert "+0.0317" in page
    assert "p = 0.3210" in page
    located = latest_snapshot(study).results["marks"]["test"]["model"]["conditions"][0]["figures"]["LROC"]
    by_claim = {row["claim"]: row for row in located["rows"]}
    lroc = by_claim["random_readers_random_cases"]
    assert lroc["model"] == pytest.approx(0.628125, abs=1e-12)
    assert lroc["readers"]["value"] == pytest.approx(0.733518518518519, abs=1e-12)
    assert lroc["difference"]["value"] == pytest.approx(0.105393518518518, abs=1e-12)
    assert lroc["test"]["statistic"] == pytest.approx(2.11502623871055, abs=1e-8)
    assert lroc["test"]["df"] == pytest.approx(531.20770081587, rel=1e-7)
    assert lroc["test"]["p"] == pytest.approx(0.03489270631794, abs=1e-9)
    page = client.get("/studies/hupse/results/marks/").content.decode()
    assert "+0.1054" in page
    assert "p = 0.0349" in page
    report = as_html(latest_snapshot(study))
    assert "+0.1054" in report
    assert "FROC curves, " in report


def test_tomosynthesis_shows_its_published_marks(client):
    """Chakraborty and Svahn 2011: wAFROC of tomosynthesis minus mammography 0.101, F 10.30, p .0037."""
    study, investigator = tomosynthesis()
    figures = latest_snapshot(study).results["marks"]["test"]
    assert (figures["cases"], figures["diseased"]) == (185, 89)
    given = {(row["condition"], row["code"]): row["figures"]["wAFROC"]["value"] for row in figures["people"]}
    expected = {
        "BT": [0.760270365168539, 0.840619147940075, 0.817152387640449, 0.815308988764045, 0.827832397003745],
        "DM": [0.642585440074906, 0.70499765917603, 0.751843398876405, 0.772442649812734, 0.683696161048689],
    }
    for condition, values in expected.items():
        for number, value in enumerate(values, start=1):
            assert given[condition, f"R{number}"] == pytest.approx(value, abs=1e-12)
    by_claim = {row["claim"]: row for row in figures["conditions"]["figures"]["wAFROC"]}
    random = by_claim["random_readers_random_cases"]
    (difference,) = random["differences"]
    assert difference["difference"]["value"] == pytest.approx(0.101123595505618, abs=1e-12)
    assert difference["difference"]["se"] == pytest.approx(0.0315107440657573, abs=1e-12)
    test = random["global_test"]
    assert test["statistic"] == pytest.approx(10.2988252456868, abs=1e-8)
    assert test["df2"] == pytest.approx(24.7027584119893, abs=1e-7)
    assert test["p"] == pytest.approx(0.0036685783908692, abs=1e-10)
    client.force_login(investigator)
    page = client.get("/studies/tomosynthesis/results/marks/").content.decode()
    assert "+0.1011" in page
    assert "F(1, 24.70) = 10.30, p = 0.0037" in page
    assert "mean reader" not in page
    report = as_html(latest_snapshot(study))
    assert "F(1, 24.70) = 10.30, p = 0.0037" in report
    assert report.count("FROC curves, ") == 2

    # The same study by its own export: the same bytes, the same figures.
    files = export_files(study)
    again, investigator = published_study("again", 2, 5)
    at = {"study": again, "actor": None, "at": NOW, "source": "export"}
    import_cases(text=files["cases.csv"], **at)
    import_reference(text=files["reference.csv"], **at)
    import_lesions(text=files["lesions.csv"], **at)
    before = data_hash(again)
    import_marks(text=files["marks.csv"], **at)
    assert data_hash(again) != before
    again = finish(again, investigator)
    for name in ("cases.csv", "reference.csv", "lesions.csv", "marks.csv"):
        assert export_files(again)[name] == files[name], name
    assert latest_snapshot(again).results["marks"] == latest_snapshot(study).results["marks"]
