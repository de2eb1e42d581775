"""The coordinator's page of images in a real Chromium: upload, archive, report."""

from pathlib import Path

import pytest
import requests
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from grading.models import Read, UnseenImages
from readerstudy.accounts.models import User
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.imaging.benchmark import servers
from readerstudy.imaging.models import ImportBatch
from readerstudy.studies import tasks  # noqa: F401  (registers the handler, as the worker does)
from readerstudy.studies.models import Assignment, Case, ReaderStudy
from readerstudy.studies.services.importing import import_images
from tests import factories
from tests.browser.office_desk import coordinator_page, need_the_front_end
from tests.browser.reading_desk import PATIENCE_MS, ReadingDesk
from tests.factories.studies import make_study, make_team

pytestmark = [pytest.mark.browser, pytest.mark.shared, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(settings, tmp_path):
    need_the_front_end()
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    study = make_study()
    make_team(study)
    return study


@pytest.fixture
def page(study, live_server, browser):
    yield from coordinator_page(live_server, browser)


def run_import(study) -> None:
    job = Job.objects.filter(study_id=study.public_id).latest("pk")
    assert run_job(job.pk).state == Job.State.DONE


def test_files_are_uploaded_and_reported(page, study, shared_data, tmp_path):
    slices = sorted((shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat").iterdir())[:4]
    stray = tmp_path / "notes.txt"
    stray.write_text("not an image")
    page.goto(f"/studies/{study.slug}/images/")
    page.get_by_label("Left and right in these files").first.select_option("by-convention")
    page.locator("#upload-centre").fill("PKU")
    page.locator("#upload-centre").press("Enter")
    page.locator("#upload-files").set_input_files([*slices, stray])
    page.wait_for_url("**/images/imports/**")
    run_import(study)

    expect(page.locator("dl.facts dd")).to_have_text(["4", "0", "0", "1"], timeout=30_000)
    row = page.locator("table tbody tr").inner_text()
    assert "notes.txt" in row
    assert "not a DICOM file" in row
    case = Case.objects.get(study=study)
    assert case.image_set.imaging_studies.get().laterality == "by-convention"
    assert case.patient.centre.code == "PKU"
    page.get_by_role("link", name="All imports").click()


def drop(page, folder: Path) -> None:
    """Drag a folder from the desktop onto the page and let it go over the drop zone."""
    box = page.locator("[data-drop]").bounding_box()
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 20}
    tools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        tools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


@pytest.mark.complains("ERR_INTERNET_DISCONNECTED")
def test_a_folder_is_dropped_and_a_broken_upload_goes_on_after_the_page_was_closed(
    page, study, shared_data, tmp_path
):
    folder = tmp_path / "patient"
    for number, source in enumerate(
        sorted((shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat").iterdir())[:5]
    ):
        target = folder / f"series {number // 3}" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    address = f"/studies/{study.slug}/images/"
    page.goto(address)
    held = []

    def hold(route):
        """Let two files through; the network hangs from then on."""
        held.append(route)
        if len(held) <= 2:
            route.continue_()

    page.route("**/files/?name=*", hold)
    drop(page, folder)
    expect(page.locator("[data-count]")).to_contain_text("2 / 5")
    expect(page.locator("[data-sending] li")).to_have_count(3)
    expect(page.locator("[data-sending] li").first).to_contain_text("patient/series")
    # Another drop does not come between.
    drop(page, folder)
    expect(page.locator("[data-failed] li")).to_contain_text("An upload is under way.")
    assert len(held) == 5
    context = page.context
    # What is still held would be let go with the window.
    for route in held[2:]:
        route.abort("internetdisconnected")
    expect(page.locator("[data-failed] li")).to_have_count(3)
    page.close()

    page = context.new_page()
    page.set_default_timeout(60_000)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/files/?name=" in request.url else None)
    page.goto(address)
    drop(page, folder)
    page.wait_for_url("**/images/imports/**")
    assert len(sent) == 3
    run_import(study)
    expect(page.locator("dl.facts dd")).to_have_text(["5", "0", "0", "0"], timeout=30_000)
    # One import of all, and what is finished is not gone on with.
    assert ImportBatch.objects.count() == 1
    page.goto(address)
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.complains("ERR_INTERNET_DISCONNECTED", "status of 400")
def test_other_files_of_the_same_names_are_another_import(page, study, shared_data, tmp_path, settings):
    """Scanners number files alike: what arrived of one patient never stands for another patient's file."""
    settings.READERSTUDY_IMPORT_LIMITS = {"file_bytes": 2**20}
    first, second = tmp_path / "first", tmp_path / "second"
    source = shared_data / "lumbar_mr" / "vb2_05"
    for folder, slices in ((first, source / "02_T2_AX_disc_reformat"), (second, source / "01_T2_SAG")):
        folder.mkdir()
        for number, path in enumerate(sorted(slices.iterdir())[:3]):
            (folder / f"IM-000{number}.dcm").write_bytes(path.read_bytes())
    (first / "IM-0002.dcm").write_bytes(b"x" * (2**20 + 1))
    page.goto(f"/studies/{study.slug}/images/")
    chosen = page.locator("#upload-files")
    chosen.set_input_files(sorted(first.iterdir()))
    expect(page.locator("[data-failed] li")).to_have_text(
        "IM-0002.dcm: The file is larger than 1 MiB; it was not taken."
    )
    chosen.set_input_files(sorted(second.iterdir()))
    page.wait_for_url("**/images/imports/**")
    run_import(study)
    expect(page.locator("dl.facts dd")).to_have_text(["3", "0", "0", "0"], timeout=30_000)
    # The first one is gone on with where it was left, and without the file that is refused.
    page.goto(f"/studies/{study.slug}/images/")
    chosen.set_input_files(sorted(first.iterdir()))
    expect(page.locator("[data-count]")).to_contain_text("2 / 3")
    page.get_by_role("button", name="Go on without them").click()
    page.wait_for_url("**/images/imports/**")
    run_import(study)
    expect(page.locator("dl.facts dd")).to_have_text(["2", "0", "0", "0"], timeout=30_000)
    assert ImportBatch.objects.count() == 2
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.complains("ERR_INTERNET_DISCONNECTED")
def test_a_line_that_breaks_is_said_and_the_rest_is_sent_by_one_press(page, study, shared_data):
    slices = sorted((shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat").iterdir())[:4]
    page.goto(f"/studies/{study.slug}/images/")
    failed, again = page.locator("[data-failed] li"), page.locator("[data-again]")
    page.context.set_offline(True)
    page.locator("#upload-files").set_input_files(slices)
    expect(failed).to_have_text("No connection to the server.")
    page.context.set_offline(False)
    # The next time it breaks after the second file.
    sent = []

    def breaking(route):
        sent.append(route.request.url)
        if len(sent) <= 2:
            route.continue_()
        else:
            route.abort("internetdisconnected")

    page.route("**/files/?name=*", breaking)
    again.click()
    expect(failed).to_have_count(2)
    expect(failed.first).to_have_text(f"{slices[2].name}: No connection to the server.")
    expect(page.locator("[data-count]")).to_contain_text("2 / 4")
    page.unroute("**/files/?name=*")
    again.click()
    page.wait_for_url("**/images/imports/**")
    run_import(study)
    expect(page.locator("dl.facts dd")).to_have_text(["4", "0", "0", "0"], timeout=30_000)
    assert ImportBatch.objects.count() == 1


def test_an_upload_outlives_the_session_in_which_it_was_begun(page, study, shared_data):
    slices = sorted((shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat").iterdir())[:4]
    coordinator = User.objects.get(username="coordinator")
    page.goto(f"/studies/{study.slug}/images/")
    session = next(each for each in page.context.cookies() if each["name"] == "sessionid")
    let_through = []

    def end_the_session(route):
        """After the second file nobody is signed in any more."""
        let_through.append(route.request.url)
        if len(let_through) == 3:
            Session.objects.all().delete()
        route.continue_()

    page.route("**/files/?name=*", end_the_session)
    page.locator("#upload-files").set_input_files(slices)
    failed = page.locator("[data-failed] li")
    told = "You are signed out. Sign in again in another tab, then send the rest."
    # Which of them were still on their way is not known; of each file it is said.
    expect(failed.filter(has_text=f".dcm: {told}").first).to_be_visible()
    page.unroute("**/files/?name=*")
    page.get_by_role("button", name="Send the rest again").click()
    expect(failed).to_have_text(told)
    client = Client()
    client.force_login(coordinator)
    page.context.add_cookies([{**session, "value": client.cookies["sessionid"].value}])
    page.get_by_role("button", name="Send the rest again").click()
    page.wait_for_url("**/images/imports/**")
    run_import(study)
    expect(page.locator("dl.facts dd")).to_have_text(["4", "0", "0", "0"], timeout=30_000)
    assert ImportBatch.objects.count() == 1


def test_a_study_of_an_archive_is_searched_taken_and_read(
    page, study, settings, shared_data, tmp_path, browser, live_server
):
    """From Orthanc through the gateway onto a reader's screen, and the read submitted by keys."""
    try:
        with servers.orthanc(tmp_path) as (port, _):
            login = (servers.ORTHANC_USER, servers.ORTHANC_PASSWORD)
            settings.READERSTUDY_ARCHIVES = {
                "pacs": {"title": "Test archive", "url": f"http://127.0.0.1:{port}/dicom-web",
                         "user": login[0], "password": login[1]}
            }  # fmt: skip
            for path in sorted((shared_data / "lumbar_mr" / "vb2_09").rglob("*.dcm")):
                address = f"http://127.0.0.1:{port}/instances"
                requests.post(address, data=path.read_bytes(), auth=login, timeout=30).raise_for_status()
            page.goto(f"/studies/{study.slug}/images/")
            page.get_by_label("Patient id").fill("RS-LT2-*")
            page.get_by_role("button", name="Search").click()
            page.get_by_role("checkbox").check()
            page.get_by_role("button", name="Take the chosen studies").click()
            page.wait_for_url("**/images/imports/**")
            run_import(study)
            # The page of a running import loads itself again until it has ended.
            expect(page.locator("dl.facts dd").first).to_have_text("41", timeout=30_000)
    except servers.ServerMissing as missing:
        pytest.skip(str(missing))
    case = Case.objects.get(study=study)
    case.status, case.sides_accepted_by_convention = Case.Status.INCLUDED, True
    case.numbering = {"variant": "5", "by": "a doctor", "at": factories.AT.isoformat()}
    case.save()
    ReaderStudy.objects.filter(pk=study.pk).update(state=ReaderStudy.State.OPEN, asks_before_reading=False)
    reader = factories.study_role("reader", study=study, person=factories.user("archive-reader")).user
    assignment = Assignment.objects.get(pk=factories.assignment(of=case, person=reader).pk)
    desk = ReadingDesk(live_server.url, assignment)
    factories.read(of=assignment, grades=factories.all_grades(desk.document, 1))
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    reading = desk.open(desk.sign_in(context))
    reading.wait_for_selector("rs-viewer[data-quality=full]", timeout=PATIENCE_MS)
    series = case.image_set.imaging_studies.get().series
    expect(reading.locator(".rs-pane[data-ready]").first).to_be_visible()
    hung = set(reading.evaluate("() => document.querySelector('rs-viewer').panes.map(({ uid }) => uid)"))
    assert hung == set(series.values_list("blinded_uid", flat=True))
    reading.keyboard.press("Control+Enter")
    reading.locator("dialog[open]").wait_for()
    reading.keyboard.press("Control+Enter")
    reading.wait_for_url(lambda url: url != desk.address)
    context.close()
    read = Read.objects.get(assignment=assignment)
    assert read.state == Read.State.SUBMITTED
    assert not UnseenImages.objects.exists()


def test_an_archive_that_is_away_is_said_plainly(page, study, settings):
    settings.READERSTUDY_ARCHIVES = {
        "pacs": {"title": "Test archive", "url": f"http://127.0.0.1:{servers.free_port()}/dicom-web"}
    }
    page.goto(f"/studies/{study.slug}/images/?archive=pacs")
    assert "The archive Test archive cannot be reached" in page.get_by_role("alert").inner_text()


def test_series_that_may_hold_text_are_shown_and_looked_at(page, study, shared_data):
    source = shared_data / "malformed" / "made" / "phi_fictional_burned_in.dcm"
    import_images(study=study, source=source, centre_code="1", actor=None, at=timezone.now())
    page.goto(f"/studies/{study.slug}/images/")
    page.get_by_role("link", name="Look at them").click()
    picture = page.locator(".pictures img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    assert picture.evaluate("image => image.clientHeight") >= 360
    with page.expect_popup() as large:
        picture.click()
    large.value.wait_for_load_state()
    assert large.value.evaluate("document.images[0].naturalWidth") > 0
    large.value.close()
    page.get_by_role("button", name="I have looked at these").click()
    expect(page.get_by_text("Nothing to look at")).to_be_visible()
    page.goto(f"/studies/{study.slug}/images/")
    assert page.get_by_role("link", name="Look at them").count() == 0
