"""The report says what the snapshot says, in both forms, and marks what is a demonstration."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from readerstudy.analysis.models import UnblindingEvent
from readerstudy.analysis.services.reports import as_html, report_pdf
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.wording import number
from readerstudy.core.models import AuditEvent
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded
from tests.tampering import without_append_only

pytestmark = pytest.mark.django_db


def numbers_in(value):
    """Every number of nested JSON values, written with two and with three decimals, without sign."""
    if isinstance(value, dict):
        for each in value.values():
            yield from numbers_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from numbers_in(each)
    elif isinstance(value, float):
        yield number(abs(value), 3)


@pytest.fixture
def made(db):
    return unblinded(finished_study(n_patients=24, comparison_readers=1))


def test_every_estimate_of_the_report_is_the_snapshots(made):
    snapshot = latest_snapshot(made.study)
    text = re.sub(r"<svg.*?</svg>", "", as_html(snapshot), flags=re.S)
    given = set(re.findall(r"\d\.\d{3}(?!\d)", text))
    assert len(given) > 100
    assert given <= set(numbers_in(snapshot.results))
    views = snapshot.results["views"]
    partition = snapshot.results["summary"]["default_partition"]
    for key, figures in views.items():
        if figures["view"]["partition"] == partition:
            assert number(figures["model"]["sensitivity"]["value"]) in text, key
            assert number(figures["headline"]["specificity"]["readers"]["value"]) in text, key
    for section in ("Methods", "Flow", "Results", "Check list: STARD-AI", "Check list: CLAIM"):
        assert section in text
    assert "to be written by the authors" in text
    assert "Demonstration data: simulated" in text
    for figures in views.values():
        if figures["view"]["partition"] == partition:
            further = figures["resampled"]
            assert number(further["average_precision"]["value"]) in text
            assert number(further["calibration_error"]["value"]) in text
            assert all(number(abs(row["difference"]["value"])) in text for row in further["matched"])
    for words in ("Calibration: observed share", "readers as a sample", "by subgroup", "Median time"):
        assert words in text


def test_drawings_of_one_page_share_no_name(made):
    text = as_html(latest_snapshot(made.study))
    names = re.findall(r'id="([^"]+)"', text)
    assert names
    assert len(names) == len(set(names))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(names)


def test_pdf_is_the_same_each_time_and_has_its_figures(made):
    snapshot = latest_snapshot(made.study)
    first = report_pdf(snapshot)
    assert first.startswith(b"%PDF")
    assert first == report_pdf(snapshot)
    with override("zh-hans"):
        assert report_pdf(snapshot) == first
    pages = len(re.findall(rb"/Type\s*/Page\b", first))
    assert pages >= 6


def test_taking_the_report_is_recorded(client, made):
    client.force_login(made.investigator)
    assert client.get("/studies/finished/results/report/").status_code == 200
    answer = client.get("/studies/finished/results/report.pdf")
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="finished-demonstration-report.pdf"'
    assert AuditEvent.objects.filter(event="analysis.report.written").count() == 1
    assert UnblindingEvent.objects.filter(act="report").count() == 1


def test_command_writes_both_forms(tmp_path, made):
    for name in ("report.pdf", "report.html"):
        call_command("report", "finished", str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 10_000
    with pytest.raises(CommandError, match="ending in"):
        call_command("report", "finished", str(tmp_path / "report.docx"))


def test_undefined_quantities_are_words_in_the_report():
    from grading.models import ReferenceGrade

    made = finished_study(n_patients=5, with_model=False)
    with without_append_only():
        ReferenceGrade.objects.filter(case__study=made.study, finding="cyst", kind="grade").update(grade=0)
    text = as_html(latest_snapshot(unblinded(made).study))
    assert "Not estimable: no positive items" in text
    assert "no model was run" in text
