"""Three modalities of one patient on one page, six target regions, the tumour marked, pathology as the reference."""

import io
import math

import pytest
from django.core.management import CommandError, call_command
from playwright.sync_api import expect

from grading.models import Discordance, Mark, MarkDiscordance, Rating, Read, ReferenceGrade, ReferenceMark
from readerstudy.analysis.selectors import finished_cases
from readerstudy.imaging.models import Series
from tests.flows.journey import drag, ready, rows_of, saved, screen_points, submit, write_rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PEOPLE = {"first-reader": "reader", "second-reader": "reader", "coordinator": "coordinator"}
REGIONS = {
    ("cord", "cord"): 1,
    ("alignment", "alignment"): 0,
    ("discs", "disc"): 1,
    ("canal", "canal-area"): {"kind": "value", "value": 128.5},
    ("curvature", "cobb"): {"kind": "value", "value": 20},
    ("ligament", "ossification"): 0,
    ("case", "tumour"): 3,
}
QUALITY = {"image-quality": "good", "impression": "Destructive lesion of one body."}


def test_radiograph_ct_and_mr_together_to_a_reference_from_pathology(journey):
    made = journey(
        "cervical-spine-tumour",
        people=PEOPLE,
        cases=1,
        seed=3,
        bodies="cervical-spine-tumour",
        modalities=["MR", "CT", "XR"],
    )
    (showing,) = made.showings("first-reader")
    case = showing.case
    page = made.windows("first-reader")
    made.open(page, "grading:read_case", assignment=showing.public_id)
    ready(page)
    shown = page.evaluate(
        "() => document.querySelector('rs-viewer').panes.map((one) => one.stack.series.modality)"
    )
    assert [each if each in {"MR", "CT"} else "XR" for each in shown] == ["MR", "CT", "XR"]

    # The regions by keys: a digit grades, a value is typed.
    for digit in "101":
        page.keyboard.press(digit)
    page.keyboard.type("128,5")
    page.keyboard.press("Enter")
    cobb = measure_cobb(page, case)
    expect(page.locator('rs-grading [data-item="curvature|cobb"]')).to_have_text(f"{cobb:g}")
    page.keyboard.press("0")
    page.keyboard.press("3")
    mark_tumour(made, page, case)
    # The question about the case is asked before the case can go.
    saved(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    expect(page.locator("rs-grading .panel-message")).to_contain_text("Image quality")
    page.keyboard.press("1")
    page.keyboard.type(QUALITY["impression"])
    submit(page)

    read = Read.objects.get(assignment=showing)
    assert read.case_answers == QUALITY
    kept = {
        (row.structure, row.finding): row.value if row.kind == "value" else row.grade
        for row in read.ratings.all()
    }
    expected = {key: given["value"] if isinstance(given, dict) else given for key, given in REGIONS.items()}
    assert kept == {**expected, ("curvature", "cobb"): cobb}
    mark = read.marks.get()
    assert (mark.mark_class, mark.confidence) == ("malignant", 90)

    (second,) = made.showings("second-reader")
    made.read(second, answers={**REGIONS, ("case", "tumour"): 1}, questions=QUALITY)
    # Readers differ and nobody settles: the reference is pathology's alone.
    assert not Discordance.objects.exists()
    assert not MarkDiscordance.objects.exists()
    assert not ReferenceGrade.objects.exists()
    assert not ReferenceMark.objects.exists()
    assert Rating.objects.filter(kind="value").count() == 4
    assert Mark.objects.count() == 1
    assert finished_cases(made.study) == []
    import_pathology(made)


def measure_cobb(page, case):
    """Draw two lines on the lateral radiograph with the tool that M takes in hand; M takes the angle over."""
    series = Series.objects.get(
        imaging_study__image_set=case.image_set, modality__in=["DX", "CR"], label__icontains="lat"
    )
    image = series.instances.get().blinded_uid
    width, height = series.columns, series.rows
    x0, x1, y0, y1 = width * 0.3, width * 0.6, height * 0.3, height * 0.6
    rise = 0.25 * (x1 - x0)
    lines = [[x0, y0], [x1, y0], [x0, y1], [x1, y1 + rise]]
    points = screen_points(page, series.blinded_uid, image, lines)
    page.keyboard.press("m")
    for point in points:
        page.mouse.click(*point)
    offer = page.locator("rs-grading .value-offer button")
    expect(offer).to_contain_text("from the image")
    page.keyboard.press("m")
    cell = page.locator('rs-grading [data-item="curvature|cobb"]')
    expect(cell).not_to_have_text("")
    taken = float(cell.inner_text())
    assert taken == pytest.approx(math.degrees(math.atan(0.25)), abs=1.5)
    return taken


def mark_tumour(made, page, case):
    """Draw the tumour on the sagittal MR; class and confidence by keys."""
    (lesion,) = made.lesions(case.pseudonym)
    box = made.box(case.pseudonym, kind="tumour", lesion=lesion, plane="sagittal")
    series = Series.objects.get(instances__blinded_uid=box["sop_uid"]).blinded_uid
    start, end = screen_points(page, series, box["sop_uid"], box["points_px"])
    page.keyboard.press("l")
    drag(page, start, end)
    expect(page.locator("rs-grading .mark-row")).to_have_count(1)
    page.keyboard.press("3")
    expect(page.locator("rs-grading .mark-list input")).to_be_focused()
    page.keyboard.type("90")
    page.keyboard.press("Enter")
    expect(page.locator("rs-grading .mark-row")).to_contain_text("90 %")


def import_pathology(made):
    """The report enters as the reference; what is no pathology, or goes beyond it, does not."""
    report = made.folder / "pathology.csv"
    (row,) = rows_of(made.folder / "reference.csv")
    row |= {"provenance": "external", "decided_by_roles": "pathology", "reader_contributed": "", "value": ""}
    for wrong, message in (
        ({"provenance": "agreed"}, "allowed are external"),
        ({"structure": "cord", "finding": "cord", "grade": "1"}, "allowed are tumour"),
    ):
        write_rows(report, [{**row, **wrong}])
        said = io.StringIO()
        with pytest.raises(CommandError, match="Nothing was changed"):
            call_command("import_reference", made.study.slug, str(report), stderr=said)
        assert message in said.getvalue()
    write_rows(report, [row])
    call_command("import_reference", made.study.slug, str(report))
    reference = ReferenceGrade.objects.get()
    assert (reference.structure, reference.finding, reference.provenance) == ("case", "tumour", "external")
    assert reference.grade == int(row["grade"])
    assert [case.pseudonym for case in finished_cases(made.study)] == ["PH0001"]
    call_command("verify_audit", made.study.slug)
