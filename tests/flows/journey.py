"""A study on phantoms from `create_study` on; what a browser adds nothing to goes through the same calls."""

import csv
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from readerstudy.dicom.geometry import patient_mm_to_voxel
from readerstudy.imaging.models import Series
from readerstudy.imaging.selectors import read_volume
from readerstudy.phantom.files.folder import write_folder
from readerstudy.studies.models import Assignment, Case, Centre, ReaderStudy
from tests import factories

PATIENCE_MS = 90_000


def signed_in(page: Page, url: str, name: str) -> Page:
    page.goto(url + reverse("accounts:sign_in"))
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", factories.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "/sign-in/" not in address)
    return page


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@dataclass
class Journey:
    """One study with its people and the tables of its phantoms."""

    study: ReaderStudy
    folder: Path
    url: str
    windows: Callable[[str], Page]

    @classmethod
    def begin(
        cls,
        protocol: str,
        *,
        folder: Path,
        url: str,
        windows: Callable[[str], Page],
        people: Mapping[str, str],
        cases: int,
        seed: int,
        bodies: str,
        modalities: Iterable[str],
        centres: Iterable[str] = ("1",),
        numbering: str = "",
    ) -> "Journey":
        """`people` are user name -> role; centres are dealt to the cases in turn, all but the first external."""
        centres = list(centres)
        write_folder(
            folder, cases=cases, seed=seed, protocol=bodies, modalities=list(modalities), variants=False
        )
        table = rows_of(folder / "cases.csv")
        for number, row in enumerate(table):
            row["centre"] = centres[number % len(centres)]
        write_rows(folder / "cases.csv", table)
        call_command(
            "create_study",
            str(factories.ROOT / "protocols" / f"{protocol}.yaml"),
            slug="journey",
            straight_to_cases=True,
        )
        study = ReaderStudy.objects.get(slug="journey")
        for name, role in people.items():
            factories.user(name)
            call_command("grant_role", "journey", name, role)
        for code in centres:
            Centre.objects.create(study=study, code=code, is_external=code != centres[0])
        made = cls(study, folder, url, windows)
        made._name_places()
        call_command("import_dicom", "journey", str(folder))
        screening = {"numbering": numbering} if numbering else {}
        call_command("screen_cases", "journey", include_all=True, **screening)
        call_command("open_study", "journey")
        call_command("assign", "journey", seed=11)
        study.refresh_from_db()
        return made

    def _name_places(self) -> None:
        """Let the table of places name what the protocol names: joints as they are, else the levels."""
        known = {structure.id for structure in self.document.structures}
        places, lesions = self.folder / "joints.csv", self.folder / "lesions.csv"
        if places.exists() and rows_of(places)[0]["structure"] not in known and lesions.exists():
            frames = {row["case_id"]: row["frame_of_reference"] for row in rows_of(places)}
            rows = [
                {"structure": row["level"], "frame_of_reference": frames[row["case_id"]], **row}
                for row in rows_of(self.folder / "levels.csv")
                if row["level"] in known
            ]
            write_rows(places, rows)

    @property
    def document(self) -> Any:
        return self.study.protocols.get().document

    def case(self, pseudonym: str) -> Case:
        return Case.objects.get(study=self.study, pseudonym=pseudonym)

    def showings(self, name: str) -> list[Assignment]:
        """Return a person's assignments in the stored order."""
        return list(
            Assignment.objects.filter(study=self.study, user__username=name)
            .select_related("case__image_set", "study", "user", "duty")
            .order_by("position")
        )

    def open(self, page: Page, name: str, **place: Any) -> Page:
        page.goto(self.url + reverse(name, kwargs=place))
        return page

    # --- by the same calls as the browser's -----------------------------------------------------------

    def client(self, name: str) -> Client:
        client = Client()
        client.force_login(factories.User.objects.get(username=name))
        return client

    def read(
        self,
        showing: Assignment,
        *,
        answers: Mapping[tuple[str, str], Any] | None = None,
        marks: Iterable[tuple[Mapping[str, Any], int]] = (),
        questions: Mapping[str, str] | None = None,
    ) -> None:
        """Read a case and submit it, answer by answer, through the calls that the page makes."""
        client, place = self.client(showing.user.username), {"assignment": showing.public_id}
        page = client.get(reverse("grading:read_case", kwargs=place))
        assert page.status_code == 200
        saves: list[dict[str, Any]] = []
        for (structure, finding), given in (answers or {}).items():
            fields = {"kind": "grade", "grade": given} if isinstance(given, int) else dict(given)
            saves.append({"structure": structure, "finding": finding, **fields})
        for mark, confidence in marks:
            saves.append(
                {"structure": "@", "finding": str(uuid.uuid4()), "mark": mark, "confidence": confidence}
            )
        for question, text in (questions or {}).items():
            saves.append({"structure": "", "finding": question, "text": text})
        body = {"answers": [{"key": str(uuid.uuid4()), "base": "", **save} for save in saves]}
        if saves:
            done = client.post(reverse("api:read-answers", kwargs=place), body, "application/json")
            assert {each["status"] for each in done.json()["results"]} == {"saved"}, done.json()
        found = re.search(r'<script id="viewer-config"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
        assert found is not None
        shown = {"shown": json.loads(found.group(1))["required"]}
        submitted = client.post(reverse("api:read-submit", kwargs=place), shown, "application/json")
        assert submitted.status_code == 200, submitted.json()

    # --- places on phantoms ---------------------------------------------------------------------------

    def lesions(self, case: str) -> list[dict[str, Any]]:
        """Return the true lesions of a case: class, centre and edges in mm."""
        return [
            {
                "class": row["class"],
                "centre": [float(row[f"{axis}_mm"]) for axis in "xyz"],
                "size": [float(row[f"d{axis}_mm"]) for axis in "xyz"],
            }
            for row in rows_of(self.folder / "lesions.csv")
            if row["case_id"] == case
        ]

    def box(
        self, case: str, *, kind: str, lesion: Mapping[str, Any], plane: str, weighting: str = "T2"
    ) -> dict[str, Any]:
        """
        Return a box mark around a lesion on the images of one plane, as the viewer would tell it.

        Its rectangle is the lesion's on the image nearest to its centre; it reaches the images that the lesion
        reaches.
        """
        series = Series.objects.get(
            imaging_study__image_set=self.case(case).image_set,
            plane=plane,
            weighting=weighting,
            modality="MR",
        )
        volume = read_volume(series)
        centre, half = np.array(lesion["centre"]), np.array(lesion["size"]) / 2
        assert volume.slice_affines is not None
        signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
        corners = centre + signs * half
        depth = [float(patient_mm_to_voxel(affine, centre)[0]) for affine in volume.slice_affines]
        reach = max(abs(float((corner - centre) @ volume.slice_affines[0][:3, 0])) for corner in corners)
        inside = [k for k, d in enumerate(depth) if abs(d) <= reach]
        nearest = int(np.argmin(np.abs(depth)))
        inside = inside or [nearest]
        px = np.array(
            [patient_mm_to_voxel(volume.slice_affines[nearest], corner)[[2, 1]] for corner in corners]
        )
        names = list(series.instances.order_by("index").values_list("blinded_uid", flat=True))
        ends = sorted((inside[0], inside[-1]))
        return {
            "kind": kind,
            "class": lesion["class"],
            "shape": "box3d",
            "sop_uid": names[nearest],
            "frame": 1,
            "points_px": [px.min(axis=0).round(2).tolist(), px.max(axis=0).round(2).tolist()],
            "slice_sops": [names[k] for k in ends],
            "slice_frames": [1, 1],
        }


# --- in the browser ---------------------------------------------------------------------------------------


def ready(page: Page) -> None:
    """Wait until a reading page takes answers."""
    page.wait_for_selector("rs-grading[data-ready]")


def saved(page: Page) -> None:
    expect(page.locator("#save-badge")).to_have_attribute("data-kind", "saved", timeout=PATIENCE_MS)


def submit(page: Page) -> None:
    """Submit the case on the page by its keys and wait for the next page."""
    saved(page)
    here = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda address: address != here)


CANVAS = """([uid, sop, points]) => {
  const viewer = document.querySelector("rs-viewer");
  const pane = viewer.panes.find((one) => one.stack?.uid === uid);
  const index = pane.stack.frames.findIndex((frame) => frame.sopUid === sop);
  pane.show(index);
  const box = pane.element.querySelector("canvas").getBoundingClientRect();
  return { slice: index + 1, pane: viewer.panes.indexOf(pane), points: points.map((px) => {
    const [x, y] = pane.surface.imagePxToCanvasPx(px);
    return [box.x + x, box.y + y];
  }) };
}"""


def screen_points(page: Page, series: str, sop: str, points: list[list[float]]) -> list[list[float]]:
    """Scroll to an image and return where its pixels lie on the screen."""
    page.wait_for_selector("rs-viewer[data-quality=full]")
    told = page.evaluate(CANVAS, [series, sop, points])
    expect(page.locator(".rs-pane").nth(told["pane"])).to_have_attribute("data-slice", str(told["slice"]))
    # The view may have moved with the image.
    return page.evaluate(CANVAS, [series, sop, points])["points"]


def drag(page: Page, start: list[float], end: list[float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()
