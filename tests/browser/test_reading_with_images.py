"""Grading a joint after the other while three viewports follow: the answer is on the screen before any image moves."""

import csv
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from grading.models import Read, UnseenImages
from grading.services.reading import submit_read
from grading.services.unseen import ImagesShown
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.selectors import study_table
from readerstudy.imaging.services import receive
from readerstudy.phantom.files.folder import write_folder
from readerstudy.studies.models import Assignment, CaseDuty
from tests import factories
from tests.browser import key_timing
from tests.browser.reading_desk import PATIENCE_MS, ReadingDesk, badge

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A reader's pace: one answer in a tenth of a second, faster than anybody reads.
KEY_MS = 100

# Which viewports draw, in which frame of the browser, after the panel has named one joint after the other at once.
FOLLOW = """(structures) => new Promise((done) => {
  const viewer = document.querySelector("rs-viewer");
  const drawn = [];
  let frame = 0;
  const count = () => { frame += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
  viewer.panes.forEach(({ surface }, number) => {
    const draw = surface.show.bind(surface);
    surface.show = (...all) => { drawn.push([frame, number]); return draw(...all); };
  });
  for (const structure of structures) {
    document.dispatchEvent(new CustomEvent("rs:activate-structure", { detail: { structure } }));
  }
  const atOnce = drawn.length;
  const wait = () => {
    const there = !viewer.hasAttribute("data-following") && viewer.panes.every((pane) => pane.index === pane.target);
    const slices = viewer.panes.map(({ index }) => index + 1);
    if (there) done({ atOnce, drawn, structure: viewer.structure.id, slices });
    else requestAnimationFrame(wait);
  };
  requestAnimationFrame(wait);
})"""


