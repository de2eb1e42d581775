"""The keys of what each blinded page is told, as committed: a new one is a decision, not an accident."""

import json
import os
import re
from pathlib import Path

import pytest
from django.urls import reverse

from readerstudy.analysis.services.aids import release_aid
from tests import factories
from tests.blinding.planting import plant
from tests.factories.aided import aided_study

SNAPSHOT = Path(__file__).with_name("field_sets.json")
PAGES = {
    "reader": ("grading:read_case", "first_reader", "in_progress", "grading-config"),
    "adjudicator": ("grading:adjudicate_case", "adjudicator", "disputed", "adjudication-config"),
    "panel member": ("grading:confirm_case", "panel_member", "to_confirm", "panel-config"),
}
# Keys that are data: items, structures, questions, findings, modalities.
DATA_KEYS = re.compile(
    r"^(?:[A-Z]\d.*\|.*|\|[a-z-]+|narrowing|hypertrophy|osteophytes|erosion|cyst|CT|MR|XR|comment)$"
)


def fields(value, path=""):
    """Return the paths of all keys of a JSON value; keys that are data count as ``*``."""
    if isinstance(value, dict):
        found = set()
        for key, inner in value.items():
            here = f"{path}.{'*' if DATA_KEYS.match(key) else key}"
            found |= {here} | fields(inner, here)
        return found
    if isinstance(value, list):
        return set().union(*(fields(inner, f"{path}[]") for inner in value)) if value else set()
    return set()


@pytest.fixture
def told(client, db, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    one = plant(tmp_path / "files").one
    result = {}
    for role, (name, person, case, config) in PAGES.items():
        client.force_login(one.people[person])
        text = client.get(one.page(name, person, case)).content.decode()
        scripts = dict(re.findall(r'<script id="([^"]+)" type="application/json">(.*?)</script>', text, re.S))
        result[role] = {
            "page": sorted(scripts.keys() - {"ui-texts"}),
            "panel": sorted(fields(json.loads(scripts[config]))),
            "viewer": sorted(fields(json.loads(scripts["viewer-config"]))),
        }
    result["reader with an aid"] = _aided(client)
    return result


def _aided(client):
    made = aided_study(n_cases=1, washout_days=0)
    for showing in made.showings("first_reader", "unaided"):
        factories.read(of=showing, grades=1, submitted=True)
    release_aid(study=made.study, version=made.version, actor=None, at=factories.AT)
    showing = made.showings("first_reader")[0]
    client.force_login(showing.user)
    text = client.get(reverse("grading:read_case", kwargs={"assignment": showing.public_id})).content.decode()
    scripts = dict(re.findall(r'<script id="([^"]+)" type="application/json">(.*?)</script>', text, re.S))
    return {
        "page": sorted(scripts.keys() - {"ui-texts"}),
        "panel": sorted(fields(json.loads(scripts["grading-config"]))),
        "viewer": sorted(fields(json.loads(scripts["viewer-config"]))),
    }


def test_blinded_pages_are_told_what_was_decided_and_nothing_else(told):
    if os.environ.get("READERSTUDY_WRITE_FIELD_SETS") == "1":
        SNAPSHOT.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    assert told == json.loads(SNAPSHOT.read_text())


def test_no_page_names_what_blinds_it(told):
    """Whatever the snapshot says: these never belong on a blinded page."""
    words = ("patient", "pseudonym", "case_id", "reader_id", "user", "centre", "partition", "audit", "occasion",
             "model", "prediction", "probab", "kept_read", "order")  # fmt: skip
    for role, parts in told.items():
        for path in (*parts["panel"], *parts["viewer"]):
            assert not any(word in path.rsplit(".", 1)[-1].lower() for word in words), (role, path)
