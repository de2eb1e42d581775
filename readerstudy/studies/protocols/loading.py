"""
Reading a protocol file: YAML, then the JSON Schema, then what a schema cannot say.

Every problem names its line, what is wrong and what is allowed; all problems are reported at once, so
that a coordinator mends a file in one go.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from readerstudy.studies.protocols.document import (
    AgreementRule,
    CaseQuestion,
    DerivedGrade,
    Finding,
    Grade,
    MarkKind,
    ProtocolDocument,
    Structure,
    Text,
)

SCHEMA_PATH = Path(__file__).with_name("schema.json")
MAX_BYTES = 512 * 1024


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file."""

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        return (
            f"line {self.line}, {self.place}: {self.message}"
            if self.place
            else f"line {self.line}: {self.message}"
        )


class ProtocolError(Exception):
    """A protocol file that cannot be used, with every problem found in it."""

    def __init__(self, problems: list[Problem], name: str = "protocol") -> None:
        self.problems = problems
        self.name = name
        super().__init__("\n".join(f"{name}, {problem}" for problem in problems))


@lru_cache(maxsize=1)
def protocol_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of protocol files."""
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text())
    return schema


class _Lines:
    """Where each place of the file stands."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Any, ...], int] = {}

    def note(self, path: tuple[Any, ...], node: yaml.Node) -> None:
        self._lines[path] = node.start_mark.line + 1

    def of(self, path: tuple[Any, ...]) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def _parse(source: str, name: str) -> tuple[Any, _Lines]:
    if len(source.encode()) > MAX_BYTES:
        raise ProtocolError([Problem(1, "", f"the file is larger than {MAX_BYTES // 1024} kB")], name)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=yaml.SafeLoader)):
            raise ProtocolError(
                [Problem(1, "", "YAML aliases (*name) are not allowed; write the text out")], name
            )
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ProtocolError(
            [
                Problem(
                    (mark.line + 1) if mark else 1, "", f"this is not YAML: {error.problem or error.context}"
                )
            ],
            name,
        ) from None
    except yaml.YAMLError as error:
        raise ProtocolError([Problem(1, "", f"this is not YAML: {error}")], name) from None
    if root is None:
        raise ProtocolError([Problem(1, "", "the file is empty")], name)
    lines, problems = _Lines(), []
    constructor = yaml.SafeLoader("")

    def build(node: yaml.Node, path: tuple[Any, ...]) -> Any:
        lines.note(path, node)
        if isinstance(node, yaml.MappingNode):
            result: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                if key in result:
                    problems.append(
                        Problem(key_node.start_mark.line + 1, _place(path), f"{key!r} stands twice")
                    )
                lines.note((*path, key), key_node)
                result[key] = build(value_node, (*path, key))
            return result
        if isinstance(node, yaml.SequenceNode):
            return [build(child, (*path, index)) for index, child in enumerate(node.value)]
        value = constructor.construct_object(node)
        # A date written without quotes is still the text that was written.
        return value if value is None or isinstance(value, (str, int, float, bool)) else str(node.value)

    content = build(root, ())
    if problems:
        raise ProtocolError(problems, name)
    return content, lines


