"""The report as PDF on A4, with the fonts that come with reportlab: nothing of the system is needed."""

import io
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepTogether, SimpleDocTemplate, Spacer
from reportlab.platypus import Paragraph as Text
from reportlab.platypus import Table as Grid

from readerstudy.analysis.report.blocks import Block, Facts, Figure, Heading, Paragraph, Table
from readerstudy.analysis.report.fonts import register_fonts

WIDTH = A4[0] - 36 * mm
# A table of so few rows moves to the next page rather than being torn.
_MOST_ROWS_KEPT = 14
# Characters that the font does not have.
_REPLACED = {" ": " ", "χ²": "chi-square", "≥": "≥"}


def _plain(text: str) -> str:
    for old, new in _REPLACED.items():
        text = text.replace(old, new)
    return escape(text).replace("\n", "<br/>")


def _styles() -> dict[str, ParagraphStyle]:
    base = ParagraphStyle(
        "body", fontName="Report", fontSize=8.5, leading=12, textColor=colors.HexColor("#363E45")
    )
    return {
        "body": base,
        "note": ParagraphStyle("note", base, fontSize=7.5, leading=10, textColor=colors.HexColor("#545C63")),
        "cell": ParagraphStyle("cell", base, fontSize=7, leading=9),
        "number": ParagraphStyle("number", base, fontSize=7, leading=9, alignment=TA_RIGHT),
        "head": ParagraphStyle("head", base, fontSize=7, leading=9, textColor=colors.HexColor("#545C63")),
        "title": ParagraphStyle(
            "title", base, fontName="Report-Bold", fontSize=17, leading=22, textColor=colors.HexColor("#13191F")
        ),
        "h1": ParagraphStyle(
            "h1", base, fontName="Report-Bold", fontSize=13, leading=18, spaceBefore=12, spaceAfter=4,
            textColor=colors.HexColor("#13191F"),
        ),
        "h2": ParagraphStyle(
            "h2", base, fontName="Report-Bold", fontSize=10.5, leading=14, spaceBefore=10, spaceAfter=3,
            textColor=colors.HexColor("#13191F"),
        ),
        "demo": ParagraphStyle("demo", base, fontName="Report-Bold", textColor=colors.HexColor("#8D5E00")),
    }  # fmt: skip


_LINE = colors.HexColor("#DCE0E3")


def _grid(rows: Sequence[Sequence[Any]], widths: Sequence[float], *, has_head: bool) -> Grid:
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
    ]
    return Grid(rows, colWidths=[share * WIDTH for share in widths], repeatRows=int(has_head), style=style)


def _flowables(block: Block, styles: Mapping[str, ParagraphStyle]) -> list[Any]:
    match block:
        case Heading(text, level):
            return [Text(_plain(text), styles["h1" if level == 1 else "h2"])]
        case Paragraph(text, is_note):
            return [Text(_plain(text), styles["note" if is_note else "body"]), Spacer(1, 3)]
        case Facts(rows):
            cells = [
                [Text(_plain(name), styles["head"]), Text(_plain(value), styles["cell"])]
                for name, value in rows
            ]
            return [_grid(cells, (0.2, 0.8), has_head=False), Spacer(1, 6)]
        case Table(heads, rows, caption, numbers_from, widths):
            shares = widths or [1 / len(heads)] * len(heads)
            head = [
                Text(_plain(name), styles["head"] if k < numbers_from else styles["number"])
                for k, name in enumerate(heads)
            ]
            body = [
                [
                    Text(_plain(cell), styles["cell" if k < numbers_from else "number"])
                    for k, cell in enumerate(row)
                ]
                for row in rows
            ]
            parts: list[Any] = [_grid([head, *body], shares, has_head=True)]
            if caption:
                parts.append(Text(_plain(caption), styles["note"]))
            if len(rows) <= _MOST_ROWS_KEPT:
                parts = [KeepTogether(parts)]
            return [*parts, Spacer(1, 8)]
        case Figure(drawing, caption):
            return [KeepTogether([drawing, Text(_plain(caption), styles["note"])]), Spacer(1, 8)]


class _Numbered(Canvas):
    """A canvas that knows the number of all pages when it writes the foot."""

    foot = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for state in self._kept:
            self.__dict__.update(state)
            self.setFont("Report", 6.5)
            self.setFillColor(colors.HexColor("#545C63"))
            self.drawString(18 * mm, 10 * mm, self.foot)
            self.drawRightString(A4[0] - 18 * mm, 10 * mm, f"{self._pageNumber} / {len(self._kept)}")
            super().showPage()
        super().save()


def as_pdf(blocks: Sequence[Block], *, title: str, subtitle: str, foot: str, demonstration: str) -> bytes:
    """
    Write the report.

    Parameters
    ----------
    foot : str
        Stands on every page: study, snapshot, hashes, code version and the demonstration mark.
    demonstration : str
        Sentence that marks demonstration data; empty for real ones.

    Returns
    -------
    bytes
        The same blocks give the same bytes.
    """
    register_fonts()
    styles = _styles()
    story: list[Any] = [Text(_plain(title), styles["title"]), Text(_plain(subtitle), styles["note"])]
    if demonstration:
        story.append(Text(_plain(demonstration), styles["demo"]))
    story.append(Spacer(1, 6))
    for block in blocks:
        story.extend(_flowables(block, styles))
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm,
        bottomMargin=18 * mm, title=title, author="ReaderStudy", invariant=1,
    )  # fmt: skip
    numbered = type("_Footed", (_Numbered,), {"foot": foot.replace(" ", " ")})
    document.build(story, canvasmaker=numbered)
    return buffer.getvalue()
