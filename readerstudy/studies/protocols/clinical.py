"""
Which clinical data a protocol may show beside the images.

Whoever reads sees no identity, no date, no place, no free text, and nothing of what the study asks: a value is a
number within bounds or one of a few words that the protocol itself writes down.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.studies.protocols.building import text_of
from readerstudy.studies.protocols.problems import Problem, shown

#: What a clinical column of the coordinator's table is called.
COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words of columns that say who somebody is. No table brings them in.
IDENTITIES = _words("name surname birth birthdate born dob address phone email mrn ssn")
_WHO_WHERE_WHEN = IDENTITIES | _words(
    "id identifier number firstname forename birthday street city postcode zip tel mobile mail passport insurance "
    "photo date day month year time timestamp centre center hospital institution site ward department clinic "
    "doctor physician surgeon radiologist referrer comment comments note notes text remark remarks description"
)
_THE_ANSWER = _words(
    "pathology pathological histology histological histopathology cytology biopsy diagnosis diagnosed dx reference "
    "truth gold outcome result results report reported finding findings grade grading label malignant "
    "malignancy benign borderline operative intraoperative surgical autopsy read reads adjudication adjudicated "
    "consensus model ai prediction predicted probability aid"
)
_OF_THE_STUDY = _words("partition split train validation test laterality repeat occasion reader")
_ANSWER_IN_CHINESE = re.compile(
    "病理|组织学|活检|诊断|参考标准|金标准|结局|良性|恶性|术中|模型|预测|裁定|共识"
)
_WHO_IN_CHINESE = re.compile("姓名|出生|生日|电话|地址|住址|身份证|住院号|病历号|医院|科室|日期|医师|医生")

_ProblemMaker = Callable[[tuple[Any, ...], str], Problem]


def says_who(column: str) -> bool:
    """Whether a column of the coordinator's table is called like an identity."""
    return not IDENTITIES.isdisjoint(column.split("_"))


def clinical_problems(content: dict[str, Any], problem: _ProblemMaker) -> Iterator[Problem]:
    """Say what is wrong with the clinical data that a protocol shows to those who read."""
    given = content["reading"].get("clinical_context", [])
    asked = _asked(content)
    for index, datum in enumerate(given):
        path = ("reading", "clinical_context", index)
        name = datum["id"]
        if any(other["id"] == name for other in given[:index]):
            yield problem(
                (*path, "id"), _("the clinical value %(name)s is named twice") % {"name": shown(name)}
            )
        if refusal := _may_not_be_shown(name, datum["label"], asked):
            yield problem((*path, "id"), refusal)
        yield from _option_problems(datum, path, asked, problem)
        yield from _form_problems(datum, path, problem)


def _asked(content: dict[str, Any]) -> set[str]:
    """Return the names of what the study asks: findings, marks and their classes, questions, derived grades."""
    names = {
        each["id"]
        for section in ("findings", "case_questions", "derived", "marks")
        for each in content.get(section, ())
    }
    names |= {each["id"] for mark in content.get("marks", ()) for each in mark["classes"]}
    return {name.lower().replace("-", "_") for name in names}


def _may_not_be_shown(name: str, label: Any, asked: set[str]) -> str:
    """Return why a column is never shown to those who read, or ""."""
    if not COLUMN.fullmatch(name):
        return _("%(name)s is no column: a clinical column is named by small letters, digits and _") % {
            "name": shown(name)
        }
    texts = text_of(label).languages.values()
    spoken = _spoken(texts)
    parts = set(name.split("_"))
    if name in asked or _tells_the_answer(parts | spoken, texts):
        return _what_is_asked(name)
    if (
        not _WHO_WHERE_WHEN.isdisjoint(parts)
        or not IDENTITIES.isdisjoint(spoken)
        or any(map(_WHO_IN_CHINESE.search, texts))
    ):
        return _(
            "%(name)s says who, where or when; no identity, place, date or free text is shown to those who read. "
            "An age stands for a birth date"
        ) % {"name": shown(name)}
    if not _OF_THE_STUDY.isdisjoint(parts):
        return _("%(name)s is of the study's own making and no clinical value") % {"name": shown(name)}
    return ""


def _spoken(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}


def _tells_the_answer(words: set[str], texts: Iterable[str]) -> bool:
    return not _THE_ANSWER.isdisjoint(words) or any(map(_ANSWER_IN_CHINESE.search, texts))


def _what_is_asked(name: str) -> str:
    return _(
        "%(name)s tells what the study asks; the reference standard, a diagnosis or a result is never shown to "
        "those who read"
    ) % {"name": shown(name)}


def _option_problems(
    datum: dict[str, Any], path: tuple[Any, ...], asked: set[str], problem: _ProblemMaker
) -> Iterator[Problem]:
    """Judge what can be chosen as well: a column's name may say nothing of what stands in it."""
    for index, option in enumerate(datum.get("options", ())):
        value = str(option["value"])
        texts = [value, *text_of(option["label"]).languages.values()]
        name = value.lower().replace("-", "_").replace(" ", "_")
        if name in asked or _tells_the_answer(_spoken(texts), texts):
            yield problem((*path, "options", index), _what_is_asked(value))


def _form_problems(datum: dict[str, Any], path: tuple[Any, ...], problem: _ProblemMaker) -> Iterator[Problem]:
    if datum["kind"] == "choice":
        for key in ("minimum", "maximum", "unit"):
            if key in datum:
                yield problem((*path, key), _("is for a number; this is a choice"))
        options = [str(each["value"]) for each in datum.get("options", ())]
        if not options:
            yield problem(path, _("options is missing: a choice names what can be chosen"))
        for twice in sorted({each for each in options if options.count(each) > 1}):
            yield problem((*path, "options"), _("the value %(name)s stands twice") % {"name": shown(twice)})
        return
    if "options" in datum:
        yield problem((*path, "options"), _("is for a choice; this is a number"))
    missing = [key for key in ("minimum", "maximum") if key not in datum]
    if missing:
        yield problem(
            path,
            _(
                "%(names)s is missing: a number is shown between bounds, so that no other number can stand in its place"
            )
            % {"names": ", ".join(missing)},
        )
    elif datum["minimum"] >= datum["maximum"]:
        yield problem((*path, "maximum"), _("must be above the minimum"))
    elif max(abs(datum["minimum"]), abs(datum["maximum"])) >= 100_000:
        yield problem((*path, "maximum"), _("the bounds lie within -99999 and 99999"))
