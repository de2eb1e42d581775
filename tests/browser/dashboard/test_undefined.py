"""What the data do not define is seen as words: no 0, no dash alone, no broken chart."""

import numpy as np
import pytest

from grading.models import Rating, Read, ReferenceGrade
from inference.models import Prediction
from tests.browser.dashboard.looking import open_results, sign_in, words
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded
from tests.tampering import without_append_only

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ADDRESS = "/studies/finished/results/?finding=narrowing&cut=2&partition=all"


def opened(page, live_server, made):
    made = unblinded(made)
    sign_in(page, live_server, made.investigator)
    open_results(page, ADDRESS)
    # Whatever is undefined: each chart is drawn or says why not.
    for chart in page.locator("[data-chart]").all():
        assert chart.locator("svg").count() or chart.locator(".chart-reason").inner_text().strip()
    text = page.locator("main").inner_text()
    for broken in ("NaN", "nan", "None", "undefined", "Infinity", "null"):
        assert broken not in text, broken
    assert page.problems == []
    return text


def _answers_of(made, user):
    return Rating.objects.filter(
        read__case__study=made.study, read__reader=user, finding="narrowing", kind="grade"
    )


def test_no_positive_item(page, live_server):
    made = finished_study(n_patients=6)
    with without_append_only():
        ReferenceGrade.objects.filter(
            case__study=made.study, finding="narrowing", kind="grade"
        ).update(grade=0)  # fmt: skip
    opened(page, live_server, made)
    column = page.locator(".headline-column[data-measure=sensitivity]")
    assert column.locator("[data-figure=model]").inner_text() == "–"
    assert "Not estimable: no positive items" in column.inner_text()
    assert page.locator("[data-chart=roc] .chart-reason").inner_text() == "No curve: no positive items"
    assert "Not estimable: no positive items" in page.locator(".counts-table tbody").inner_text()
    assert "2 readers: nothing can be said" in page.locator("[data-comparison=model]").inner_text()


def test_one_reader_missing(page, live_server):
    """A reader who answered nothing of this finding is named, with the reason in place of figures."""
    made = finished_study(n_patients=6, comparison_readers=2)
    with without_append_only():
        Rating.objects.filter(
            read__case__study=made.study, read__reader=made.readers[3], finding="narrowing"
        ).delete()  # fmt: skip
    opened(page, live_server, made)
    assert "R4: no answer on these items" in page.locator("main").inner_text()
    assert page.locator(".counts-table tr[data-who=R4]").count() == 0
    assert page.locator(".counts-table tr[data-who=R3]").count() == 1


def test_identical_readers(page, live_server):
    """Kappa of two readers who gave the same everywhere is 1, and no interval is made up."""
    made = finished_study(n_patients=6, comparison_readers=2)
    with without_append_only():
        third = {
            (rating.read.case_id, rating.structure): rating
            for rating in Rating.objects.filter(
                read__reader=made.readers[2], finding="narrowing"
            ).select_related("read")
        }
        for rating in Rating.objects.filter(
            read__reader=made.readers[3], finding="narrowing"
        ).select_related("read"):  # fmt: skip
            same = third[rating.read.case_id, rating.structure]
            rating.kind, rating.grade, rating.reason = same.kind, same.grade, same.reason
            rating.save()
    opened(page, live_server, made)
    drawn = words(page, "agreement")
    assert "1.00" in drawn
    assert "no interval" in drawn
    assert "1.00 to 1.00" not in page.locator("main").inner_text()


def test_perfect_separation(page, live_server):
    """A model that is always right: an area of 1, with an interval or the reason why there is none."""
    made = finished_study(n_patients=8)
    truth = {
        (row.case_id, row.structure): row.grade
        for row in ReferenceGrade.objects.filter(case__study=made.study, finding="narrowing", kind="grade")
    }
    rows = list(
        Prediction.objects.filter(run__case__study=made.study, finding="narrowing").select_related("run")
    )
    for row in rows:
        grade = truth.get((row.run.case_id, row.structure), 0)
        row.probabilities = np.eye(len(row.probabilities))[grade].tolist()
    Prediction.objects.bulk_update(rows, ["probabilities"], batch_size=500)
    opened(page, live_server, made)
    drawn = words(page, "roc")
    assert "Model: AUC 1.000" in drawn
    cells = page.locator(".counts-table tr").last.locator("td").all_inner_texts()
    assert cells[5].startswith("1.000")
    assert page.locator("[data-chart=calibration] svg").count() == 1


def test_two_readers_only(page, live_server):
    opened(page, live_server, finished_study(n_patients=6))
    refused = page.locator("[data-comparison=model]").inner_text()
    assert "2 readers: nothing can be said of readers like them with fewer than 3." in refused


def test_readers_of_different_cases(page, live_server):
    """Pairs that did not read the same cases get no kappa, and the page says so."""
    made = finished_study(n_patients=6, comparison_readers=2)
    first = Read.objects.filter(reader=made.readers[3], case__study=made.study).order_by("pk")[0]
    with without_append_only():
        Rating.objects.filter(read=first).delete()
    opened(page, live_server, made)
    assert "not one pair on every case" in words(page, "agreement")
