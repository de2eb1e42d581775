"""What a schema cannot say of a protocol file: uniqueness, references, scales without gaps, shares that add up."""

from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.studies.protocols.building import structures_of, text_of
from readerstudy.studies.protocols.clinical import clinical_problems
from readerstudy.studies.protocols.parsing import Lines, place_words
from readerstudy.studies.protocols.problems import Problem, listed, shown

_ProblemMaker = Callable[[tuple[Any, ...], str], Problem]
_BOXES = {"box3d", "box", "ellipse", "polygon"}


def further_problems(content: dict[str, Any], lines: Lines) -> Iterator[Problem]:
    """What the schema cannot say: uniqueness, references, scales without gaps, shares that add up."""

    def problem(path: tuple[Any, ...], message: str) -> Problem:
        return Problem(lines.of(path), place_words(path), message)

    if not _is_pattern(content["structures"].get("label", "")):
        yield problem(
            ("structures", "label"),
            _("{level} and {side} are filled in; no other word can stand in braces, and no brace alone"),
        )
        return
    structures = structures_of(content)[1]
    ids = [structure.id for structure in structures]
    for duplicate in sorted({name for name in ids if ids.count(name) > 1}):
        yield problem(
            ("structures",), _("the structure %(name)s is defined twice") % {"name": shown(duplicate)}
        )
    finding_ids = [each["id"] for each in content["findings"]]
    scales: dict[str, int] = {}
    for index, given in enumerate(content["findings"]):
        path = ("findings", index)
        if finding_ids.index(given["id"]) != index:
            yield problem(
                (*path, "id"), _("the finding %(name)s is defined twice") % {"name": shown(given["id"])}
            )
        unknown = [name for name in given.get("at", ()) if name not in ids]
        if unknown:
            yield problem((*path, "at"), _("there is no structure %(names)s") % {"names": listed(unknown)})
        rule = given.get("agreement", "exact")
        if given["kind"] == "continuous":
            if given["minimum"] >= given["maximum"]:
                yield problem((*path, "maximum"), _("must be above the minimum"))
            if isinstance(rule, dict) and "same-side" in rule:
                yield problem(
                    (*path, "agreement"), _("a measured value has no cut; `exact` and `within` are allowed")
                )
            continue
        if given.get("measure"):
            yield problem((*path, "measure"), _("is for continuous findings; this one has grades"))
        values = [grade["value"] for grade in given["scale"]]
        scales[given["id"]] = len(values)
        if values != list(range(len(values))):
            yield problem(
                (*path, "scale"),
                _("the values must run 0, 1, 2 ... without a gap, not %(values)s") % {"values": values},
            )
        if given["kind"] == "binary" and len(values) != 2:
            yield problem(
                (*path, "scale"), _("a binary finding has two grades, not %(n)s") % {"n": len(values)}
            )
        if not 1 <= given.get("cut", 1) < len(values):
            yield problem(
                (*path, "cut"),
                _("must be between 1 and %(most)s: grades from the cut on are positive")
                % {"most": len(values) - 1},
            )
        if isinstance(rule, dict) and rule.get("within", 1) != int(rule.get("within", 1)):
            yield problem((*path, "agreement"), _("grades are whole numbers apart; `within` must be one"))
        if isinstance(rule, dict) and given["kind"] == "nominal":
            yield problem((*path, "agreement"), _("a nominal finding has no order; only `exact` is allowed"))
        if isinstance(rule, dict) and rule.get("within", 0) >= len(values):
            yield problem(
                (*path, "agreement"),
                _("%(n)s spans the whole scale; every pair would agree") % {"n": rule["within"]},
            )
    yield from _mark_problems(content, problem)
    yield from _reference_problems(content, problem)
    yield from clinical_problems(content, problem)
    questions = content.get("case_questions", [])
    for index, question in enumerate(questions):
        path = ("case_questions", index)
        if any(other["id"] == question["id"] for other in questions[:index]):
            yield problem(
                (*path, "id"), _("the question %(name)s is defined twice") % {"name": shown(question["id"])}
            )
        if question["kind"] == "choice" and not question.get("options"):
            yield problem(path, _("options is missing: a choice names what can be chosen"))
        if question["kind"] != "choice" and question.get("options"):
            yield problem(
                (*path, "options"),
                _("a question of kind %(kind)s takes no options") % {"kind": question["kind"]},
            )
        if question["kind"] == "exclusion" and not content.get("exclusion_criteria"):
            yield problem(path, _("a proposal of exclusion needs exclusion_criteria in the protocol"))
    for index, derived in enumerate(content.get("derived", ())):
        for name, implied in derived["implies"].items():
            path = ("derived", index, "implies", name)
            if name not in scales:
                yield problem(
                    path,
                    _("there is no graded finding %(name)s; there are %(names)s")
                    % {"name": shown(name), "names": listed(scales)},
                )
            elif len(implied) != scales[name]:
                yield problem(
                    path,
                    _("needs one entry per grade of %(name)s (%(n)s), not %(given)s")
                    % {"name": name, "n": scales[name], "given": len(implied)},
                )
    partition = content["partition"]
    total = partition["train"] + partition["validation"] + partition["test"]
    if abs(total - 1.0) > 1e-9:
        yield problem(
            ("partition",),
            _("train, validation and test must add up to 1, not %(total)s") % {"total": f"{total:g}"},
        )
    adjudication = content["adjudication"]
    if adjudication["audit_fraction"] > 0 and not adjudication["third_read_first"]:
        yield problem(
            ("adjudication", "third_read_first"),
            _(
                "must be true when audit_fraction is above 0: A and B stay covered until the adjudicator's own grade"
            ),
        )
    reading = content["reading"]
    if adjudication["by"] != "none" and reading["readers_per_case"] < 2:
        yield problem(
            ("reading", "readers_per_case"), _("at least 2 readers are needed where differences are settled")
        )


