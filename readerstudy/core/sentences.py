"""Sentences that are stored in English, as a worker or a library said them, found again with their values."""

import re
from collections.abc import Callable, Collection


class Sentences:
    """
    Sentences with ``%(name)s`` in them, and what was made of them.

    Parameters
    ----------
    known : collection of str
        The sentences.
    place : callable
        Returns the pattern of a value by its name; it holds a group of that name.
    """

    def __init__(self, known: Collection[str], place: Callable[[str], str]) -> None:
        self._plain = frozenset(known)
        self._patterns = []
        for sentence in known:
            if "%(" in sentence:
                parts = re.split(r"%\((\w+)\)s", sentence)
                names = [place(part) if k % 2 else re.escape(part) for k, part in enumerate(parts)]
                self._patterns.append((re.compile("".join(names)), sentence))

    def find(self, said: str) -> tuple[str, dict[str, str]] | None:
        """Return (sentence, its values) of what was said, None where it is not known."""
        if said in self._plain:
            return said, {}
        for pattern, sentence in self._patterns:
            if found := pattern.fullmatch(said):
                return sentence, found.groupdict()
        return None
