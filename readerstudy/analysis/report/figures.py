"""The report's figures, drawn from the snapshot's own numbers with shapes that print anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.graphics.shapes import Circle, Drawing, Group, Line, Polygon, PolyLine, Rect, String
from reportlab.lib.colors import Color, HexColor

from readerstudy.analysis import wording
from readerstudy.analysis.report.fonts import BOLD, PLAIN

MODEL = HexColor("#B44F00")
READERS = HexColor("#0A5475")
INK = HexColor("#13191F")
QUIET = HexColor("#545C63")
LINE = HexColor("#DCE0E3")
SHADE = HexColor("#EFF2F4")
LAMP = HexColor("#8D5E00")
GRADES = tuple(HexColor(code) for code in ("#E9F2F7", "#B5D6EB", "#6BA7C9", "#337094", "#15415E"))


def _text(x: float, y: float, text: str, **style: Any) -> String:
    style.setdefault("fontName", PLAIN)
    style.setdefault("fontSize", 8)
    style.setdefault("fillColor", QUIET)
    return String(x, y, text, **style)


def _mark(kind: int, x: float, y: float, colour: Color, size: float = 3.2) -> Any:
    """One of four shapes, so that readers differ without colour."""
    style = {"fillColor": colour, "strokeColor": None}
    match kind % 4:
        case 0:
            return Circle(x, y, size, **style)
        case 1:
            return Rect(x - size, y - size, 2 * size, 2 * size, **style)
        case 2:
            return Polygon([x, y + 1.2 * size, x + 1.2 * size, y - size, x - 1.2 * size, y - size], **style)
        case _:
            return Polygon(
                [x, y + 1.4 * size, x + 1.4 * size, y, x, y - 1.4 * size, x - 1.4 * size, y], **style
            )


def roc_figure(figures: Mapping[str, Any], size: float = 230) -> Drawing:
    """The model's curve with the band of its sensitivity, and the readers with their intervals."""
    left, bottom = 34.0, 30.0
    drawing = Drawing(size + left + 130, size + bottom + 8)

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * size, bottom + y * size

    for step in range(6):
        tick = step / 5
        drawing.add(Line(*at(tick, 0), *at(tick, 1), strokeColor=LINE, strokeWidth=0.5))
        drawing.add(Line(*at(0, tick), *at(1, tick), strokeColor=LINE, strokeWidth=0.5))
        drawing.add(_text(at(tick, 0)[0], bottom - 11, f"{tick:.1f}", textAnchor="middle"))
        drawing.add(_text(left - 5, at(0, tick)[1] - 3, f"{tick:.1f}", textAnchor="end"))
    drawing.add(_text(left + size / 2, 6, "1 − specificity", textAnchor="middle"))
    label = Group(_text(0, 0, "Sensitivity", textAnchor="middle"))
    label.rotate(90)
    turned = Group(label)
    turned.translate(9, bottom + size / 2)
    drawing.add(turned)
    curve = figures["curve"]
    if curve and curve["fpr"]:
        band = [(x, low, high) for x, low, high in curve["band"] if low is not None]
        if len(band) > 1:
            outline = [at(x, high) for x, _, high in band] + [at(x, low) for x, low, _ in reversed(band)]
            shade = Color(MODEL.red, MODEL.green, MODEL.blue, alpha=0.13)
            drawing.add(Polygon([c for p in outline for c in p], fillColor=shade, strokeColor=None))
        points = [at(x, y) for x, y in zip(curve["fpr"], curve["tpr"], strict=True)]
        drawing.add(PolyLine([c for p in points for c in p], strokeColor=MODEL, strokeWidth=1.4))
    rows = [(row["code"], row, k, READERS) for k, row in enumerate(figures["readers"])]
    if figures["model"]:
        rows.append((figures["model"]["code"], figures["model"], 0, MODEL))
    legend = bottom + size - 10
    for code, row, shape, colour in rows:
        sensitivity, specificity = row["sensitivity"], row["specificity"]
        if sensitivity["value"] is None or specificity["value"] is None:
            continue
        x, y = 1 - specificity["value"], sensitivity["value"]
        if specificity["low"] is not None:
            drawing.add(
                Line(*at(1 - specificity["high"], y), *at(1 - specificity["low"], y), strokeColor=colour,
                     strokeWidth=0.5)
            )  # fmt: skip
        if sensitivity["low"] is not None:
            drawing.add(
                Line(*at(x, sensitivity["low"]), *at(x, sensitivity["high"]), strokeColor=colour,
                     strokeWidth=0.5)
            )  # fmt: skip
        drawing.add(_mark(shape, *at(x, y), colour))
        drawing.add(_mark(shape, left + size + 14, legend + 3, colour))
        drawing.add(_text(left + size + 22, legend, code, fillColor=INK))
        legend -= 14
    if curve and curve["auc"]["value"] is not None:
        drawing.add(
            _text(left + size + 10, legend - 6, f"Model: AUC {wording.number(curve['auc']['value'])}",
                  fillColor=MODEL, fontName=BOLD)
        )  # fmt: skip
        drawing.add(_text(left + size + 10, legend - 17, wording.interval(curve["auc"], 3), fillColor=MODEL))
    return drawing


