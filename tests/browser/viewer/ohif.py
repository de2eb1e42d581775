"""
OHIF as a client of the gateway: the recipe of `docs/images.md`, followed to the letter.

The configuration of nginx and of OHIF are read from that page, so that what is documented is what runs. OHIF itself
is fetched by npm into a scratch folder; it is no part of the product.
"""

import json
import re
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from readerstudy.imaging.benchmark import servers
from tests.browser.viewer.serving import ROOT, ViewerSite

PACKAGE = "@ohif/app@3.13.2"
RECIPE = ROOT / "docs" / "images.md"


class OhifMissing(Exception):
    """OHIF cannot be fetched or started here."""


@dataclass(frozen=True)
class OpenedCase:
    """One case that OHIF may read: the name of its data source, its address, token, study and longest CT series."""

    name: str
    presentation: str
    token: str
    study: str = ""
    series: str = ""

    @property
    def path(self) -> str:
        """Return the address of the case in OHIF."""
        return f"/viewer/{self.name}?StudyInstanceUIDs={self.study}&initialSeriesInstanceUID={self.series}"


def fetch(folder: Path) -> Path:
    """
    Fetch OHIF's package with npm and return its `dist` folder; what lies in `folder` already is taken.

    Raises
    ------
    OhifMissing
        If npm is absent, or gives another package than the one asked for.
    """
    dist = folder / "package" / "dist"
    if not (dist / "index.html").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [servers.executable("npm"), "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OhifMissing(f"npm cannot fetch {PACKAGE}: {done.stderr.strip()[-300:]}")
        with tarfile.open(folder / done.stdout.split()[-1]) as archive:
            archive.extractall(folder, filter="data")
    stated = json.loads((folder / "package" / "package.json").read_text())
    if f"{stated['name']}@{stated['version']}" != PACKAGE:
        raise OhifMissing(f"{folder} holds {stated['name']} {stated['version']}, not {PACKAGE}; empty it")
    return dist


def _block(text: str, first: str, last: str) -> str:
    found = re.search(rf"^    {re.escape(first)}.*?^    {re.escape(last)}$", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise OhifMissing(f"{RECIPE.name} has no block that begins with {first!r}")
    return found.group()


def _for_each(text: str, pattern: str, cases: Sequence[OpenedCase]) -> str:
    """Repeat what the recipe shows for one case, once for each."""
    found = re.search(pattern, text, re.DOTALL)
    if found is None:
        raise OhifMissing(f"{RECIPE.name} has no part like {pattern}")
    parts = [
        found.group()
        .replace("<presentation>", case.presentation)
        .replace("<token>", case.token)
        .replace('sourceName: "readerstudy"', f'sourceName: "{case.name}"')
        for case in cases
    ]
    return text[: found.start()] + "\n".join(parts) + text[found.end() :]


def server_part(cases: Sequence[OpenedCase], *, port: int, gateway: str, dist: Path, config: Path) -> str:
    """Return the recipe's server block with real places in it."""
    text = _block(RECIPE.read_text(encoding="utf-8"), "server {", "}")
    text = _for_each(text, r" {8}location /dicomweb/<presentation>/ \{.*?\n {8}\}", cases)
    for shown, real in {
        "127.0.0.1:8081": f"127.0.0.1:{port}",
        "http://127.0.0.1:8000": gateway,
        "/srv/ohif/app-config.js": str(config),
        "/srv/ohif/dist": str(dist),
    }.items():
        if shown not in text:
            raise OhifMissing(f"{RECIPE.name} does not say {shown}")
        text = text.replace(shown, real)
    return text


def app_config(cases: Sequence[OpenedCase]) -> str:
    """Return the recipe's `app-config.js` for these cases."""
    text = _block(RECIPE.read_text(encoding="utf-8"), "window.config = {", "};")
    text = _for_each(text, r" {8}\{\n {10}namespace:.*?\} \},", cases)
    return text.replace('defaultDataSourceName: "readerstudy"', f'defaultDataSourceName: "{cases[0].name}"')


def open_case(site: ViewerSite, folder: str) -> OpenedCase:
    """Open a folder's case for a program without a browser, by the product's own command."""
    page = urllib.request.urlopen(f"{site.url}/viewer/{folder}/").read().decode()
    found = re.search(r'data-image-set="([^"]+)"', page)
    if found is None:
        raise OhifMissing("the test page names no image set")
    command = [sys.executable, "manage.py", "open_images", found.group(1)]
    said = subprocess.run(
        command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    presentation, token = said[0].removeprefix("/dicomweb/"), said[1].removeprefix("Authorization: Bearer ")

    def search(what: str) -> list[dict[str, dict[str, list[str]]]]:
        asked = urllib.request.Request(
            f"{site.url}/dicomweb/{presentation}/{what}",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"},
        )
        found: list[dict[str, dict[str, list[str]]]] = json.loads(urllib.request.urlopen(asked).read())
        return found

    longest = max(
        search("series?Modality=CT") or search("series"), key=lambda row: row["00201209"]["Value"][0]
    )
    study, series = (longest[tag]["Value"][0] for tag in ("0020000D", "0020000E"))
    return OpenedCase(f"case-{folder}", presentation, token, study, series)


@contextmanager
def running(site: ViewerSite, cases: Sequence[OpenedCase], *, dist: Path, folder: Path) -> Iterator[str]:
    """Serve OHIF in front of a running site as the recipe says; yields its address."""
    port = servers.free_port()
    config = folder / "app-config.js"
    config.write_text(app_config(cases))
    inside = server_part(cases, port=port, gateway=site.url, dist=dist, config=config)
    with servers.nginx(folder, port, inside):
        yield f"http://127.0.0.1:{port}"
