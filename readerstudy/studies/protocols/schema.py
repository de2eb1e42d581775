"""What the JSON Schema says of a protocol file, in words."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from readerstudy.studies.protocols.parsing import Lines, place_words
from readerstudy.studies.protocols.problems import Problem, listed, shown

SCHEMA_PATH = Path(__file__).with_name("schema.json")


@lru_cache(maxsize=1)
def protocol_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of protocol files."""
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text())
    return schema


# What a value must be, in words.
_TYPES = {
    "object": N_("entries of their own (key: value)"),
    "array": N_("a list"),
    "string": N_("a text"),
    "integer": N_("a whole number"),
    "number": N_("a number"),
    "boolean": N_("true or false"),
    "null": N_("nothing"),
}

#: One sentence of ours for each keyword of the schema that can be broken; a test holds both lists together.
SENTENCES = {
    "required": N_("%(wanted)s is missing"),
    "enum": N_("%(value)s is not allowed; allowed are %(wanted)s"),
    "const": N_("must be %(wanted)s, not %(value)s"),
    "type": N_("must be %(wanted)s, not %(value)s"),
    "minimum": N_("%(value)s is too small; at least %(wanted)s"),
    "exclusiveMinimum": N_("%(value)s is too small; more than %(wanted)s"),
    "maximum": N_("%(value)s is too large; at most %(wanted)s"),
    "exclusiveMaximum": N_("%(value)s is too large; less than %(wanted)s"),
    "pattern": N_(
        "%(value)s cannot be a name: it begins with a letter and holds letters, digits and hyphens"
    ),
    "minLength": N_("the text is empty"),
    "minItems": N_("holds too few entries; at least %(wanted)s"),
    "minProperties": N_("holds too few entries; at least %(wanted)s"),
    "maxItems": N_("holds too many entries; at most %(wanted)s"),
    "additionalProperties": N_("%(value)s is not known here; known are %(wanted)s"),
    "oneOf": N_("%(value)s fits none of the allowed forms; see docs/protocols.md"),
}
_OTHERWISE = N_("%(value)s is not allowed here")


def _explain(error: jsonschema.ValidationError) -> str:
    """Say what a schema error means, and what is allowed."""
    value, wanted, keyword = error.instance, error.validator_value, str(error.validator)
    match keyword:
        case "required":
            words = listed(name for name in wanted if name not in value)
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            words = _(" or ").join(_(_TYPES[kind]) for kind in kinds)
        case "enum":
            words = listed(each if each != "" else shown(each) for each in wanted)
        case _:
            words = shown(wanted)
    return _(SENTENCES.get(keyword, _OTHERWISE)) % {"value": shown(value), "wanted": words}


def schema_problems(content: Any, lines: Lines) -> Iterator[Problem]:
    validator = jsonschema.Draft202012Validator(protocol_schema())
    for error in sorted(validator.iter_errors(content), key=lambda each: list(map(str, each.absolute_path))):
        best = jsonschema.exceptions.best_match([error]) if error.context else error
        path = tuple(best.absolute_path)
        if best.validator == "additionalProperties" and isinstance(best.instance, dict):
            known, sentence = sorted(best.schema.get("properties", {})), SENTENCES[best.validator]
            for name in best.instance:
                if name not in known:
                    message = _(sentence) % {"value": name, "wanted": listed(known)}
                    yield Problem(lines.of((*path, name)), place_words(path), message)
            continue
        yield Problem(lines.of(path), place_words(path), _explain(best))