def _place(path: tuple[Any, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def _explain(error: jsonschema.ValidationError) -> str:
    """Say what a schema error means, and what is allowed."""
    value, wanted = error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in wanted if name not in value]
            return f"{', '.join(missing)} is missing"
        case "enum":
            return f"{value!r} is not allowed; allowed are {', '.join(map(str, wanted))}"
        case "const":
            return f"must be {wanted!r}, not {value!r}"
        case "type":
            return f"must be of type {wanted}, not {value!r}"
        case "exclusiveMinimum":
            return f"{value} is too small; more than {wanted}"
        case "minimum":
            return f"{value} is too small; at least {wanted}"
        case "maximum" | "exclusiveMaximum":
            return f"{value} is too large; at most {wanted}"
        case "pattern":
            return f"{value!r} does not fit the form {wanted}"
        case "minItems" | "minProperties" | "minLength":
            return f"holds too few entries; at least {wanted}"
        case "oneOf" | "anyOf":
            return f"{value!r} fits none of the allowed forms; see docs/protocols.md"
        case _:
            return error.message


def _schema_problems(content: Any, lines: _Lines) -> Iterator[Problem]:
    validator = jsonschema.Draft202012Validator(protocol_schema())
    for error in sorted(validator.iter_errors(content), key=lambda each: list(map(str, each.absolute_path))):
        best = jsonschema.exceptions.best_match([error]) if error.context else error
        path = tuple(best.absolute_path)
        if best.validator == "additionalProperties" and isinstance(best.instance, dict):
            known = sorted(best.schema.get("properties", {}))
            for name in best.instance:
                if name not in known:
                    message = f"{name} is not known here; known are {', '.join(known)}"
                    yield Problem(lines.of((*path, name)), _place(path), message)
            continue
        yield Problem(lines.of(path), _place(path), _explain(best))


def _text(value: Any) -> Text:
    return Text(
        {"en": value} if isinstance(value, str) else {key.lower(): text for key, text in value.items()}
    )


SIDE_LABELS = {
    "right": {"en": "right", "zh-hans": "右"},
    "left": {"en": "left", "zh-hans": "左"},
}


def _structures(content: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Structure, ...]]:
    given = content["structures"]
    if "list" in given:
        structures = tuple(
            Structure(
                id=each["id"],
                label=_text(each["label"]),
                group=each.get("group", each["id"]),
                group_label=_text(each.get("group_label", each.get("group", each["label"]))),
                side=each.get("side", ""),
            )
            for each in given["list"]
        )
    else:
        pattern = _text(given.get("label", {"en": "{level} {side}"}))
        made = []
        for level in given["levels"]:
            level_label = _text(level["label"])
            for side in given.get("sides") or [""]:
                languages = {
                    language: pattern.in_language(language)
                    .format(
                        level=level_label.in_language(language),
                        side=SIDE_LABELS.get(side, {}).get(language, side),
                    )
                    .strip()
                    for language in {*pattern.languages, *level_label.languages, "zh-hans"}
                }
                made.append(
                    Structure(
                        id=f"{level['id']}-{side}" if side else level["id"],
                        label=Text(languages),
                        group=level["id"],
                        group_label=level_label,
                        side=side,
                    )
                )
        structures = tuple(made)
    levels = tuple(dict.fromkeys(structure.group for structure in structures))
    return levels, structures


def _finding(given: dict[str, Any]) -> Finding:
    agreement = given.get("agreement", "exact")
    if agreement == "exact":
        rule = AgreementRule("exact")
    elif "within" in agreement:
        rule = AgreementRule("within", within=agreement["within"], keep=agreement["keep"])
    else:
        rule = AgreementRule("same-side", keep=agreement["keep"])
    return Finding(
        id=given["id"],
        label=_text(given["label"]),
        short=_text(given.get("short", given["label"])),
        definition=_text(given["definition"]),
        kind=given["kind"],
        scale=tuple(
            Grade(
                value=each["value"],
                label=_text(each["label"]),
                hint=_text(each["hint"]) if "hint" in each else None,
                source=each.get("source", ""),
                picture=each.get("picture", ""),
            )
            for each in given.get("scale", ())
        ),
        cut=given.get("cut", 1),
        agreement=rule,
        assessable_on=tuple(given.get("assessable_on", ())),
        typed=tuple(given.get("typed", ["not-assessable"])),
        minimum=given.get("minimum"),
        maximum=given.get("maximum"),
        unit=given.get("unit", ""),
        at=tuple(given.get("at", ())),
        measure=given.get("measure", ""),
    )


def _mark_kind(given: dict[str, Any]) -> MarkKind:
    rule = given["agreement"]
    match = rule["match"]
    name, limit = ("centre-in-box", 0.0) if isinstance(match, str) else next(iter(match.items()))
    return MarkKind(
        id=given["id"],
        label=_text(given["label"]),
        shape=given["shape"],
        classes=_options(given["classes"]),
        has_confidence=given.get("confidence", False),
        match=name.removesuffix("_mm"),
        limit=float(limit),
        keep=rule["keep"],
    )


def _options(given: list[dict[str, Any]]) -> tuple[tuple[str, Text], ...]:
    return tuple((each["id"], _text(each["label"])) for each in given)