def intervals_figure(
    rows: Sequence[tuple[str, Mapping[str, Any], Color]],
    *,
    low: float,
    high: float,
    margin: float | None = None,
    digits: int = 2,
    width: float = 500,
) -> Drawing:
    """Estimates with whiskers on one axis; the side beyond the margin is shaded."""
    row_height, left, right, bottom = 18.0, 215.0, 140.0, 20.0
    span = width - left - right
    drawing = Drawing(width, bottom + row_height * len(rows) + 6)
    top = bottom + row_height * len(rows)

    def at(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * span

    if margin is not None:
        drawing.add(Rect(left, bottom, at(-margin) - left, top - bottom, fillColor=SHADE, strokeColor=None))
        drawing.add(Line(at(-margin), bottom, at(-margin), top, strokeColor=LAMP, strokeDashArray=[3, 2]))
        drawing.add(Line(at(0), bottom, at(0), top, strokeColor=INK, strokeWidth=0.7))
    for step in range(5):
        value = low + (high - low) * step / 4
        drawing.add(Line(at(value), bottom, at(value), bottom - 3, strokeColor=QUIET, strokeWidth=0.5))
        drawing.add(_text(at(value), 6, wording.number(value, 2), textAnchor="middle"))
    for place, (label, estimate, colour) in enumerate(rows):
        y = top - row_height * (place + 0.5)
        drawing.add(_text(0, y - 3, label, fillColor=INK))
        words = wording.estimate(estimate, digits, with_sign=margin is not None)
        if estimate["value"] is None:
            drawing.add(_text(left, y - 3, words["words"]))
            continue
        if estimate["low"] is not None:
            drawing.add(Line(at(estimate["low"]), y, at(estimate["high"]), y, strokeColor=colour))
        drawing.add(_mark(1, at(estimate["value"]), y, colour, 2.6))
        drawing.add(_text(width - right + 10, y - 3, words["words"], fillColor=INK))
    return drawing


def confusion_pair(matrices: Sequence[tuple[Mapping[str, Any], str]], cut: int) -> Drawing:
    """Several confusion matrices side by side."""
    drawings = [confusion_figure(matrix, cut, title) for matrix, title in matrices]
    together = Drawing(sum(each.width + 20 for each in drawings), max(each.height for each in drawings))
    x = 0.0
    for each in drawings:
        group = Group(*each.contents)
        group.translate(x, 0)
        together.add(group)
        x += each.width + 20
    return together


def confusion_figure(matrix: Mapping[str, Any], cut: int, title: str, cell: float = 34) -> Drawing:
    """A confusion matrix: shade is the share of the reference row, the lines mark the cut."""
    table = matrix["table"]
    n = len(table)
    left, bottom = 34.0, 18.0
    drawing = Drawing(left + n * cell + 60, bottom + n * cell + 30)
    top = bottom + n * cell
    drawing.add(_text(left, top + 18, title, fillColor=INK, fontName=BOLD))
    for k in range(n):
        drawing.add(_text(left + (k + 0.5) * cell, top + 4, str(k), textAnchor="middle"))
        drawing.add(_text(left - 8, top - (k + 0.5) * cell - 3, str(k), textAnchor="end"))
    for reference, row in enumerate(table):
        total = sum(row)
        for given, count in enumerate(row):
            share = count / total if total else 0.0
            step = 4 if share >= 0.6 else 3 if share >= 0.45 else 2 if share >= 0.25 else int(share >= 0.08)
            x, y = left + given * cell, top - (reference + 1) * cell
            drawing.add(Rect(x, y, cell - 1, cell - 1, fillColor=GRADES[step], strokeColor=None))
            ink = HexColor("#FFFFFF") if step >= 3 else INK
            drawing.add(
                _text(x + cell / 2, y + cell / 2 + 1, wording.count(count), textAnchor="middle", fontName=BOLD,
                      fillColor=ink)
            )  # fmt: skip
            if total:
                drawing.add(
                    _text(x + cell / 2, y + cell / 2 - 9, wording.percent(share), textAnchor="middle",
                          fontSize=7, fillColor=ink)
                )  # fmt: skip
        drawing.add(_text(left + n * cell + 6, top - (reference + 0.5) * cell - 3, wording.count(total)))
    at = left + cut * cell - 0.5
    drawing.add(Line(at, bottom, at, top, strokeColor=INK, strokeWidth=1.2))
    drawing.add(
        Line(
            left,
            top - cut * cell + 0.5,
            left + n * cell,
            top - cut * cell + 0.5,
            strokeColor=INK,
            strokeWidth=1.2,
        )
    )
    drawing.add(_text(left + n * cell / 2, 4, "grade given", textAnchor="middle"))
    return drawing