@pytest.fixture(scope="session")
def spine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic patient with CT and MR."""
    folder = tmp_path_factory.mktemp("spine")
    write_folder(folder, cases=1, seed=3, modalities=("CT", "MR"), variants=False)
    return folder


@pytest.fixture
def desk_with_images(transactional_db: None, live_server: Any, spine: Path) -> ReadingDesk:
    """A reader with a case whose three viewports have a place for each joint."""
    scope = uuid.uuid4()
    receive(scope=scope, source=spine, at=timezone.now(), keep_originals=False, laterality="established")
    images = ImageSet.objects.get(scope=scope)
    study = factories.reader_study()
    role = factories.study_role("reader", study=study, person=factories.user("first-reader"))
    case = factories.case(study=study, image_set=images)
    (frame,) = {row.frame_of_reference for row in study_table(images)}
    with (spine / "joints.csv").open() as table:
        for row in csv.DictReader(table):
            places = {f"{axis}_mm": float(row[f"{axis}_mm"]) for axis in "xyz"}
            factories.landmark(of=case, structure=row["structure"], frame_of_reference_uid=frame, **places)
    made = factories.assignment(of=case, person=role.user)
    return ReadingDesk(live_server.url, Assignment.objects.get(pk=made.pk))


def _open(desk: ReadingDesk, contexts: Any) -> Any:
    page = desk.open(desk.sign_in(contexts()))
    page.wait_for_selector("rs-viewer[data-quality=full]", timeout=PATIENCE_MS)
    page.wait_for_selector("rs-viewer:not([data-following])")
    return page


def test_a_case_by_keys_while_the_images_follow(desk_with_images, contexts, record_property):
    """The times are recorded; a bound on them belongs to a quiet machine."""
    page = _open(desk_with_images, contexts)
    key_timing.watch(page)
    for place, item in enumerate(desk_with_images.document.items):
        page.keyboard.press(str(place % item.finding.n_grades), delay=KEY_MS)
    badge(page, "saved")
    taken = key_timing.key_times(page)
    assert len(taken.times) == len(desk_with_images.document.items)
    taken.record(record_property)
    page.wait_for_selector("rs-viewer:not([data-following])")
    # Away from the page before its database goes.
    page.goto("about:blank")


def test_images_follow_after_the_answer_is_painted(desk_with_images, contexts):
    """Nothing is drawn at once, the newest joint alone is gone to, and no two viewports draw in one frame."""
    page = _open(desk_with_images, contexts)
    structures = [each.id for each in desk_with_images.document.structures]
    slices = page.evaluate(FOLLOW, structures[-1:])["slices"]
    page.reload()
    page.wait_for_selector("rs-viewer[data-quality=full]", timeout=PATIENCE_MS)
    page.wait_for_selector("rs-viewer:not([data-following])")
    seen = page.evaluate(FOLLOW, structures)
    assert seen["atOnce"] == 0
    assert seen["structure"] == structures[-1]
    assert seen["slices"] == slices
    frames = [frame for frame, _ in seen["drawn"]]
    viewports = [viewport for _, viewport in seen["drawn"]]
    assert min(frames) >= 1
    assert len(viewports) == len(set(viewports)) >= 2
    assert len(set(frames)) == len(frames)
    page.goto("about:blank")


# Resolves when the panel has been told that the viewports show these images.
TOLD = """(wanted) => new Promise((done) => {
  const look = () => {
    const panes = document.querySelector("rs-grading").viewerState?.panes ?? [];
    if (JSON.stringify(panes.map(({ slice }) => slice - 1)) === JSON.stringify(wanted)) done();
    else requestAnimationFrame(look);
  };
  look();
})"""

# What each viewport shows: image, magnification, middle, and how many reference lines of others cross it.
SHOWN = """() => document.querySelector("rs-viewer").panes.map((pane) => [
  pane.index, pane.look.view.scale, ...pane.surface.canvasPxToImagePx([100, 100]),
  pane.element.querySelectorAll(".rs-line").length,
])"""


def test_coming_back_shows_the_same_images_and_fields(desk_with_images, contexts):
    """A joint in the middle of a case: image, the protocol's field around the joint, and reference lines."""
    page = _open(desk_with_images, contexts)
    for _ in range(12):
        page.keyboard.press("0")
    badge(page, "saved")
    page.wait_for_selector("rs-viewer:not([data-following])")
    before = page.evaluate(SHOWN)
    # The viewer tells where it is a while after the last move; leaving the page sends it.
    page.evaluate(TOLD, [index for index, *_ in before])
    with page.expect_request("**/place/"):
        page.reload()
    page.wait_for_selector("rs-viewer[data-quality=full]", timeout=PATIENCE_MS)
    page.wait_for_selector("rs-viewer:not([data-following])")
    after = page.evaluate(SHOWN)
    assert [index for index, *_ in after] == [index for index, *_ in before]
    for was, now in zip(before, after, strict=True):
        # The middle is that of the level in this image's plane, before that of the image one came from: 2 px.
        assert now == pytest.approx(was, abs=2.0)
        assert now[1] == pytest.approx(was[1], rel=1e-6)
    assert all(lines for *_, lines in after)


def _answered(desk: ReadingDesk) -> None:
    factories.read(of=desk.assignment, grades=factories.all_grades(desk.document, 1))