def _further_problems(content: dict[str, Any], lines: _Lines) -> Iterator[Problem]:
    """What the schema cannot say: uniqueness, references, scales without gaps, shares that add up."""

    def problem(path: tuple[Any, ...], message: str) -> Problem:
        return Problem(lines.of(path), _place(path), message)

    _, structures = _structures(content)
    ids = [structure.id for structure in structures]
    for duplicate in sorted({name for name in ids if ids.count(name) > 1}):
        yield problem(("structures",), f"the structure {duplicate!r} is defined twice")
    finding_ids = [each["id"] for each in content["findings"]]
    scales: dict[str, int] = {}
    for index, given in enumerate(content["findings"]):
        path = ("findings", index)
        if finding_ids.index(given["id"]) != index:
            yield problem((*path, "id"), f"the finding {given['id']!r} is defined twice")
        unknown = [name for name in given.get("at", ()) if name not in ids]
        if unknown:
            yield problem((*path, "at"), f"there is no structure {', '.join(unknown)}")
        rule = given.get("agreement", "exact")
        if given["kind"] == "continuous":
            if given["minimum"] >= given["maximum"]:
                yield problem((*path, "maximum"), "must be above the minimum")
            if isinstance(rule, dict) and "same-side" in rule:
                yield problem(
                    (*path, "agreement"), "a measured value has no cut; `exact` and `within` are allowed"
                )
            continue
        if given.get("measure"):
            yield problem((*path, "measure"), "is for continuous findings; this one has grades")
        values = [grade["value"] for grade in given["scale"]]
        scales[given["id"]] = len(values)
        if values != list(range(len(values))):
            yield problem((*path, "scale"), f"the values must run 0, 1, 2 ... without a gap, not {values}")
        if given["kind"] == "binary" and len(values) != 2:
            yield problem((*path, "scale"), f"a binary finding has two grades, not {len(values)}")
        if not 1 <= given.get("cut", 1) < len(values):
            yield problem(
                (*path, "cut"),
                f"must be between 1 and {len(values) - 1}: grades from the cut on are positive",
            )
        if isinstance(rule, dict) and rule.get("within", 1) != int(rule.get("within", 1)):
            yield problem((*path, "agreement"), "grades are whole numbers apart; `within` must be one")
        if isinstance(rule, dict) and given["kind"] == "nominal":
            yield problem((*path, "agreement"), "a nominal finding has no order; only `exact` is allowed")
        if isinstance(rule, dict) and rule.get("within", 0) >= len(values):
            yield problem(
                (*path, "agreement"), f"{rule['within']} spans the whole scale; every pair would agree"
            )
    yield from _mark_problems(content, problem)
    yield from _reference_problems(content, problem)
    questions = content.get("case_questions", [])
    for index, question in enumerate(questions):
        path = ("case_questions", index)
        if any(other["id"] == question["id"] for other in questions[:index]):
            yield problem((*path, "id"), f"the question {question['id']!r} is defined twice")
        if question["kind"] == "choice" and not question.get("options"):
            yield problem(path, "options is missing: a choice names what can be chosen")
        if question["kind"] != "choice" and question.get("options"):
            yield problem((*path, "options"), f"a question of kind {question['kind']} takes no options")
        if question["kind"] == "exclusion" and not content.get("exclusion_criteria"):
            yield problem(path, "a proposal of exclusion needs exclusion_criteria in the protocol")
    for index, derived in enumerate(content.get("derived", ())):
        for name, implied in derived["implies"].items():
            path = ("derived", index, "implies", name)
            if name not in scales:
                yield problem(path, f"there is no graded finding {name!r}; there are {', '.join(scales)}")
            elif len(implied) != scales[name]:
                yield problem(
                    path, f"needs one entry per grade of {name} ({scales[name]}), not {len(implied)}"
                )
    partition = content["partition"]
    total = partition["train"] + partition["validation"] + partition["test"]
    if abs(total - 1.0) > 1e-9:
        yield problem(("partition",), f"train, validation and test must add up to 1, not {total:g}")
    adjudication = content["adjudication"]
    if adjudication["audit_fraction"] > 0 and not adjudication["third_read_first"]:
        yield problem(
            ("adjudication", "third_read_first"),
            "must be true when audit_fraction is above 0: A and B stay covered until the adjudicator's own grade",
        )
    reading = content["reading"]
    if adjudication["by"] != "none" and reading["readers_per_case"] < 2:
        yield problem(
            ("reading", "readers_per_case"), "at least 2 readers are needed where differences are settled"
        )


_ProblemMaker = Callable[[tuple[Any, ...], str], Problem]
_BOXES = {"box3d", "box", "ellipse", "polygon"}


def _mark_problems(content: dict[str, Any], problem: _ProblemMaker) -> Iterator[Problem]:
    marks = content.get("marks", [])
    if not marks and not content["findings"]:
        yield problem(("findings",), "the protocol asks for nothing: it needs findings or marks")
    for index, given in enumerate(marks):
        path = ("marks", index)
        if any(other["id"] == given["id"] for other in marks[:index]):
            yield problem((*path, "id"), f"the mark {given['id']!r} is defined twice")
        names = [each["id"] for each in given["classes"]]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            yield problem((*path, "classes"), f"the class {twice!r} is defined twice")
        rule = given["agreement"]
        wants_area = rule["match"] == "centre-in-box" or "iou" in rule["match"]
        if wants_area and given["shape"] not in _BOXES:
            yield problem((*path, "agreement"), f"a {given['shape']} has no extent; match it by distance_mm")
        if rule["keep"] == "union" and given["shape"] not in {"box", "box3d"}:
            yield problem((*path, "agreement"), "only boxes have a union; keep the mean or the first")
        if rule["keep"] == "mean" and given["shape"] == "polygon":
            yield problem((*path, "agreement"), "polygons have no mean; keep the first")
    adjudication = content["adjudication"]
    if marks and (adjudication["third_read_first"] or adjudication["audit_fraction"] > 0):
        yield problem(
            ("adjudication",),
            "marks cannot be settled under cover: an item of a mark is the place of that mark. "
            "third_read_first must be false and audit_fraction 0",
        )


