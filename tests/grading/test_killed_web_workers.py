"""Web workers are killed while answers are saved: what was acknowledged is there, once; nothing is there twice."""

import http.client
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from grading.models import Rating, RatingEntry
from grading.services.reading import open_read
from tests import factories
from tests.grading.conftest import AT
from tests.servers import ROOT, database_url, free_port

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]
READERS = 6
PATIENCE_S = 240


class WebServer:
    """The product's own web server on the running test's database."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
            "READERSTUDY_DATA_ROOT": str(folder),
            "READERSTUDY_KEY_FILE": str(settings.READERSTUDY_KEY_FILE),
            "READERSTUDY_DATABASE_URL": database_url(),
            "READERSTUDY_LOG_LEVEL": "WARNING",
        }
        command = [
            sys.executable, "-m", "gunicorn", "readerstudy.wsgi", "--bind", f"127.0.0.1:{self.port}",
            "--worker-class", "readerstudy.imaging.worker.ImageWorker", "--workers", "2", "--threads", "4",
            "--no-control-socket", "--log-level", "critical",
        ]  # fmt: skip
        self.log = (folder / "web.log").open("ab")
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log, cwd=ROOT)

    def workers(self) -> list[int]:
        """Return the processes that answer requests."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=30)
        self.log.close()


class Saver(threading.Thread):
    """One browser: sends a save until it is acknowledged, with the same key, and then the next one."""

    def __init__(self, port: int, address: str, cookies: str, token: str, items: list, n_saves: int) -> None:
        super().__init__()
        self.port, self.address, self.items, self.n_saves = port, address, items, n_saves
        self.headers = {"Content-Type": "application/json", "Cookie": cookies, "X-CSRFToken": token}
        self.acknowledged: list[tuple[str, tuple[str, str], int]] = []
        self.n_sent = 0
        self.fault = ""

    def run(self) -> None:
        generator = random.Random(self.address)
        base: dict[tuple[str, str], str] = {}
        try:
            for _ in range(self.n_saves):
                key, item = str(uuid.uuid4()), generator.choice(self.items)
                grade = generator.randrange(2)
                save = {
                    "key": key, "structure": item[0], "finding": item[1], "base": base.get(item, ""),
                    "kind": "grade", "grade": grade,
                }  # fmt: skip
                result = self.until_acknowledged(save)
                if result["status"] != "saved":
                    raise AssertionError(f"{save} was answered {result}")
                self.acknowledged.append((key, item, grade))
                base[item] = key
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"

    def until_acknowledged(self, save: dict) -> dict:
        body, until = json.dumps({"answers": [save]}), time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                self.n_sent += 1
                connection.request("POST", self.address, body, self.headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200:
                    return json.loads(text)["results"][0]
                if answer.status < 500:
                    raise AssertionError(f"{answer.status}: {text[:200]!r}")
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                # The worker died under us; whether it had saved is not known.
                threading.Event().wait(0.02)
            finally:
                connection.close()
        raise TimeoutError("no answer came")


def _carry_out(folder, n_saves, n_kills, record_property):
    study = factories.reader_study()
    document = study.protocols.get().document
    items = [item.key for item in document.items]
    desks = []
    for _ in range(READERS):
        role = factories.study_role("reader", study=study)
        assignment = factories.assignment(of=factories.case(study=study), person=role.user)
        open_read(assignment=assignment, at=AT)
        client, token = Client(), secrets.token_hex(16)
        client.force_login(role.user)
        cookies = f"sessionid={client.session.session_key}; csrftoken={token}"
        desks.append(
            (reverse("api:read-answers", kwargs={"assignment": assignment.public_id}), cookies, token)
        )
    server = WebServer(folder)
    savers = [Saver(server.port, *desk, items, -(-n_saves // READERS)) for desk in desks]
    kills = Counter()
    try:
        for saver in savers:
            saver.start()
        generator, wanted = random.Random(n_kills), n_saves / (n_kills + 1)
        while any(saver.is_alive() for saver in savers):
            done = sum(len(saver.acknowledged) for saver in savers)
            if kills["killed"] < n_kills and done >= wanted * (kills["killed"] + 1):
                pids = server.workers()
                if pids:
                    # In the middle of whatever it does.
                    with suppress(ProcessLookupError):
                        os.kill(generator.choice(pids), signal.SIGKILL)
                        kills["killed"] += 1
            threading.Event().wait(generator.random() * 0.01)
        for saver in savers:
            saver.join()
    finally:
        server.stop()
    faults = [saver.fault for saver in savers if saver.fault]
    assert not faults, faults
    acknowledged = [each for saver in savers for each in saver.acknowledged]
    n_resent = sum(saver.n_sent for saver in savers) - len(acknowledged)
    record_property("figures", {"saves": len(acknowledged), "kills": kills["killed"], "resent": n_resent})
    print(f"{len(acknowledged)} acknowledged saves, {kills['killed']} workers killed, {n_resent} resent")  # noqa: T201
    assert kills["killed"] == n_kills
    assert len(acknowledged) >= n_saves
    kept = Counter(str(key) for key in RatingEntry.objects.values_list("client_key", flat=True))
    missing = [key for key, _, _ in acknowledged if not kept[key]]
    assert not missing
    assert set(kept.values()) == {1}
    assert len(kept) == len(acknowledged), "a save stands that nobody was told of and nobody sent again"
    for saver, (address, _, _) in zip(savers, desks, strict=True):
        last = {item: grade for _, item, grade in saver.acknowledged}
        stands = {
            (row.structure, row.finding): row.grade
            for row in Rating.objects.filter(read__assignment__public_id=address.split("/")[-3])
        }
        assert stands == last


def test_twenty_kills_in_a_thousand_saves(tmp_path, record_property):
    _carry_out(tmp_path, 1000, 20, record_property)


@pytest.mark.full
def test_a_hundred_kills_in_five_thousand_saves(tmp_path, record_property):
    _carry_out(tmp_path, 5000, 100, record_property)
