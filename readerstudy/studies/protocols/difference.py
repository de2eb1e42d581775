"""What changed between two protocol files, line by line."""

import difflib


def protocol_difference(before: str, after: str) -> list[tuple[str, str]]:
    """Return the changed lines of a file as (``+``, ``-`` or ``@``, text)."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return [(line[0], line[1:]) for line in lines if line and not line.startswith(("---", "+++"))]
