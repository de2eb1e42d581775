"""A coordinator tries the whole reading in every seat, and the study's database and files are as before."""

import gzip
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from grading.dry_run import sandbox
from grading.models import Adjudication, Read, ReferenceGrade
from readerstudy.core.models import AuditEvent
from readerstudy.core.tidying import tidy_up
from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services import join_image_sets, receive
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.protocols.loading import load_protocol
from tests import factories
from tests.blinding.planting import write_series
from tests.factories.protocols import AGE, SEX, small_source
from tests.grading.conftest import saving
from tests.grading.test_preview import rows

pytestmark = pytest.mark.django_db
CYST = ("L4-5-right", "cyst")


@pytest.fixture
def study(settings, tmp_path):
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    study = factories.reader_study(slug="tried", state="draft", source=small_source(reference={"quorum": 1}))
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    return study


@pytest.fixture
def coordinator(client, study):
    client.force_login(study.roles.get().user)
    return client


def files(root):
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob("*") if path.is_file())


def place_of(study, client):
    return sandbox.Bench.of_study(study).place(client.session.session_key)


def begin(client, **fields):
    return client.post(reverse("grading:dry_run", kwargs={"slug": "tried"}), {"begin": "1", **fields})


def seats(client):
    run = client.get(reverse("grading:dry_run", kwargs={"slug": "tried"})).context["run"]
    return {each.key: each for each in run.seats}


def config_of(response, name):
    """Return the JSON that a page carries under an id."""
    text = response.content.decode()
    start = text.index(">", text.index(f'id="{name}"')) + 1
    return json.loads(text[start : text.index("</script>", start)])


def send(client, address, body):
    return client.post(address, json.dumps(body), content_type="application/json")


def read_all(client, seat, grade):
    """Read every case of a seat as a browser does: open the page, send the answers, submit."""
    opened = []
    while True:
        current = client.get(seats(client)[seat].address).context["list"].current
        if current is None:
            return opened
        assert current.address.startswith(f"/studies/tried/dry-run/{seat}/read/")
        page = client.get(current.address)
        assert page.status_code == 200
        config = config_of(page, "grading-config")
        answers = [saving((each["structure"], each["finding"]), grade) for each in items_of(config)]
        told = send(client, config["addresses"]["answers"], {"answers": answers}).json()
        assert {each["status"] for each in told["results"]} == {"saved"}
        submitted = send(client, config["addresses"]["submit"], {})
        assert submitted.status_code == 200, submitted.content
        opened.append(config["read"])


def items_of(config):
    return [
        {"structure": structure["id"], "finding": finding["id"]}
        for structure in config["structures"]
        for finding in config["findings"]
    ]


def test_all_seats_to_the_confirmed_reference_and_no_trace(coordinator, study, settings):
    before, files_before = rows(), files(settings.READERSTUDY_DATA_ROOT)
    assert begin(coordinator, n_cases="1").status_code == 302
    place = place_of(study, coordinator)
    assert place.stat().st_mode & 0o077 == 0
    assert set(seats(coordinator)) == {"reader-1", "reader-2", "adjudicator-1", "panel-1"}

    assert len(read_all(coordinator, "reader-1", 0)) == 1
    assert len(read_all(coordinator, "reader-2", 1)) == 1
    queue = coordinator.get(seats(coordinator)["adjudicator-1"].address).context["list"]
    page = coordinator.get(queue.current.address)
    config = config_of(page, "adjudication-config")
    assert len(config["items"]) == 2
    for each in config["items"]:
        item = {"structure": each["structure"], "finding": each["finding"]}
        if config["covered"]:
            own = send(coordinator, config["addresses"]["first_grade"], {**item, "kind": "grade", "grade": 1})
            assert own.status_code == 200, own.content
        told = send(coordinator, config["addresses"]["settle"], {**item, "choice": "A"})
        assert told.status_code == 200, told.content
    queue = coordinator.get(seats(coordinator)["panel-1"].address).context["list"]
    config = config_of(coordinator.get(queue.current.address), "panel-config")
    assert send(coordinator, config["addresses"]["confirm"], {"overruled": []}).status_code == 200
    with sandbox.inside(place):
        # All of it happened, under the product's own rules, somewhere else.
        assert Read.objects.filter(state="submitted").count() == 2
        assert Adjudication.objects.count() == 2
        assert set(
            ReferenceGrade.objects.filter(superseded_at=None).values_list("provenance", flat=True)
        ) == {"confirmed"}
        with pytest.raises(Exception, match=r"append-only|stands|submitted"):
            Read.objects.filter(state="submitted").update(version=9)

    coordinator.post(reverse("grading:end_dry_run", kwargs={"slug": "tried"}))
    assert files(settings.READERSTUDY_DATA_ROOT) == files_before
    kept = AuditEvent.objects.get(event="grading.dry_run.begun")
    after = rows()
    assert {name for name in after if after[name] != before[name]} <= {"core.AuditEvent", "core.AuditChain"}
    assert after["core.AuditEvent"] == before["core.AuditEvent"] + 1
    assert kept.detail == {"n_cases": 1}
    study.refresh_from_db()
    assert study.state == "draft"


