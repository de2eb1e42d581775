"""
JSON of what images say of themselves: by orjson, a tenth of the time, and by Python's own where orjson does not cope.

It does not with texts that are no Unicode (lone surrogates) and numbers of more than 64 bits; a damaged file may hold
either.
"""

import json
from typing import Any

import orjson


def dumps(value: object) -> bytes:
    """Return `value` as JSON without spaces or line breaks."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def loads(data: bytes | bytearray) -> Any:
    """Return what `dumps` wrote."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)
