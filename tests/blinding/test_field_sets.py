"""The keys of what each blinded page is told, as committed: a new one is a decision, not an accident."""

import ast
import json
import os
import re
from dataclasses import fields as fields_of
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from grading.services.adjudication import settle_item
from grading.services.panel import send_back
from readerstudy.analysis.services.aids import release_aid
from readerstudy.imaging.selectors import SeriesRow
from tests import factories
from tests.blinding.marked_study import plant_marks
from tests.blinding.planting import plant
from tests.factories.aided import aided_study
from tests.factories.practice import practice_study
from tests.factories.protocols import small_source
from tests.grading.conftest import make_desk, saving

SNAPSHOT = Path(__file__).with_name("field_sets.json")
# Keys that are data: items, structures, questions, findings, modalities.
DATA_KEYS = re.compile(
    r"^(?:@\|.*|[A-Z]\d.*\|.*|\|[a-z-]+|narrowing|hypertrophy|osteophytes|erosion|cyst|CT|MR|XR|comment)$"
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


def pages_json(client, address):
    """Return the JSON of a page by the names of its scripts."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    text = answer.content.decode()
    scripts = dict(re.findall(r'<script id="([^"]+)" type="application/json">(.*?)</script>', text, re.S))
    told = {name: json.loads(body) for name, body in scripts.items() if name != "ui-texts"}
    if shown := re.findall(r'data-clinical="([^"]+)"', text):
        told["clinical-line"] = dict.fromkeys(shown)
    return told


def page_of(name, showing):
    return reverse(name, kwargs={"assignment": showing.public_id})


def _graded(client, folder):
    """The pages of a study with grades, and the answers of the calls that say something."""
    planted = plant(folder)
    one = planted.one
    for role, name, person, case in (
        ("reader", "grading:read_case", "first_reader", "in_progress"),
        ("adjudicator", "grading:adjudicate_case", "adjudicator", "disputed"),
        ("panel member", "grading:confirm_case", "panel_member", "to_confirm"),
    ):
        client.force_login(one.people[person])
        yield role, pages_json(client, one.page(name, person, case))
    yield from _marked(client, plant_marks(planted))


def _marked(client, made):
    """The pages of a study with marks: a lesion that was settled is one whose place was drawn anew, or not."""
    for role, name, person, case in (
        ("reader of marks", "grading:read_case", "first_reader", "in_progress"),
        ("adjudicator of marks", "grading:adjudicate_case", "adjudicator", "disputed"),
        ("panel member on lesions", "grading:confirm_case", "panel_member", "to_confirm"),
    ):
        showing = made.showings[case, person]
        client.force_login(showing.user)
        yield role, pages_json(client, page_of(name, showing))


def _together(client):
    desk = make_desk(source=small_source(adjudication={"by": "joint"}, reference={"from": "adjudicated"}))
    desk.submitted(desk.first, 0)
    desk.submitted(desk.second, 1)
    client.force_login(desk.first_reader)
    beside = {"username": desk.second_reader.username, "password": factories.PASSWORD}
    client.post(reverse("grading:joint_list", kwargs={"slug": desk.study.slug}), beside)
    yield "two readers together", pages_json(client, page_of("grading:joint_case", desk.first))


def _sent_back(client):
    """An item and a mark that the panel sent back: their adjudicator is told why."""
    desk = make_desk()
    desk.both_submitted(**{"L4-5-right|narrowing": 3})
    item = {"structure": "L4-5-right", "finding": "narrowing"}
    settle_item(assignment=desk.adjudicator, **item, choice="A", given=None, reason_code="", at=factories.AT)
    send_back(assignment=desk.panel[0], **item, reason_code="boundary", at=factories.AT)
    client.force_login(desk.adjudicator.user)
    yield (
        "adjudicator of what was sent back",
        pages_json(client, page_of("grading:adjudicate_case", desk.adjudicator)),
    )


def _panel_that_reads(client):
    panel = {"from": "panel-read", "decide": "majority", "quorum": 3}
    desk = make_desk(source=small_source(adjudication={"by": "none"}, reference=panel), members=3)
    client.force_login(desk.panel[0].user)
    yield "panel member who reads", pages_json(client, page_of("grading:read_case", desk.panel[0]))


def _practising(client):
    study = practice_study()
    client.force_login(study.roles.filter(is_reader=True).order_by("pk")[0].user)
    begun = client.post(reverse("grading:practice", kwargs={"slug": study.slug}), {"use": "training"})
    yield "reader in training", pages_json(client, begun.url)


def _aided(client):
    made = aided_study(n_cases=1, washout_days=0)
    for showing in made.showings("first_reader", "unaided"):
        factories.read(of=showing, grades=1, submitted=True)
    release_aid(study=made.study, version=made.version, actor=None, at=factories.AT)
    showing = made.showings("first_reader")[0]
    client.force_login(showing.user)
    yield "reader with an aid", pages_json(client, page_of("grading:read_case", showing))


def _with_places(client):
    """A case whose joints have places, with a next case whose images may come near."""
    study = factories.reader_study()
    reader = factories.study_role("reader", study=study).user
    showings = []
    for _ in range(2):
        images = factories.image_set(scope=study.public_id)
        factories.instance(of=factories.series(of=factories.imaging_study(of=images)))
        case = factories.case(study=study, image_set=images)
        factories.landmark(of=case)
        showings.append(factories.assignment(of=case, person=reader))
    client.force_login(reader)
    yield "reader with places and a next case", pages_json(client, page_of("grading:read_case", showings[0]))


def _calls(client):
    """What the calls answer that tell a blinded person something beside the page."""
    desk = make_desk(source=small_source(adjudication={"third_read_first": True, "audit_fraction": 0}))

    def send(name, showing, body):
        client.force_login(showing.user)
        place = {"assignment": showing.public_id}
        answer = client.post(reverse(name, kwargs=place), json.dumps(body), content_type="application/json")
        assert answer.status_code == 200, answer.content
        return answer.json()

    client.force_login(desk.first_reader)
    client.get(page_of("grading:read_case", desk.first))
    item = desk.document.items[0].key
    yield "answer to a save", {"call": send("api:read-answers", desk.first, {"answers": [saving(item, 1)]})}
    desk = make_desk(source=small_source(adjudication={"third_read_first": True, "audit_fraction": 0}))
    desk.both_submitted(**{"|".join(item): 0})
    given = {"structure": item[0], "finding": item[1]}
    own = send("api:item-first-grade", desk.adjudicator, {**given, "answer": {"kind": "grade", "grade": 1}})
    yield "answer to a first grade of one's own", {"call": own}
    yield (
        "answer to a settlement",
        {"call": send("api:item-settle", desk.adjudicator, {**given, "choice": "A"})},
    )


@pytest.fixture
def told(client, db, settings, tmp_path):
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    stages = (
        _graded(client, tmp_path / "files"), _together(client), _sent_back(client), _panel_that_reads(client),
        _practising(client), _aided(client), _with_places(client), _calls(client),
    )  # fmt: skip
    return {
        role: {name: sorted(fields(body)) for name, body in parts.items()}
        for stage in stages
        for role, parts in stage
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
        for path in sorted(set().union(*parts.values())):
            assert not any(word in path.rsplit(".", 1)[-1].lower() for word in words), (role, path)


# --- no key escapes the snapshot ---------------------------------------------------------------------------------

# Where the JSON of a blinded page is put together; of the desk only what its scripts are told.
MAKERS = (
    ("grading/blinding/*.py", ""),
    ("grading/aids.py", ""),
    ("grading/desk/pages.py", "desk_config"),
)
# What a literal says that goes into no page: places of an address.
OF_ADDRESSES = {"slug", "assignment"}


def written_keys(source: str, function: str = "") -> set[str]:
    """Return the keys of every dictionary that a module, or one function of it, writes out."""
    tree: ast.AST = ast.parse(source)
    if function:
        [tree] = [
            each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == function
        ]
    return {
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    } - OF_ADDRESSES


def makers() -> list[tuple[str, str]]:
    """Return (source, function) of everything that makes JSON of blinded pages."""
    return [
        (path.read_text(), function)
        for pattern, function in MAKERS
        for path in sorted(django_settings.BASE_DIR.glob(pattern))
        if path.is_file()
    ]


def pinned_keys() -> set[str]:
    """Return every key that stands on some page of the snapshot."""
    snapshot = json.loads(SNAPSHOT.read_text())
    paths = {path for parts in snapshot.values() for group in parts.values() for path in group}
    return {part.removesuffix("[]") for path in paths for part in path.split(".")}


def unpinned(sources: list[tuple[str, str]]) -> set[str]:
    return set().union(*(written_keys(*each) for each in sources)) - pinned_keys()


def test_every_key_that_a_page_can_be_told_stands_in_the_snapshot():
    """A key that no page of the snapshot shows is one that nobody decided on: show it there."""
    assert len(makers()) > len(MAKERS)
    assert unpinned(makers()) == set()
    assert {each.name for each in fields_of(SeriesRow)} <= pinned_keys()


def test_a_new_key_of_a_page_that_no_stage_shows_is_seen():
    planted = 'def f(x):\n    return {"id": 1, **({"whose": x.reader} if x.is_redrawn else {})}'
    assert unpinned([(planted, "")]) == {"whose"}
