"""What the JSON Schema says of a protocol file, in words."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema

from readerstudy.studies.protocols.parsing import Lines, place_words
from readerstudy.studies.protocols.problems import Problem

SCHEMA_PATH = Path(__file__).with_name("schema.json")


@lru_cache(maxsize=1)
def protocol_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of protocol files."""
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text())
    return schema


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


def schema_problems(content: Any, lines: Lines) -> Iterator[Problem]:
    validator = jsonschema.Draft202012Validator(protocol_schema())
    for error in sorted(validator.iter_errors(content), key=lambda each: list(map(str, each.absolute_path))):
        best = jsonschema.exceptions.best_match([error]) if error.context else error
        path = tuple(best.absolute_path)
        if best.validator == "additionalProperties" and isinstance(best.instance, dict):
            known = sorted(best.schema.get("properties", {}))
            for name in best.instance:
                if name not in known:
                    message = f"{name} is not known here; known are {', '.join(known)}"
                    yield Problem(lines.of((*path, name)), place_words(path), message)
            continue
        yield Problem(lines.of(path), place_words(path), _explain(best))
