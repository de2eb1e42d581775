"""A coordinator tries the whole reading in every seat, and the study's database and files are as before."""

import gzip
import json
import os
import re
import time
from pathlib import Path

import pytest
from django.db import connection
from django.urls import reverse

from grading.dry_run import sandbox
from grading.models import Adjudication, Read, ReferenceGrade
from readerstudy.core.models import AuditEvent
from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services import receive
from readerstudy.studies.models import ReaderStudy
from tests import factories
from tests.blinding.planting import write_series
from tests.factories.protocols import small_source
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
    place = sandbox.place_of(study=study, session_key=coordinator.session.session_key)
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
    place = sandbox.place_of(study=study, session_key=coordinator.session.session_key)
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
    place = sandbox.place_of(study=study, session_key=coordinator.session.session_key)
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


def test_one_that_nobody_ended_is_swept_away(coordinator, study, settings):
    begin(coordinator)
    place = sandbox.place_of(study=study, session_key=coordinator.session.session_key)
    sandbox.sweep(now=time.time())
    assert place.exists()
    old = time.time() - settings.SESSION_COOKIE_AGE - 60
    os.utime(place, (old, old))
    sandbox.sweep(now=time.time())
    assert not place.exists()


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