@pytest.mark.both_databases
def test_the_study_itself_is_never_asked_or_told(coordinator, study):
    """Inside, the connection to the study's database is not there: a row made inside is made elsewhere."""
    begin(coordinator)
    place = place_of(study, coordinator)
    usual = connection.settings_dict["NAME"]
    with sandbox.inside(place):
        assert connection.settings_dict["NAME"] == str(place) != usual
        assert sandbox.is_active()
        factories.user("only-inside")
        assert ReaderStudy.objects.get().state == "open"
    assert connection.settings_dict["NAME"] == usual
    assert not sandbox.is_active()
    assert "only-inside" not in set(type(study.roles.get().user).objects.values_list("username", flat=True))


def test_an_error_inside_leaves_the_usual_database_in_place(coordinator, study):
    begin(coordinator)
    place = place_of(study, coordinator)
    usual = connection.settings_dict["NAME"]
    with pytest.raises(ZeroDivisionError), sandbox.inside(place):
        1 / 0  # noqa: B018
    assert connection.settings_dict["NAME"] == usual
    # A page that is not there, and a person who may not: the next request is an ordinary one.
    absent = reverse(
        "grading:dry_run_seat", kwargs={"slug": "tried", "seat": "nobody", "rest": "studies/tried/worklist/"}
    )
    assert coordinator.get(absent).status_code == 404
    assert coordinator.get(reverse("studies:protocol", kwargs={"slug": "tried"})).status_code == 200


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "sign-out/",
        "studies/tried/",
        "studies/tried/team/",
        "studies/tried/audit/",
        "no/such/page/",
        "keys/",
    ],
)
def test_what_is_no_part_of_it_leads_back(coordinator, rest):
    begin(coordinator)
    address = f"/studies/tried/dry-run/reader-1/{rest}"
    if rest:
        for answer in (coordinator.get(address), coordinator.post(address)):
            assert answer.status_code == 302
            assert answer.url == reverse("grading:dry_run", kwargs={"slug": "tried"})
    assert "_auth_user_id" in coordinator.session


def test_only_the_browser_session_that_began_it_has_it(coordinator, client, study):
    from django.test import Client

    begin(coordinator)
    address = seats(coordinator)["reader-1"].address
    other = Client()
    other.force_login(study.roles.get().user)
    assert other.get(address).status_code == 404
    assert other.get(reverse("grading:dry_run", kwargs={"slug": "tried"})).context["run"] is None


@pytest.mark.parametrize("role", ["reader", "adjudicator", "panel", "investigator", "auditor"])
def test_the_coordinator_alone(client, study, role):
    client.force_login(factories.study_role(role, study=study).user)
    assert begin(client).status_code == 404
    assert client.get("/studies/tried/dry-run/reader-1/studies/tried/worklist/").status_code == 404
    assert client.post(reverse("grading:end_dry_run", kwargs={"slug": "tried"})).status_code == 404


