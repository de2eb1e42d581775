"""
Reading a protocol file: YAML, then the JSON Schema, then what a schema cannot say.

Every problem names its line, what is wrong and what is allowed; all problems are reported at once, so
that a coordinator mends a file in one go.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any

from readerstudy.studies.protocols.building import document_of
from readerstudy.studies.protocols.checking import further_problems
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.protocols.parsing import parse
from readerstudy.studies.protocols.problems import Problem, ProtocolError
from readerstudy.studies.protocols.schema import protocol_schema, schema_problems

__all__ = ["Problem", "ProtocolError", "canonical_digest", "load_protocol", "protocol_schema"]


def canonical_digest(content: Any) -> str:
    """Return the SHA-256 of the content in canonical JSON: layout and comments do not count."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def load_protocol(source: str, *, name: str = "") -> ProtocolDocument:
    """
    Turn the text of a protocol file into a `ProtocolDocument`.

    Raises
    ------
    ProtocolError
        With every problem: line, place, what is wrong, what is allowed.
    """
    try:
        return _loaded(source)
    except ProtocolError as error:
        raise ProtocolError(error.problems, name) from None


# A tenth of a second for a text, which is asked for again and again and whose document is frozen. Problems are not
# kept: they are said in the language of whoever asks.
@lru_cache(maxsize=64)
def _loaded(source: str) -> ProtocolDocument:
    content, lines = parse(source)
    problems = list(schema_problems(content, lines))
    if not problems:
        problems = list(further_problems(content, lines))
    if problems:
        raise ProtocolError(sorted(problems, key=lambda problem: problem.line))
    return document_of(content, digest=canonical_digest(content))
