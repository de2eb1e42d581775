"""What is wrong in a protocol file is said in the language of the page, whatever it is that is wrong."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.urls import reverse
from django.utils import translation
from yaml import composer, parser, scanner

from readerstudy.studies.protocols.building import document_of
from readerstudy.studies.protocols.checking import further_problems
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol, protocol_schema
from readerstudy.studies.protocols.parsing import Lines
from readerstudy.studies.protocols.schema import SENTENCES, schema_problems
from readerstudy.studies.protocols.yaml_faults import UNKNOWN, sentence_of
from tests import factories
from tests.architecture.tree import called_name
from tests.factories.protocols import AGE, LESION, SEX, small_source

PAGE = "studies:check_new"
#: What is no English in a Chinese sentence: names of things.
NAMES = {"YAML", "kB", "U", "md", "docs", "protocols", "A", "B", "name"}
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def vocabulary(node: Any) -> Iterator[str]:
    """Every key and value of a file or of the schema, word by word."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from WORD.findall(str(key))
            yield from vocabulary(value)
    elif isinstance(node, list):
        for value in node:
            yield from vocabulary(value)
    elif isinstance(node, str):
        yield from WORD.findall(node)


def keys(schema: Any) -> Iterator[str]:
    """The names that the schema gives, and the words that it allows: no description, no title."""
    if isinstance(schema, dict):
        for name, below in schema.items():
            if name == "properties":
                yield from below
            if name == "enum":
                yield from map(str, below)
            if name == "const":
                yield str(below)
            yield from keys(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from keys(below)


ALLOWED = {word for key in keys(protocol_schema()) for word in WORD.findall(key)} | NAMES


def english_in(said: str, source: str) -> list[str]:
    """The words of a sentence that are neither Chinese, nor a name of the schema, nor of the file."""
    own = {word.lower() for word in WORD.findall(source)} | {"true", "false", "null"}
    return [word for word in WORD.findall(said) if word not in ALLOWED and word.lower() not in own]


def with_marks(**changes: Any) -> str:
    """A protocol of findings and marks."""
    return small_source(
        marks=[LESION | changes], adjudication={"third_read_first": False, "audit_fraction": 0}
    )


def changed(old: str, new: str) -> str:
    source = small_source(findings=("cyst", "narrowing"))
    assert old in source, old
    return source.replace(old, new, 1)


def asking(*questions: dict[str, Any]) -> str:
    return small_source(case_questions=[{"id": "q", "label": "q"} | question for question in questions])


def deriving(implies: dict[str, Any]) -> str:
    return small_source(derived=[{"id": "o", "label": "o", "n_grades": 2, "implies": implies}])


CLASSES = [
    {"value": "benign", "label": {"en": "Class 1", "zh-hans": "1类"}},
    {"value": "other", "label": {"en": "Class 2", "zh-hans": "2类"}},
]
CODES = [
    {"value": 1, "label": {"en": "One", "zh-hans": "恶性"}},
    {"value": 2, "label": {"en": "Two", "zh-hans": "其他"}},
]


def showing(*data: dict[str, Any]) -> str:
    """A protocol that shows clinical data beside the images."""
    return small_source(reading={"clinical_context": list(data)})


UNTITLED = yaml.safe_dump(yaml.safe_load(small_source()) | {"title": {"zh-hans": "标题"}}, allow_unicode=True)
WHOLE = small_source(findings=("cyst",))
BROKEN_YAML = {
    "an empty file": " ",
    "a comment alone": "# nothing\n",
    "a colon too many": "protocol: a: b\n",
    "an indented line": "protocol: a\n  version: 1\n",
    "a line that stands out": "a:\n    b: 1\n  c: 2\n",
    "a key without a colon": "protocol: a\nversion\nb: 1\n",
    "an open quotation": "protocol: 'a\n",
    "an open double quotation": 'protocol: "a\n',
    "an escape": 'protocol: "a\\q"\n',
    "a tab": "a:\n\tb: 1\n",
    "a percentage": "a: %b\n",
    "a sign in front": "a: @b\n",
    "a list within a line": "a: 1 - 2\n- b\n",
    "a list after a key": "a: - b\n",
    "an open list": "a: [1, 2\nb: 3\n",
    "an open brace": "a: {b: 1\nc: 3\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "a block scalar": "a: |x\n  b\n",
    "a bare star": "a: * b\n",
    "an alias": "a: &x 1\nb: *x\n",
    "a tag": "protocol: !!python/name:os.system x\n",
    "an own tag": "a: !foo bar\n",
    "a tag handle": "a: !e!foo bar\n",
    "a key that is a list": "? [a, b]\n: c\n",
    "a number that is none": WHOLE.replace("version: 1", "version: 0x_", 1),
    "an infinite number": WHOLE.replace("train: 0.7", "train: .inf", 1),
    "no number": WHOLE.replace("train: 0.7", "train: .nan", 1),
    "a key twice": WHOLE + "\nversion: 2\n",
    "too deep": "[" * 2000,
    "deep and closed": "a: " + "[" * 60 + "]" * 60,
    "too large": "x" * (512 * 1024 + 1),
    "a sign that is no text": "a: b\nc: \x07\n",
    "a list": "- a\n- b\n",
    "a word": "protocol\n",
    "an impossible date": WHOLE.replace("version: 1", "version: 2024-13-45", 1),
    "a directive": "%YAML 9.9\n---\na: 1\n",
}
BROKEN_CONTENT = {
    "a key unknown": changed("version: 1", "version: 1\nregistraton: x"),
    "nothing but a name": "protocol: x\n",
    "a wrong kind": changed("kind: binary", "kind: odd"),
    "a version below one": changed("version: 1", "version: 0"),
    "a version in words": changed("version: 1", "version: one"),
    "a version of nothing": changed("version: 1", "version:"),
    "a name with blanks": changed("id: cyst", "id: a cyst"),
    "a gap in the scale": changed("value: 1", "value: 5"),
    "a cut off the scale": small_source(findings=("cyst",)).replace(
        "kind: binary", "kind: binary\n  cut: 7", 1
    ),
    "a share too many": changed("train: 0.7", "train: 0.9"),
    "a share above one": changed("train: 0.7", "train: 9"),
    "alpha too large": small_source(analysis={"alpha": 0.5}),
    "alpha of nothing": small_source(analysis={"alpha": 0}),
    "a rule of no form": small_source(
        findings=(
            {
                "id": "x",
                "label": "x",
                "definition": "x",
                "kind": "binary",
                "agreement": {"within": 1},
                "scale": [{"value": 0, "label": "a"}, {"value": 1, "label": "b"}],
            },
        )
    ),
    "a word in braces": small_source(structures={"label": {"en": "{level} {foo}"}}),
    "a brace alone": small_source(structures={"label": {"en": "{level"}}),
    "an attribute in braces": small_source(structures={"label": {"en": "{level.__class__}"}}),
    "an empty text": small_source(title=""),
    "a text without English": UNTITLED,
    "a finding twice": small_source(findings=("cyst", "cyst")),
    "no finding": small_source(findings=()),
    "one reader": small_source(reading={"readers_per_case": 1}),
    "thirteen readers": small_source(reading={"readers_per_case": 13}),
    "an audit in the open": small_source(adjudication={"audit_fraction": 0.1, "third_read_first": False}),
    "no hanging": small_source(display={"hanging": []}),
    "three percentiles": small_source(
        display={"presets": {"MR": [{"key": 1, "name": "x", "percentiles": [1, 2, 3]}]}}
    ),
    "a reference from nowhere": small_source(reference={"from": "heaven"}),
    "a panel without a rule": small_source(reference={"from": "panel-read"}),
    "an even panel": small_source(reference={"from": "panel-read", "decide": "majority", "quorum": 2}),
    "a chair without a name": small_source(reference={"from": "panel-read", "decide": "chair"}),
    "a foreign finding": small_source(reference={"from": "external", "findings": ["spurs"]}),
    "a question twice": asking({"kind": "text"}, {"kind": "text"}),
    "a choice of nothing": asking({"kind": "choice"}),
    "options of a text": asking({"kind": "text", "options": [{"id": "a", "label": "a"}]}),
    "joint of three": small_source(
        adjudication={"by": "joint", "third_read_first": True}, reading={"readers_per_case": 3}
    ),
    "a derived grade of nothing": deriving({"spurs": [0, 1]}),
    "a derived grade cut short": deriving({"cyst": [0]}),
    "a class twice": with_marks(classes=[LESION["classes"][0]] * 2),
    "no class": with_marks(classes=[]),
    "ten classes": with_marks(classes=[{"id": f"c{n}", "label": "x"} for n in range(10)]),
    "a point with an area": with_marks(shape="point"),
    "the mean of a polygon": with_marks(shape="polygon", agreement=LESION["agreement"] | {"keep": "mean"}),
    "marks under cover": small_source(marks=[LESION], adjudication={"third_read_first": True}),
    "clinical data as a word": small_source(reading={"clinical_context": ["age"]}),
    "a clinical value twice": showing(AGE, AGE),
    "a clinical column with a blank": showing(AGE | {"id": "age at scan"}),
    "the reference beside the images": showing(SEX | {"id": "pathology_type"}),
    "the reference in a label": showing(SEX | {"label": {"en": "Type", "zh-hans": "病理类型"}}),
    "what readers are asked": showing(AGE | {"id": "cyst"}),
    "the reference among the options": showing(SEX | {"id": "x1", "options": CLASSES}),
    "the reference in an option's label": showing(SEX | {"id": "x1", "options": CODES}),
    "what readers are asked among the options": showing(
        SEX | {"options": [*SEX["options"], {"value": "cyst", "label": {"en": "Cyst", "zh-hans": "囊肿"}}]}
    ),
    "a name": showing(SEX | {"id": "patient_name"}),
    "a date": showing(AGE | {"id": "scan_date"}),
    "a hospital in a label": showing(SEX | {"label": {"en": "Place", "zh-hans": "医院"}}),
    "a partition": showing(SEX | {"id": "partition"}),
    "a number without bounds": showing({key: AGE[key] for key in ("id", "label", "kind")}),
    "bounds turned round": showing(AGE | {"minimum": 130}),
    "bounds as wide as a number of a patient": showing(AGE | {"maximum": 9_999_999}),
    "a number with options": showing(AGE | {"options": SEX["options"]}),
    "a choice without options": showing({key: SEX[key] for key in ("id", "label", "kind")}),
    "a choice with a unit": showing(SEX | {"unit": "kg"}),
    "an option twice": showing(SEX | {"options": [SEX["options"][0]] * 2}),
    "a free text": showing(AGE | {"kind": "text"}),
    "a match unknown": with_marks(agreement=LESION["agreement"] | {"match": {"touch": 1}}),
}


@pytest.fixture
def chinese(client, db):
    """A coordinator whose pages are Chinese."""
    study = factories.reader_study(slug="old", state="draft")
    person = factories.study_role("coordinator", study=study, person=factories.user("coordinator")).user
    person.language = "zh-hans"
    person.save()
    client.force_login(person)
    return client


@pytest.mark.parametrize("broken", [BROKEN_YAML, BROKEN_CONTENT], ids=["yaml", "content"])
def test_the_editor_says_it_in_chinese(chinese, broken):
    for name, source in broken.items():
        answer = chinese.post(reverse(PAGE), {"source": source})
        assert answer.status_code == 200, name
        told = answer.json()["problems"]
        assert told, name
        for problem in told:
            # The file's words are named in it; a sentence of them alone would be no sentence.
            assert re.search(r"[一-鿿]{2}", problem["said"].split("行", 1)[-1]), (name, problem)
            assert english_in(problem["said"], source) == [], (name, problem)


def test_every_page_that_takes_a_file_says_it_in_chinese(chinese):
    for address, given in (
        (reverse("studies:create"), {"slug": "mine"}),
        (reverse("studies:edit_protocol", kwargs={"slug": "old"}), {"reason": "x"}),
        (reverse("grading:preview", kwargs={"slug": "old"}), {}),
        (reverse("grading:dry_run", kwargs={"slug": "old"}), {"begin": "1", "n_cases": 1}),
        (reverse("grading:try_file"), {"begin": "1", "n_cases": 1}),
    ):
        page = chinese.post(address, given | {"source": UNTITLED}, follow=True).content.decode()
        assert re.search(r"第 \d+ 行，title", page), address
        assert "is missing" not in page, address


def test_the_same_file_is_refused_in_english_by_a_command():
    with pytest.raises(ProtocolError) as caught:
        load_protocol(UNTITLED, name="study.yaml")
    assert str(caught.value).startswith("study.yaml, line ")
    assert str(caught.value).endswith("title: en is missing")


def places_of(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in below:
        yield from places_of(value, (*path, key))


def test_a_wrong_value_anywhere_is_refused_in_chinese_or_taken():
    """Each place of a protocol is given values of another kind in turn: no other answer than problems, all Chinese."""
    content = yaml.safe_load(with_marks())
    wrong = (None, "", "x y", -1, 2.5, [], {}, [{}], {"en": ""}, True, "{level} {", ["x", "x"])
    refused = 0
    with translation.override("zh-hans"):
        for number, path in enumerate(places_of(content)):
            broken = json.loads(json.dumps(content))
            place = broken
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = wrong[number % len(wrong)]
            problems = list(schema_problems(broken, Lines())) or list(further_problems(broken, Lines()))
            refused += bool(problems)
            for problem in problems:
                assert english_in(problem.message, json.dumps(broken)) == [], (path, str(problem))
            if not problems:
                assert document_of(broken, digest="").content == broken, path
    assert refused > 100


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    for word, below in schema.items():
        if word in ("properties", "$defs"):
            for each in below.values():
                yield from keywords(each)
        elif word in ("oneOf", "anyOf", "allOf"):
            yield word
            for each in below:
                yield from keywords(each)
        elif isinstance(below, dict) and word in ("items", "additionalProperties", "if", "then", "else"):
            yield from keywords(below)
        else:
            yield word


def test_every_keyword_of_the_schema_has_a_sentence():
    # What describes, or leads to schemas whose own keywords are said.
    leading = {"$schema", "$ref", "title", "description", "allOf"}
    assert set(keywords(protocol_schema())) - leading == set(SENTENCES)


def test_every_fault_of_the_yaml_parser_has_a_sentence():
    checked = 0
    for module in (scanner, parser, composer):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (
                isinstance(node, ast.Call) and called_name(node).endswith("Error") and len(node.args) >= 3
            ):
                continue
            context, problem = (eval_text(node.args[0]), eval_text(node.args[2]))
            if problem:
                error = yaml.MarkedYAMLError(context, None, problem)
                assert sentence_of(error)[0] != UNKNOWN, (context, problem)
                checked += 1
    assert checked > 30


def eval_text(node: ast.expr) -> str | None:
    """The text of an error as it is written, with a word in each of its places."""
    if isinstance(node, ast.BinOp):
        node = node.left
    if not isinstance(node, ast.Constant) or node.value is None:
        return None
    return re.sub(r"%[rsd]", "tag", node.value)
