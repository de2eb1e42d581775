"""
What else must go when a case is withdrawn.

Rooms above keep pixels of their own for a while (crops of a training). They register here how to erase them; this
room knows nothing of them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from readerstudy.studies.models import Case

Eraser = Callable[["Case"], None]
_erasers: dict[str, Eraser] = {}


def erase_on_withdrawal(name: str, eraser: Eraser) -> None:
    """Call `eraser` with every case that is withdrawn, after the withdrawal is committed. Once per name."""
    _erasers[name] = eraser


def erase_elsewhere(case: "Case") -> None:
    """Call every registered eraser."""
    for _, eraser in sorted(_erasers.items()):
        eraser(case)
