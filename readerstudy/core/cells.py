"""Cells of tables that people open in a spreadsheet."""

import re

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def written_text(text: str) -> str:
    """
    Return words that somebody wrote as a cell of CSV: what a spreadsheet would take for a formula is quoted.

    A formula begins with one of ``= + - @``, a tab or a carriage return; a quotation mark before it makes it text
    (OWASP, "CSV Injection"). Plain numbers stay numbers.
    """
    return (
        f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} and not _NUMBER.fullmatch(text) else text
    )