@pytest.mark.complains("net::ERR_FAILED.*/frames/", "409 .*/submit/")
def test_a_case_is_not_submitted_before_its_images_were_seen_unless_a_reason_is_given(
    desk_with_images, contexts
):
    """One image never comes: the page names its series, takes a reason by keys, and the server keeps it."""
    _answered(desk_with_images)
    case = desk_with_images.assignment.case
    (ct,) = [row for row in study_table(case.image_set) if row.modality == "CT"]
    page = desk_with_images.sign_in(contexts())
    broken = Instance.objects.filter(series__blinded_uid=ct.series_uid).order_by("index")[0].blinded_uid
    page.route(f"**/instances/{broken}/frames/**", lambda route: route.abort())
    desk_with_images.open(page)
    page.wait_for_function(NOTED, arg=ct.label)
    press = page.keyboard.press
    press("Control+Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text(f"Not shown at full quality: {ct.label}")
    press("Control+Enter")
    expect(dialog).to_contain_text("Choose a reason, or go back to the images.")
    press("4")
    press("Control+Enter")
    expect(dialog).to_contain_text("Say in a few words why.")
    # The keys are in the words now: a digit there chooses nothing.
    page.keyboard.type("1 slice never came")
    press("Control+Enter")
    page.wait_for_url(lambda url: url != desk_with_images.address)
    read = Read.objects.get(assignment=desk_with_images.assignment)
    assert read.state == Read.State.SUBMITTED
    kept = read.unseen_images
    assert (kept.series, kept.reason, kept.words) == ([ct.label], "other", "1 slice never came")
    page.goto("about:blank")


# The panel has been told that everything else was seen.
NOTED = """(label) => {
  const unseen = document.querySelector("rs-grading").images?.unseen;
  return unseen?.length === 1 && unseen[0] === label;
}"""


@pytest.mark.complains("net::ERR_FAILED.*/assets/viewer-", "The viewer could not be loaded", "409 .*/submit/")
def test_the_server_is_asked_although_the_viewer_says_nothing(desk_with_images, contexts):
    """A page whose viewer never loads asks for the reason once the server has named the images."""
    _answered(desk_with_images)
    page = desk_with_images.sign_in(contexts())
    page.route("**/assets/viewer-*.js", lambda route: route.abort())
    desk_with_images.open(page)
    page.keyboard.press("Control+Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).not_to_contain_text("Not shown at full quality")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_contain_text("Not shown at full quality")
    page.keyboard.press("Escape")
    assert Read.objects.get().state == Read.State.IN_PROGRESS
    page.goto("about:blank")


def test_a_case_whose_images_were_seen_is_submitted_without_a_question(desk_with_images, contexts):
    _answered(desk_with_images)
    page = _open(desk_with_images, contexts)
    page.keyboard.press("Control+Enter")
    expect(page.locator("dialog[open]")).not_to_contain_text("Not shown at full quality")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: url != desk_with_images.address)
    assert not UnseenImages.objects.exists()
    page.goto("about:blank")


# What each viewport is: its plane, its area, its top edge, whether it is active.
LAID_OUT = """() => document.querySelector("rs-viewer").panes.map((pane) => [
  pane.stack.series.plane, pane.area, Math.round(pane.element.getBoundingClientRect().top),
  pane.element.getBoundingClientRect().width, pane.element.hasAttribute("data-active"),
])"""


@pytest.mark.parametrize("size", [(1440, 900), (1920, 1080)], ids=str)
def test_an_adjudicator_has_the_plane_of_the_finding_on_top(desk_with_images, contexts, size):
    """The axial view, kept around the joint, above the others and as wide as both; reference lines stand in all."""
    first = desk_with_images.assignment
    others = [factories.study_role(role, study=first.study).user for role in ("reader", "adjudicator")]
    second = factories.assignment(of=first.case, person=others[0])
    for showing, grade in ((first, 1), (second, 0)):
        read = factories.read(of=showing, grades=factories.all_grades(desk_with_images.document, grade))
        submit_read(read_id=read.pk, at=timezone.now(), images=ImagesShown.all_of(read))
    settling = factories.assignment(of=first.case, person=others[1], duty=CaseDuty.Duty.ADJUDICATOR)
    page = desk_with_images.sign_in(contexts(), others[1].username)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(
        desk_with_images.url + reverse("grading:adjudicate_case", kwargs={"assignment": settling.public_id})
    )
    page.wait_for_selector("rs-viewer[data-quality=full]", timeout=PATIENCE_MS)
    page.wait_for_selector("rs-viewer:not([data-following])")
    main, *small = sorted(page.evaluate(LAID_OUT), key=lambda pane: pane[2])
    assert main[:2] == ["axial", "main"]
    assert main[4]
    assert [top for _, _, top, *_ in small] == [small[0][2]] * len(small)
    assert main[3] > sum(width for *_, width, _ in small) * 0.98
    page.wait_for_function(
        "() => document.querySelector('rs-viewer').panes.every(({ element }) => element.querySelector('.rs-line'))"
    )
    page.goto("about:blank")
