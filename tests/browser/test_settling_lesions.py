"""Lesions in a real browser: the adjudicator draws a place anew, the panel overrules one and sends none back."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import MarkDecision, MarkDiscordance, ReferenceMark
from readerstudy.imaging.models import Instance
from tests.flows.conftest import windows  # noqa: F401  (a fixture)
from tests.flows.journey import drag, screen_points
from tests.grading.marked import drawn, marked_desk, slice_uid, submitted

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


# What a page that locks waits for: that what was chosen is written down.
WRITTEN = """async () => {
  const before = [];
  document.dispatchEvent(new CustomEvent("rs:locking", { detail: { before } }));
  await Promise.all(before);
}"""


@pytest.fixture
def desk(transactional_db, settings, tmp_path):
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    desk = marked_desk(tmp_path / "files", pixels=128)
    # One lesion that both have, and one that only the first has.
    submitted(desk.first, drawn((20, 20), (50, 50)), drawn((80, 80), (100, 100)))
    submitted(desk.second, drawn((22, 20), (50, 52)))
    return desk


def test_a_place_is_drawn_anew_and_a_lesion_overruled(desk, live_server, windows):  # noqa: F811
    item, agreed = MarkDiscordance.objects.get(), ReferenceMark.objects.get()
    page = windows(desk.adjudicator.user.username)
    page.goto(
        live_server.url
        + reverse("grading:adjudicate_case", kwargs={"assignment": desk.adjudicator.public_id})
    )
    expect(page.locator("rs-adjudication .read-card")).to_have_count(2)
    series = Instance.objects.get(index=0).series.blinded_uid
    start, end = screen_points(page, series, slice_uid(0), [[70, 72], [110, 104]])
    page.keyboard.press("l")
    expect(page.locator("rs-adjudication .place-line")).to_contain_text("Waiting for your drawing")
    page.keyboard.press("Enter")
    expect(page.locator("rs-adjudication .panel-message")).to_contain_text("Draw the place on the image")
    assert not MarkDecision.objects.exists()
    drag(page, start, end)
    expect(page.locator("rs-adjudication .place-line")).to_contain_text("The place that you drew counts")
    # Neither reader's place is kept: a reason is asked.
    page.keyboard.press("Enter")
    expect(page.locator("rs-adjudication .panel-message")).to_contain_text("give a reason")
    # Keeping a read instead takes the drawing off again, and drawing may begin anew.
    page.keyboard.press("a")
    expect(page.locator("rs-adjudication .place-line")).not_to_contain_text("counts")
    page.keyboard.press("l")
    drag(page, start, end)
    expect(page.locator("rs-adjudication .place-line")).to_contain_text("The place that you drew counts")
    page.keyboard.press("2")
    page.keyboard.press("Shift+Digit1")
    # The page goes away and comes back, as it does when it locks: the drawing, its class and the reason are kept.
    page.evaluate(WRITTEN)
    page.reload()
    expect(page.locator("rs-adjudication .place-line")).to_contain_text("The place that you drew counts")
    expect(page.locator("rs-adjudication .option-row[aria-checked=true]")).to_contain_text("Herniation")
    page.wait_for_selector("rs-viewer[data-first-image]")
    with page.expect_response("**/settle/") as answered:
        page.keyboard.press("Enter")
    assert answered.value.status == 200, answered.value.text()
    page.wait_for_url("**/adjudication/")
    settled = ReferenceMark.objects.exclude(pk=agreed.pk).get()
    assert (settled.mark_class, settled.is_redrawn, settled.provenance) == ("herniation", True, "adjudicated")
    meant = [70, 72, 110, 104]
    assert [value for point in settled.points_px for value in point] == pytest.approx(meant, abs=2)
    assert MarkDecision.objects.get().discordance == item

    member = desk.panel[0]
    page = windows(member.user.username)
    page.goto(live_server.url + reverse("grading:confirm_case", kwargs={"assignment": member.public_id}))
    rows = page.locator(".lesion-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("place drawn by the adjudicator")
    # With keys alone: to the first lesion, overrule, no lesion, reason.
    page.locator(f'[data-lesion="{agreed.lesion_id}"]').focus()
    page.keyboard.press("o")
    expect(page.locator("#panel-item")).to_contain_text("It stands as")
    page.keyboard.press("0")
    page.keyboard.press("Shift+Digit2")
    expect(page.locator(f'[data-lesion="{agreed.lesion_id}"]')).to_be_focused()
    expect(rows.nth(0)).to_contain_text("No lesion")
    # And taken back, and given again with the mouse.
    rows.nth(0).locator("text=Overrule").click()
    page.keyboard.press("1")
    page.keyboard.press("Shift+Digit2")
    expect(rows.nth(0)).not_to_contain_text("No lesion")
    rows.nth(0).locator("text=Overrule").click()
    page.locator("#panel-item >> text=No lesion").click()
    page.keyboard.press("Shift+Digit2")
    expect(rows.nth(0)).to_contain_text("No lesion")
    with page.expect_response("**/confirm/") as answered:
        page.keyboard.press("Control+Enter")
    assert answered.value.status == 200, answered.value.text()
    page.wait_for_url("**/panel/")
    stands = ReferenceMark.objects.get(superseded_at=None)
    assert (stands.lesion_id, stands.provenance, stands.is_redrawn) == (settled.lesion_id, "confirmed", True)