def _reference_problems(content: dict[str, Any], problem: _ProblemMaker) -> Iterator[Problem]:
    reference, adjudication = content["reference"], content["adjudication"]
    path = ("reference",)
    known = [each["id"] for each in content["findings"]]
    for name in reference.get("findings", []):
        if name not in known:
            yield problem((*path, "findings"), f"there is no finding {name!r}; there are {', '.join(known)}")
    if reference.get("findings") and reference["from"] != "external":
        yield problem((*path, "findings"), "is for an external reference; one made here covers every item")
    if adjudication["by"] == "joint" and content["reading"]["readers_per_case"] != 2:
        yield problem(("reading", "readers_per_case"), "a joint settlement is of exactly 2 readers")
    if adjudication["by"] == "joint" and adjudication["third_read_first"]:
        yield problem(
            ("adjudication", "third_read_first"), "must be false: in a joint settlement nobody else reads"
        )
    if reference["from"] != "panel-read":
        for name in ("decide", "chair"):
            if name in reference:
                yield problem((*path, name), "is for a reference from panel-read")
        return
    if content.get("marks"):
        yield problem(path, "marks cannot come from panel reads yet; use adjudicated or external")
    decide = reference.get("decide")
    if decide is None:
        yield problem(path, "decide is missing: majority, median or chair")
    if decide == "chair" and not reference.get("chair"):
        yield problem(path, "chair is missing: the code of the panel member who decides")
    if decide == "majority" and not reference.get("chair") and reference.get("quorum", 1) % 2 == 0:
        yield problem(path, "an even panel needs a chair, who decides where there is no majority")
    nominal = [each["id"] for each in content["findings"] if each["kind"] == "nominal"]
    if nominal and not reference.get("chair"):
        yield problem(path, f"{', '.join(nominal)} has no order: name a chair for where there is no majority")


def canonical_digest(content: Any) -> str:
    """Return the SHA-256 of the content in canonical JSON: layout and comments do not count."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def load_protocol(source: str, *, name: str = "protocol") -> ProtocolDocument:
    """
    Turn the text of a protocol file into a `ProtocolDocument`.

    Raises
    ------
    ProtocolError
        With every problem: line, place, what is wrong, what is allowed.
    """
    content, lines = _parse(source, name)
    problems = list(_schema_problems(content, lines))
    if not problems:
        problems = list(_further_problems(content, lines))
    if problems:
        raise ProtocolError(sorted(problems, key=lambda problem: problem.line), name)
    levels, structures = _structures(content)
    return ProtocolDocument(
        id=content["protocol"],
        version=content["version"],
        title=_text(content["title"]),
        registration=content.get("registration", ""),
        description=_text(content.get("description", "")),
        digest=canonical_digest(content),
        levels=levels,
        structures=structures,
        findings=tuple(_finding(each) for each in content["findings"]),
        marks=tuple(_mark_kind(each) for each in content.get("marks", ())),
        case_questions=tuple(
            CaseQuestion(
                id=each["id"],
                label=_text(each["label"]),
                kind=each["kind"],
                options=_options(
                    content.get("exclusion_criteria", [])
                    if each["kind"] == "exclusion"
                    else each.get("options", [])
                ),
                required=each.get("required", False),
            )
            for each in content.get("case_questions", ())
        ),
        exclusion_criteria=_options(content.get("exclusion_criteria", [])),
        derived=tuple(
            DerivedGrade(
                id=each["id"],
                label=_text(each["label"]),
                n_grades=each["n_grades"],
                implies={name: tuple(implied) for name, implied in each["implies"].items()},
            )
            for each in content.get("derived", ())
        ),
        not_assessable_reasons=_options(content["not_assessable_reasons"]),
        adjudication_reasons=_options(content["adjudication_reasons"]),
        numbering=content.get("numbering", {}),
        numbering_variants=_options(content.get("numbering", {}).get("variants", [])),
        reading=content["reading"],
        adjudication=content["adjudication"],
        reference=content["reference"],
        roles=content.get("roles", {}),
        partition=content["partition"],
        display=content["display"],
        analysis=content["analysis"],
        content=content,
    )
