"""Where the model looked, over the images of a case: off by default, its cells in place, its size in words."""

import zlib

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from inference.models import HeatMap, InferenceRun
from readerstudy.imaging.models import ImageSet, Series
from readerstudy.imaging.services import receive
from readerstudy.studies.models import Case
from tests.blinding.planting import write_series
from tests.browser.dashboard.looking import sign_in
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Sagittal images of 16 x 16 mm at x = 0 and 4: a cell 3 mm deep lies in the first alone. Two cells of 4 mm, one
# behind the other (to the back), the lower row too weak to be drawn.
CELLS = {"shape": [1, 2, 2], "cell_mm": [3.0, 4.0, 4.0], "values": zlib.compress(bytes([255, 128, 10, 0]))}
AFFINE = [3, 0, 0, 0, 0, 0, 4, 6, 0, -4, 0, -4]


@pytest.fixture
def looked_at(settings, tmp_path):
    """An unblinded study with one case of two small images, and a map on it."""
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    made = unblinded(finished_study(n_patients=4))
    write_series(tmp_path / "files", patient="one")
    receive(
        scope=made.study.public_id, source=tmp_path / "files", at=timezone.now(), laterality="established"
    )
    case = Case.objects.filter(study=made.study).order_by("pseudonym")[0]
    Case.objects.filter(pk=case.pk).update(image_set=ImageSet.objects.get())
    HeatMap.objects.create(
        run=InferenceRun.objects.get(case=case),
        kind="MR-sagittal",
        method="grad-cam",
        series_uid=Series.objects.get().blinded_uid,
        frame_of_reference=Series.objects.get().frame_of_reference_uid,
        items=[{"structure": "L4-5-right", "finding": "narrowing", "affine": AFFINE}],
        **CELLS,
    )
    return made, case


def test_maps_are_shown_when_asked_in_their_place_and_with_their_size(page, live_server, looked_at):
    made, case = looked_at
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "heat.json" in request.url else None)
    sign_in(page, live_server, made.investigator)
    page.goto(f"/studies/finished/results/cases/{case.public_id}/")
    pane = page.locator(".rs-pane").first
    pane.and_(page.locator("[data-ready]")).wait_for()
    polygons = pane.locator(".rs-heat-map polygon")
    # Off by default: nothing is drawn, and nothing of it has left the server.
    assert polygons.count() == 0
    assert asked == []
    button = page.get_by_role("button", name="Where the model looked")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    if pane.get_attribute("data-slice") != "1":
        pane.focus()
        page.keyboard.press("Home")
    polygons.nth(1).wait_for(state="attached")
    assert polygons.count() == 2
    fact = page.locator(".rs-heat-fact").inner_text()
    assert "3.0 × 4.0 × 4.0 mm" in fact
    assert "not where a lesion is" in fact
    # In place: 4 mm wide, the first from 4 mm to 8 mm along the rows, from 2 mm to 6 mm down the columns.
    shown = pane.locator(".rs-surface").bounding_box()
    scale = min(shown["width"], shown["height"]) / 16
    left = shown["x"] + shown["width"] / 2 - 8 * scale
    top = shown["y"] + shown["height"] / 2 - 8 * scale
    for place, box in enumerate([polygons.nth(0).bounding_box(), polygons.nth(1).bounding_box()]):
        # The middle of the first pixel lies half a millimetre inside the image.
        assert box["x"] == pytest.approx(left + (4.5 + 4 * place) * scale, abs=2)
        assert box["y"] == pytest.approx(top + 2.5 * scale, abs=2)
        assert box["width"] == pytest.approx(4 * scale, abs=2)
        assert box["height"] == pytest.approx(4 * scale, abs=2)
    fills = [polygons.nth(n).get_attribute("fill") for n in range(2)]
    assert fills[0] != fills[1]
    group = pane.locator(".rs-heat-map")
    assert group.get_attribute("opacity") == "0.5"
    slider = page.get_by_label("Opacity")
    slider.focus()
    page.keyboard.press("End")
    expect(group).to_have_attribute("opacity", "0.9")
    # The next image lies beside the cells.
    page.evaluate("document.dispatchEvent(new CustomEvent('rs:step-slice', {detail: {delta: 1}}))")
    pane.and_(page.locator("[data-slice='2']")).wait_for()
    polygons.first.wait_for(state="detached")
    page.evaluate("document.dispatchEvent(new CustomEvent('rs:step-slice', {detail: {delta: -1}}))")
    polygons.first.wait_for(state="attached")
    button.click()
    polygons.first.wait_for(state="detached")
    assert len(asked) == 1
    assert page.problems == []


def test_a_case_without_maps_has_no_such_button(page, live_server, looked_at):
    made, case = looked_at
    HeatMap.objects.all().delete()
    sign_in(page, live_server, made.coordinator)
    page.goto(f"/studies/finished/results/cases/{case.public_id}/")
    page.locator(".rs-pane[data-ready]").first.wait_for()
    assert page.get_by_role("button", name="Where the model looked").count() == 0
    assert page.problems == []
