"""No submit while an image that the protocol requires was not shown at full quality, unless a reason is given."""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import translation

from grading.models import Read, UnseenImages
from grading.required_images import required_series
from grading.services.reading import submit_read
from grading.services.unseen import ImagesNotShown, ImagesShown
from readerstudy.core.models import AuditEvent
from readerstudy.imaging.selectors import SeriesRow, study_table
from readerstudy.studies.models import Assignment, Case, Deviation
from readerstudy.studies.protocols.loading import load_protocol
from tests import factories
from tests.grading.conftest import LATER, make_desk

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(db):
    """A case with a sagittal MR, an axial MR that the protocol hangs beside it, and a coronal one that it does not."""
    made = make_desk()
    images = factories.image_set(scope=made.study.public_id)
    study = factories.imaging_study(of=images)
    for number, plane in enumerate(("sagittal", "axial", "coronal"), start=1):
        row = factories.series(of=study, plane=plane, label=f"{plane.title()} T2 MR", number=number)
        factories.instance(of=row)
    Case.objects.filter(pk=made.case.pk).update(image_set=images)
    for assignment in (made.first, made.second):
        assignment.case.refresh_from_db()
    return made


def answered(desk):
    return factories.read(of=desk.first, grades=factories.all_grades(desk.document, 1))


def uids(desk):
    return {row.plane: row.series_uid for row in study_table(desk.first.case.image_set)}


def test_a_read_waits_for_the_images_that_its_protocol_requires(desk):
    read, uid = answered(desk), uids(desk)
    for seen in (set(), {uid["sagittal"]}, {uid["axial"], uid["coronal"]}, {"1.2.3"}):
        with pytest.raises(ImagesNotShown) as refused:
            submit_read(read_id=read.pk, at=LATER, images=ImagesShown(frozenset(seen)))
        assert ("Axial T2 MR" in refused.value.series) == (uid["axial"] not in seen)
        assert "Coronal T2 MR" not in refused.value.series
    assert Read.objects.get(pk=read.pk).state == Read.State.IN_PROGRESS
    shown = ImagesShown(frozenset({uid["sagittal"], uid["axial"]}))
    assert submit_read(read_id=read.pk, at=LATER, images=shown).state == Read.State.SUBMITTED
    assert not UnseenImages.objects.exists()
    assert not Deviation.objects.exists()


@pytest.mark.parametrize(
    ("reason", "words"), [("", "in my own words"), ("other", " "), ("because", ""), ("not-loading ", "")]
)
def test_what_is_no_reason_does_not_submit(desk, reason, words):
    read = answered(desk)
    with pytest.raises(ImagesNotShown):
        submit_read(read_id=read.pk, at=LATER, images=ImagesShown(reason=reason, words=words))
    assert not UnseenImages.objects.exists()


def test_the_reason_is_kept_told_and_audited_in_one_act(desk, client):
    read, uid = answered(desk), uids(desk)
    shown = ImagesShown(frozenset({uid["sagittal"]}), "other", " The second half is black. ")
    with translation.override("zh-hans"):
        submit_read(read_id=read.pk, at=LATER, images=shown)
    kept = UnseenImages.objects.get(read=read)
    assert (kept.series, kept.reason, kept.words) == (["Axial T2 MR"], "other", "The second half is black.")
    event = AuditEvent.objects.get(event="grading.read.images_unseen")
    assert event.detail["series"] == "Axial T2 MR"
    coordinator = factories.study_role("coordinator", study=desk.study).user
    client.force_login(coordinator)
    page = client.get(reverse("studies:deviations", kwargs={"slug": desk.study.slug})).content.decode()
    assert "Submitted without seeing Axial T2 MR at full quality. Another reason: The second half" in page
    assert desk.case.pseudonym in page
    assert Deviation.objects.get().leaves_per_protocol_set is False


def test_the_page_names_what_is_required_and_the_call_says_what_is_missing(desk, client):
    answered(desk)
    client.force_login(desk.first_reader)
    page = client.get(reverse("grading:read_case", kwargs={"assignment": desk.first.public_id}))
    found = re.search(r'<script id="viewer-config"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
    config = json.loads(found.group(1))
    uid = uids(desk)
    assert config["required"] == [uid["sagittal"], uid["axial"]]
    address = reverse("api:read-submit", kwargs={"assignment": desk.first.public_id})
    call = lambda body: client.post(address, body, "application/json")  # noqa: E731
    refused = call({})
    assert refused.status_code == 409
    assert refused.json()["code"] == "images_not_shown"
    assert refused.json()["series"] == ["Sagittal T2 MR", "Axial T2 MR"]
    assert call({"shown": [uid["sagittal"]], "reason": "because"}).status_code == 400
    assert call({"shown": [uid["sagittal"], uid["axial"]]}).status_code == 200


def test_a_repeat_is_asked_for_its_own_addresses(desk):
    """Series of a second showing have other UIDs; those of the first say nothing for it."""
    read, first = answered(desk), uids(desk)
    Assignment.objects.filter(pk=desk.first.pk).update(occasion=2)
    with pytest.raises(ImagesNotShown):
        submit_read(read_id=read.pk, at=LATER, images=ImagesShown(frozenset(first.values())))
    read.assignment.refresh_from_db()
    submit_read(read_id=read.pk, at=LATER, images=ImagesShown.all_of(read))


def test_a_case_without_images_is_submitted_as_ever(db):
    desk = make_desk()
    assert submit_read(read_id=answered(desk).pk, at=LATER).state == Read.State.SUBMITTED


# What the viewer hangs first, by its own rules.
VIEWER = """
import { chooseHangings } from "./static/js/viewer/hanging.js";
let text = "";
for await (const part of process.stdin) text += part;
const chosen = JSON.parse(text).map(({ hanging, series }) =>
  chooseHangings(hanging, series)[0].slots.map(({ series: { series_uid } }) => series_uid));
console.log(JSON.stringify(chosen));
"""


def some_series(rng):
    kinds = [("MR", p, w) for p in ("sagittal", "axial", "coronal") for w in ("T1", "T2", "")]
    kinds += [("CT", p, "") for p in ("sagittal", "axial", "coronal")]
    kinds += [(m, "projection", "") for m in ("DX", "CR")] + [("US", "", "")]
    return [
        SeriesRow(
            study_uid="1",
            series_uid=f"1.{number}",
            number=number,
            modality=modality,
            plane=plane,
            weighting=weighting,
            label=f"{plane.title()} {weighting} {modality}",
            view=rng.choice(["AP", "lateral", "oblique", ""]) if plane == "projection" else "",
            n_images=1,
            rows=16,
            columns=16,
            laterality="established",
            frame_of_reference="",
            has_geometry=True,
            has_spacing=True,
        )
        for number, (modality, plane, weighting) in enumerate(rng.choices(kinds, k=rng.randint(1, 6)))
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "protocols").glob("*.yaml")), ids=lambda path: path.stem)
def test_server_and_viewer_hang_the_same_series(path):
    """Both rules on sixty made-up cases of each shipped protocol."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the path")
    document = load_protocol(path.read_text(), name=path.name)
    rng = random.Random(path.stem)
    cases = [some_series(rng) for _ in range(60)]
    hanging = document.display["hanging"]
    asked = json.dumps([{"hanging": hanging, "series": [vars(row) for row in rows]} for rows in cases])
    told = subprocess.run(
        [node, "--input-type=module", "-e", VIEWER],
        cwd=ROOT,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [[row.series_uid for row in required_series(document, rows)] for rows in cases]
    assert ours == json.loads(told.stdout)
    assert len({len(each) for each in ours}) > 1