def test_signing_out_removes_it(coordinator, study, settings):
    files_before = files(settings.READERSTUDY_DATA_ROOT)
    begin(coordinator)
    assert files(settings.READERSTUDY_DATA_ROOT) != files_before
    coordinator.post(reverse("accounts:sign_out"))
    assert files(settings.READERSTUDY_DATA_ROOT) == files_before


def test_one_that_nobody_ended_is_swept_away_with_its_session(coordinator, study, settings):
    """By what a worker does every few minutes, not by the next dry run alone."""
    begin(coordinator)
    place, now = place_of(study, coordinator), timezone.now()
    tidy_up(now=now)
    assert place.exists()
    tidy_up(now=now + timedelta(seconds=settings.SESSION_COOKIE_AGE + 60))
    assert not place.exists()
    # A session that was ended elsewhere, such as by signing in anew, is over at once.
    begin(coordinator)
    Session.objects.filter(session_key=coordinator.session.session_key).delete()
    tidy_up(now=now)
    assert not place.exists()


def test_the_way_home_of_a_seat_is_its_own_list(coordinator, study):
    """After the charter the product leads home; home of a test person is what waits for that person."""
    study.asks_before_reading = True
    study.save(update_fields=["asks_before_reading"])
    begin(coordinator)
    address = seats(coordinator)["reader-1"].address
    current = coordinator.get(address).context["list"].current
    charter = coordinator.get(current.address)
    assert charter.url.endswith("/charter/")
    accepted = coordinator.post(charter.url, follow=True)
    assert accepted.redirect_chain[-1][0] == address
    assert accepted.status_code == 200
    absent = reverse("grading:dry_run_home", kwargs={"slug": "tried", "seat": "nobody"})
    assert coordinator.get(absent).status_code == 404


def test_a_file_is_tried_before_there_is_a_study(coordinator, study, settings):
    """From the page of a new study: the same seats, no row of a study, one line in the site's own log."""
    before, files_before = rows(), files(settings.READERSTUDY_DATA_ROOT)
    page = coordinator.get(reverse("studies:create"), {"from": "shipped/facet-joint-degeneration"})
    source, trial = page.context["source"], reverse("grading:try_file")
    assert f'formaction="{trial}"' in page.content.decode()
    # What the page of the new study sends beside the file begins nothing yet.
    shown = coordinator.post(trial, {"source": source, "slug": "never"})
    assert (shown.context["given"], shown.context["run"]) == (source, None)
    assert coordinator.post(trial, {"begin": "1", "source": source, "n_cases": "1"}).status_code == 302
    run = coordinator.get(trial).context["run"]
    assert [each.key for each in run.seats] == ["reader-1", "reader-2", "adjudicator-1", "panel-1"]
    for each in run.seats:
        assert each.address.startswith(f"{trial}{each.key}/studies/dry-run/")
        assert coordinator.get(each.address).status_code == 200
    place = sandbox.Bench.of_a_file().place(coordinator.session.session_key)
    assert place.exists()
    coordinator.post(reverse("grading:end_trial"))
    assert files(settings.READERSTUDY_DATA_ROOT) == files_before
    after = rows()
    assert {name for name in after if after[name] != before[name]} <= {"core.AuditEvent", "core.AuditChain"}
    kept = AuditEvent.objects.get(event="grading.dry_run.begun")
    assert (kept.study_id, kept.subject_id) == (None, "facet-joint-degeneration")