def _mark_problems(content: dict[str, Any], problem: _ProblemMaker) -> Iterator[Problem]:
    marks = content.get("marks", [])
    if not marks and not content["findings"]:
        yield problem(("findings",), _("the protocol asks for nothing: it needs findings or marks"))
    for index, given in enumerate(marks):
        path = ("marks", index)
        if any(other["id"] == given["id"] for other in marks[:index]):
            yield problem(
                (*path, "id"), _("the mark %(name)s is defined twice") % {"name": shown(given["id"])}
            )
        names = [each["id"] for each in given["classes"]]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            yield problem(
                (*path, "classes"), _("the class %(name)s is defined twice") % {"name": shown(twice)}
            )
        rule = given["agreement"]
        wants_area = rule["match"] == "centre-in-box" or "iou" in rule["match"]
        if wants_area and given["shape"] not in _BOXES:
            yield problem(
                (*path, "agreement"),
                _("a mark of shape %(shape)s has no extent; match it by distance_mm")
                % {"shape": given["shape"]},
            )
        if rule["keep"] == "union" and given["shape"] not in {"box", "box3d"}:
            yield problem((*path, "agreement"), _("only boxes have a union; keep the mean or the first"))
        if rule["keep"] == "mean" and given["shape"] == "polygon":
            yield problem((*path, "agreement"), _("polygons have no mean; keep the first"))
    adjudication = content["adjudication"]
    if marks and (adjudication["third_read_first"] or adjudication["audit_fraction"] > 0):
        yield problem(
            ("adjudication",),
            _(
                "marks cannot be settled under cover: an item of a mark is the place of that mark. "
                "third_read_first must be false and audit_fraction 0"
            ),
        )


def _reference_problems(content: dict[str, Any], problem: _ProblemMaker) -> Iterator[Problem]:
    reference, adjudication = content["reference"], content["adjudication"]
    path = ("reference",)
    known = [each["id"] for each in content["findings"]]
    for name in reference.get("findings", []):
        if name not in known:
            yield problem(
                (*path, "findings"),
                _("there is no finding %(name)s; there are %(names)s")
                % {"name": shown(name), "names": listed(known)},
            )
    if reference.get("findings") and reference["from"] != "external":
        yield problem((*path, "findings"), _("is for an external reference; one made here covers every item"))
    if adjudication["by"] == "joint" and content["reading"]["readers_per_case"] != 2:
        yield problem(("reading", "readers_per_case"), _("a joint settlement is of exactly 2 readers"))
    if adjudication["by"] == "joint" and adjudication["third_read_first"]:
        yield problem(
            ("adjudication", "third_read_first"), _("must be false: in a joint settlement nobody else reads")
        )
    if reference["from"] != "panel-read":
        for name in ("decide", "chair"):
            if name in reference:
                yield problem((*path, name), _("is for a reference from panel-read"))
        return
    if content.get("marks"):
        yield problem(path, _("marks cannot come from panel reads yet; use adjudicated or external"))
    decide = reference.get("decide")
    if decide is None:
        yield problem(path, _("decide is missing: majority, median or chair"))
    if decide == "chair" and not reference.get("chair"):
        yield problem(path, _("chair is missing: the code of the panel member who decides"))
    if decide == "majority" and not reference.get("chair") and reference.get("quorum", 1) % 2 == 0:
        yield problem(path, _("an even panel needs a chair, who decides where there is no majority"))
    nominal = [each["id"] for each in content["findings"] if each["kind"] == "nominal"]
    if nominal and not reference.get("chair"):
        yield problem(
            path,
            _("%(names)s has no order: name a chair for where there is no majority")
            % {"names": listed(nominal)},
        )


def _is_pattern(label: str | dict[str, str]) -> bool:
    """Return whether a label of structures can be filled in: ``{level}`` and ``{side}``, and nothing else in braces."""
    for text in text_of(label).languages.values():
        try:
            parts = list(Formatter().parse(text))
        except ValueError:
            return False
        if any(
            name not in (None, "level", "side") or form or conversion
            for _text, name, form, conversion in parts
        ):
            return False
    return True
