"""``bin/demo --check``: sign in over HTTP as every role, open its first page, one case and its first image."""

import html
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from environment import say

OPEN, FINISHED = "facet-demo", "facet-finished"
WORK_SECONDS = 300.0


class CheckFailed(Exception):
    """What did not answer as it should."""


class Visitor:
    """One signed-in person, as a browser without scripts."""

    def __init__(self, base: str, name: str) -> None:
        self.base, self.name = base, name
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def ask(
        self, path: str, data: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[bytes, str]:
        """Return (body, final address) of a request that must end in 200."""
        address = urllib.parse.urljoin(self.base, path)
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        request = urllib.request.Request(
            address, data=body, headers={"Referer": self.base, **(headers or {})}
        )
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.read(), answer.url
        except urllib.error.HTTPError as error:
            raise CheckFailed(f"{self.name}: {path} answers {error.code}") from None
        except OSError as error:
            raise CheckFailed(f"{self.name}: {path} does not answer ({error})") from None

    def status(self, path: str) -> int:
        """Return the status that a request ends in."""
        try:
            with self._opener.open(urllib.parse.urljoin(self.base, path), timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def page(self, path: str) -> str:
        return self.ask(path)[0].decode()

    def sign_in(self, password: str) -> str:
        """Sign in and return the page that follows."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page("/sign-in/"))
        if token is None:
            raise CheckFailed("The sign-in page has no form.")
        data = {"username": self.name, "password": password, "csrfmiddlewaretoken": token.group(1)}
        body, address = self.ask("/sign-in/", data)
        if urllib.parse.urlsplit(address).path.startswith("/sign-in"):
            raise CheckFailed(f"{self.name}: the password of demo-accounts.json is not taken")
        return body.decode()

    def open_case(self, address: str) -> str:
        """Open a case's page and fetch the first frame of its first series; say what came."""
        page = self.page(address)
        found = re.search(r'<script[^>]*id="viewer-config"[^>]*>(.*?)</script>', page, re.DOTALL)
        place = re.search(r'data-dicomweb="([^"]+)"', page)
        if found is None or place is None:
            raise CheckFailed(f"{self.name}: {address} has no viewer")
        series = json.loads(found.group(1))["series"]
        if not series:
            raise CheckFailed(f"{self.name}: {address} shows no series")
        first = series[0]
        root = f"{html.unescape(place.group(1)).rstrip('/')}/studies/{first['study_uid']}/series/{first['series_uid']}"
        body, _ = self.ask(f"{root}/metadata", headers={"Accept": "application/dicom+json"})
        instances = json.loads(body)
        instance = instances[0]["00080018"]["Value"][0]
        accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
        frame, _ = self.ask(f"{root}/instances/{instance}/frames/1", headers={"Accept": accept})
        if len(frame) < 200:
            raise CheckFailed(f"{self.name}: the first frame of {first['label']} has {len(frame)} bytes")
        return (
            f"{len(series)} series, {len(instances)} images in the first, first frame {len(frame) // 1024} kB"
        )


def _link(page: str, pattern: str, who: str) -> str:
    found = re.search(rf'href="({pattern})"', page)
    if found is None:
        raise CheckFailed(f"{who}: no link like {pattern} on the first page")
    return html.unescape(found.group(1))


def check_everything(base: str, data: Path, *, with_model: bool) -> None:
    """
    Visit the demonstration as every role.

    Raises
    ------
    CheckFailed
        At the first thing that does not answer as it should.
    """
    accounts = json.loads((data / "demo-accounts.json").read_text())["passwords"]
    people = {}
    for name, password in accounts.items():
        people[name] = Visitor(base, name)
        people[name].sign_in(password)
        people[name].page("/")
        say(f"  {name:<12} signed in, first page opened")
    uuid = r"[0-9a-f-]{36}"
    queues = (
        ("reader1", f"/studies/{OPEN}/worklist/", rf"/read/{uuid}/"),
        ("reader2", f"/studies/{OPEN}/worklist/", rf"/read/{uuid}/"),
        ("senior", f"/studies/{OPEN}/adjudication/", rf"/adjudication/{uuid}/"),
        ("panel", f"/studies/{OPEN}/panel/", rf"/panel/{uuid}/"),
    )
    for name, queue, pattern in queues:
        address = _link(people[name].page(queue), pattern, name)
        say(f"  {name:<12} opened a case: {people[name].open_case(address)}")
    for name in ("coordinator", "pi", "auditor"):
        for study in (OPEN, FINISHED):
            people[name].page(f"/studies/{study}/")
        say(f"  {name:<12} opened both studies")
    _results(people["pi"])
    people["auditor"].page(f"/studies/{FINISHED}/audit/")
    say(f"  {'auditor':<12} opened the audit log")
    for name in ("reader1", "senior", "panel", "coordinator"):
        if people[name].status(f"/studies/{OPEN}/results/figures.json") == 200:
            raise CheckFailed(f"{name} gets figures of a study that is not unblinded")
    if with_model:
        _worker(people["coordinator"])
    say("All roles can work.")


def _results(investigator: Visitor) -> None:
    page = investigator.page(f"/studies/{FINISHED}/results/")
    figures = re.findall(r'data-figure="(?:model|readers)">([^<]+)<', page)
    if 'data-block="headline"' not in page or not figures:
        raise CheckFailed("pi: the results of the finished study show no figures")
    say(f"  {'pi':<12} opened the results: {', '.join(figures)}")


def _worker(coordinator: Visitor) -> None:
    """Wait until the worker has graded a case of the open study."""
    until = time.monotonic() + WORK_SECONDS
    while time.monotonic() < until:
        page = coordinator.page(f"/studies/{OPEN}/models/runs/1/")
        states = re.findall(r'class="square square-([a-z-]+)" title=', page)
        if "failed" in states:
            raise CheckFailed(f"The model's run on {OPEN} has failed cases; see the worker's log")
        if {"done", "in-part"} & set(states):
            n = sum(state in {"done", "in-part"} for state in states)
            say(f"  {'worker':<12} has graded {n} of {len(states)} cases of {OPEN}")
            return
        time.sleep(1.0)
    raise CheckFailed(f"The worker graded no case of {OPEN} within {WORK_SECONDS:g} s; see its log")