def test_a_file_borrows_images_of_a_study_that_one_coordinates(coordinator, study, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    write_series(tmp_path / "files", patient="one")
    receive(scope=study.public_id, source=tmp_path / "files", at=factories.AT, laterality="established")
    factories.case(study=study, image_set=ImageSet.objects.get())
    factories.reader_study(slug="of-others")
    trial = reverse("grading:try_file")
    fields = {"begin": "1", "source": small_source(), "n_cases": "1"}
    refused = coordinator.post(trial, {**fields, "images_of": "of-others"})
    assert refused.context["form"].errors["images_of"]
    assert coordinator.post(trial, {**fields, "images_of": "tried"}).status_code == 302
    seat = next(each for each in coordinator.get(trial).context["run"].seats if each.key == "reader-1")
    listed = coordinator.get(seat.address).context["list"]
    assert listed.current.modalities == "MR"
    page = coordinator.get(listed.current.address)
    assert f'data-dicomweb="{trial}reader-1/dicomweb/' in page.content.decode()
    # The study whose images were looked at says so.
    assert AuditEvent.objects.get(event="grading.dry_run.begun").study_id == study.public_id


def test_a_bad_file_begins_no_trial(coordinator, settings):
    files_before = files(settings.READERSTUDY_DATA_ROOT)
    for source in ("", "protocol: x"):
        page = coordinator.post(reverse("grading:try_file"), {"begin": "1", "source": source})
        assert "line 1" in page.content.decode(), source
    assert files(settings.READERSTUDY_DATA_ROOT) == files_before


@pytest.mark.parametrize("role", ["reader", "adjudicator", "panel", "investigator", "auditor"])
def test_who_may_not_make_a_study_tries_none(client, study, role):
    client.force_login(factories.study_role(role, study=study).user)
    for name, method in (("try_file", client.get), ("try_file", client.post), ("end_trial", client.post)):
        assert method(reverse(f"grading:{name}"), {"source": small_source()}).status_code == 404
    for name, rest in (("trial_home", {}), ("trial_seat", {"rest": "studies/dry-run/worklist/"})):
        address = reverse(f"grading:{name}", kwargs={"seat": "reader-1", **rest})
        assert client.get(address).status_code == 404


def test_a_file_from_the_editor_is_tried_and_not_stored(coordinator, study):
    changed = small_source(findings=("narrowing",), reference={"quorum": 3})
    shown = coordinator.post(reverse("grading:dry_run", kwargs={"slug": "tried"}), {"source": changed})
    assert shown.context["given"] == changed
    assert shown.context["run"] is None
    begin(coordinator, source=changed)
    assert len([key for key in seats(coordinator) if key.startswith("panel")]) == 3
    assert study.protocols.get().document.findings[0].id == "cyst"


def test_a_bad_file_and_an_unknown_case_begin_nothing(coordinator, study, settings):
    files_before = files(settings.READERSTUDY_DATA_ROOT)
    for fields, words in (({"source": "protocol: x"}, "line 1"), ({"codes": "absent"}, "absent")):
        page = begin(coordinator, **fields)
        assert page.status_code == 200
        assert words in page.content.decode()
    assert files(settings.READERSTUDY_DATA_ROOT) == files_before
    assert not AuditEvent.objects.filter(event="grading.dry_run.begun").exists()


@pytest.mark.parametrize(
    "name",
    [
        "facet-joint-degeneration",
        "facet-joint-degeneration-2022",
        "lumbar-degeneration-detection",
        "cervical-spine-tumour",
    ],
)
def test_every_shipped_protocol_can_be_tried(coordinator, name):
    source = (factories.ROOT / "protocols" / f"{name}.yaml").read_text()
    assert begin(coordinator, source=source).status_code == 302
    run = coordinator.get(reverse("grading:dry_run", kwargs={"slug": "tried"})).context["run"]
    assert run.n_cases == 2
    for each in run.seats:
        assert coordinator.get(each.address, follow=True).status_code == 200
    assert bool(run.word) == (name == "facet-joint-degeneration-2022")


def test_what_needs_days_is_left_out():
    import yaml

    from grading.dry_run.staging import in_one_sitting

    plain = small_source()
    reading = {
        "conditions": ["unaided", "aided"], "aided_order": "crossover", "washout_days": 28,
        "calibration": {"cases": 3, "pass": {"weighted_kappa": 0.4, "on": "mean"}, "tries": 2},
    }  # fmt: skip
    once = yaml.safe_load(in_one_sitting(small_source(reading=reading)))["reading"]
    assert (once["conditions"], once["washout_days"]) == (["unaided"], 0)
    assert "calibration" not in once
    assert in_one_sitting(in_one_sitting(plain)) == in_one_sitting(plain)


def test_images_of_two_patient_numbers_are_shown_as_one_case(coordinator, study, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    for number in ("one", "two"):
        write_series(tmp_path / number, patient=number)
        receive(scope=study.public_id, source=tmp_path / number, at=factories.AT, laterality="established")
    stays, comes = ImageSet.objects.order_by("pk")
    join_image_sets(stays=stays, comes=comes, at=factories.AT, actor=None)
    begin(coordinator, n_cases="2", codes=factories.case(study=study, image_set=stays).pseudonym)
    page = coordinator.get(
        coordinator.get(seats(coordinator)["reader-1"].address).context["list"].current.address
    )
    series = config_of(page, "viewer-config")["series"]
    assert len({each["study_uid"] for each in series}) == 2
    root = re.search(r'data-dicomweb="([^"]+)"', page.content.decode())[1]
    token = next(morsel.value for name, morsel in page.cookies.items() if name.startswith("rs_images"))
    for each in series:
        address = f"{root}/studies/{each['study_uid']}/series/{each['series_uid']}/metadata"
        assert coordinator.get(address, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    coordinator.post(reverse("grading:end_dry_run", kwargs={"slug": "tried"}))


def test_the_studys_images_are_shown_and_the_door_to_them_closes_with_it(
    coordinator, study, settings, tmp_path
):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    write_series(tmp_path / "files", patient="one")
    receive(scope=study.public_id, source=tmp_path / "files", at=factories.AT, laterality="established")
    case = factories.case(study=study, image_set=ImageSet.objects.get())
    before, files_before = rows(), files(settings.READERSTUDY_DATA_ROOT)
    begin(coordinator, n_cases="2", codes=case.pseudonym)
    current = coordinator.get(seats(coordinator)["reader-1"].address).context["list"].current
    page = coordinator.get(current.address)
    assert case.pseudonym not in page.content.decode()
    root = re.search(r'data-dicomweb="([^"]+)"', page.content.decode())[1]
    assert root.startswith("/studies/tried/dry-run/reader-1/dicomweb/")
    [series] = config_of(page, "viewer-config")["series"]
    address = f"{root}/studies/{series['study_uid']}/series/{series['series_uid']}/metadata"
    # The test client sends every cookie everywhere; a browser sends this one below the root alone.
    assert (
        page.cookies[next(name for name in page.cookies if name.startswith("rs_images"))]["path"]
        == f"{root}/"
    )
    token = next(morsel.value for name, morsel in page.cookies.items() if name.startswith("rs_images"))
    shown = coordinator.get(address, headers={"Authorization": f"Bearer {token}"})
    assert shown.status_code == 200
    assert (
        len(json.loads(gzip.decompress(shown.content) if shown.get("Content-Encoding") else shown.content))
        == 2
    )
    # The study's own door knows nothing of it.
    outside = address.replace("/studies/tried/dry-run/reader-1", "", 1)
    assert coordinator.get(outside, headers={"Authorization": f"Bearer {token}"}).status_code == 404
    coordinator.post(reverse("grading:end_dry_run", kwargs={"slug": "tried"}))
    assert coordinator.get(address, headers={"Authorization": f"Bearer {token}"}).status_code == 404
    assert files(settings.READERSTUDY_DATA_ROOT) == files_before
    after = rows()
    assert {name for name in after if after[name] != before[name]} <= {"core.AuditEvent", "core.AuditChain"}


def test_the_clinical_data_that_the_protocol_shows_come_along_and_no_other(coordinator, study):
    protocol = study.protocols.get()
    source = small_source(reference={"quorum": 1}, reading={"clinical_context": [AGE, SEX]})
    protocol.source, protocol.digest = source, load_protocol(source).digest
    protocol.save()
    case = factories.case(study=study, clinical={"age": "63", "pathology": "secret-pathology"})
    assert begin(coordinator, codes=case.pseudonym).status_code == 302
    current = coordinator.get(seats(coordinator)["reader-1"].address).context["list"].current
    page = coordinator.get(current.address).content.decode()
    assert "<dt>Age</dt><dd>63 years</dd>" in page
    assert "not stated" in page
    assert b"secret-pathology" not in place_of(study, coordinator).read_bytes()
