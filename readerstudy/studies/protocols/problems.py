"""What is wrong in a protocol file, by line, in the language of whoever looks."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

# A value that is printed in a sentence; a longer one is cut.
MOST_SHOWN = 80
# Problems that one sentence holds; the editor lists all of them.
MOST_TOLD = 5


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file."""

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        values = {"line": self.line, "place": self.place, "problem": self.message}
        if self.place:
            return _("line %(line)s, %(place)s: %(problem)s") % values
        return _("line %(line)s: %(problem)s") % values


class ProtocolError(Exception):
    """A protocol file that cannot be used, with every problem found in it."""

    def __init__(self, problems: list[Problem], name: str = "") -> None:
        self.problems = problems
        self.name = name
        super().__init__(
            "\n".join(
                _("%(name)s, %(problem)s") % {"name": name, "problem": problem} if name else str(problem)
                for problem in problems
            )
        )

    def in_short(self) -> str:
        """Return the first problems in one line."""
        told = _("; ").join(str(problem) for problem in self.problems[:MOST_TOLD])
        rest = len(self.problems) - MOST_TOLD
        return _("%(problems)s; and %(n)s more") % {"problems": told, "n": rest} if rest > 0 else told


def listed(names: Iterable[Any]) -> str:
    """Return names one after another."""
    return _(", ").join(str(name) for name in names)


def shown(value: Any) -> str:
    """Return a value of the file as the file would write it."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
