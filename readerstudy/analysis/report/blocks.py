"""What a report is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 opens a section."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `is_note` for remarks and captions."""

    text: str
    is_note: bool = False


@dataclass(frozen=True)
class Facts:
    """Pairs of a name and what stands for it."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A table whose columns from `numbers_from` on are numbers; `widths` are shares of the page."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numbers_from: int = 1
    widths: Sequence[float] = field(default_factory=tuple)


@dataclass(frozen=True)
class Figure:
    """A drawing of `reportlab.graphics`, with a caption that says what to see."""

    drawing: Any
    caption: str


Block = Heading | Paragraph | Facts | Table | Figure
