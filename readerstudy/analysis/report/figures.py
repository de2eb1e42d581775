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


class _Square:
    """A square plot of two shares, with room for a legend on its right."""

    left, bottom = 34.0, 30.0

    def __init__(self, size: float, across: str, up: str) -> None:
        self.size = size
        self.drawing = Drawing(size + self.left + 130, size + self.bottom + 8)
        self._legend = self.bottom + size - 10
        for step in range(6):
            tick = step / 5
            self.drawing.add(Line(*self.at(tick, 0), *self.at(tick, 1), strokeColor=LINE, strokeWidth=0.5))
            self.drawing.add(Line(*self.at(0, tick), *self.at(1, tick), strokeColor=LINE, strokeWidth=0.5))
            number = f"{tick:.1f}"
            self.drawing.add(_text(self.at(tick, 0)[0], self.bottom - 11, number, textAnchor="middle"))
            self.drawing.add(_text(self.left - 5, self.at(0, tick)[1] - 3, number, textAnchor="end"))
        self.drawing.add(_text(self.left + size / 2, 6, across, textAnchor="middle"))
        label = Group(_text(0, 0, up, textAnchor="middle"))
        label.rotate(90)
        turned = Group(label)
        turned.translate(9, self.bottom + size / 2)
        self.drawing.add(turned)

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * self.size, self.bottom + y * self.size

    def curve(self, xs: Sequence[float], ys: Sequence[float], colour: Color, **style: Any) -> None:
        points = [self.at(x, y) for x, y in zip(xs, ys, strict=True)]
        if len(points) > 1:
            style.setdefault("strokeWidth", 1.4)
            self.drawing.add(PolyLine([c for p in points for c in p], strokeColor=colour, **style))

    def cross(
        self, across: tuple[float, Any, Any], up: tuple[float, Any, Any], shape: int, colour: Color
    ) -> None:
        """A point with its intervals along both axes; a limit that is None draws nothing."""
        x, x_low, x_high = across
        y, y_low, y_high = up
        if x_low is not None:
            line = Line(*self.at(x_low, y), *self.at(x_high, y), strokeColor=colour, strokeWidth=0.5)
            self.drawing.add(line)
        if y_low is not None:
            line = Line(*self.at(x, y_low), *self.at(x, y_high), strokeColor=colour, strokeWidth=0.5)
            self.drawing.add(line)
        self.drawing.add(_mark(shape, *self.at(x, y), colour))

    def entry(self, text: str, shape: int, colour: Color) -> None:
        """One line of the legend."""
        self.drawing.add(_mark(shape, self.left + self.size + 14, self._legend + 3, colour))
        self.drawing.add(_text(self.left + self.size + 22, self._legend, text, fillColor=INK))
        self._legend -= 14

    def remark(self, *lines: str) -> None:
        """Lines below the legend in the model's colour, the first in bold."""
        for place, line in enumerate(lines):
            y = self._legend - 6 - 11 * place
            font = {} if place else {"fontName": BOLD}
            self.drawing.add(_text(self.left + self.size + 10, y, line, fillColor=MODEL, **font))
        self._legend -= 6 + 11 * len(lines)


def _people(figures: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], int, Color]]:
    rows = [(row, k, READERS) for k, row in enumerate(figures["readers"])]
    return [*rows, (figures["model"], 0, MODEL)] if figures["model"] else rows


def roc_figure(figures: Mapping[str, Any], size: float = 230) -> Drawing:
    """The model's curve with the band of its sensitivity, and the readers with their intervals."""
    plot = _Square(size, "1 − specificity", "Sensitivity")
    curve = figures["curve"]
    if curve and curve["fpr"]:
        band = [(x, low, high) for x, low, high in curve["band"] if low is not None]
        if len(band) > 1:
            outline = [plot.at(x, high) for x, _, high in band]
            outline += [plot.at(x, low) for x, low, _ in reversed(band)]
            shade = Color(MODEL.red, MODEL.green, MODEL.blue, alpha=0.13)
            plot.drawing.add(Polygon([c for p in outline for c in p], fillColor=shade, strokeColor=None))
        plot.curve(curve["fpr"], curve["tpr"], MODEL)
    for row, shape, colour in _people(figures):
        sensitivity, specificity = row["sensitivity"], row["specificity"]
        if sensitivity["value"] is None or specificity["value"] is None:
            continue
        low, high = specificity["low"], specificity["high"]
        across = (
            1 - specificity["value"],
            None if low is None else 1 - high,
            None if low is None else 1 - low,
        )
        plot.cross(across, (sensitivity["value"], sensitivity["low"], sensitivity["high"]), shape, colour)
        plot.entry(row["code"], shape, colour)
    if curve and curve["auc"]["value"] is not None:
        plot.remark(f"Model: AUC {wording.number(curve['auc']['value'])}", wording.interval(curve["auc"], 3))
    return plot.drawing


def precision_recall_figure(figures: Mapping[str, Any], size: float = 230) -> Drawing | None:
    """The model's precision against its recall, and the readers with their intervals; None without a curve."""
    given = figures.get("precision_recall")
    if not given or len(given["recall"]) < 2:
        return None
    plot = _Square(size, "Recall (sensitivity)", "Precision (PPV)")
    plot.curve(given["recall"], given["precision"], MODEL)
    for row, shape, colour in _people(figures):
        recall, precision = row["sensitivity"], row["ppv"]
        if recall["value"] is None or precision["value"] is None:
            continue
        ends = [(each["value"], each["low"], each["high"]) for each in (recall, precision)]
        plot.cross(ends[0], ends[1], shape, colour)
        plot.entry(row["code"], shape, colour)
    return plot.drawing


def calibration_figure(figures: Mapping[str, Any], size: float = 200) -> Drawing | None:
    """Observed share against predicted probability with the diagonal; None without a model."""
    given = figures["calibration"]
    if not given or not given["bins"]:
        return None
    plot = _Square(size, "Predicted probability", "Observed share")
    plot.curve((0, 1), (0, 1), QUIET, strokeDashArray=[3, 2], strokeWidth=0.8)
    for each in given["bins"]:
        observed = each["observed"]
        if observed["value"] is not None:
            ends = (observed["value"], observed["low"], observed["high"])
            plot.cross((each["predicted"], None, None), ends, 1, MODEL)
    return plot.drawing


#: Colours and dashes by which the curves of several people differ, in grey print too.
_DASHES: tuple[list[int] | None, ...] = (None, [5, 2], [2, 2], [7, 2, 2, 2])


def free_response_figure(people: Sequence[Mapping[str, Any]], size: float = 230) -> Drawing | None:
    """FROC curves of readers and model in one condition; None where nobody has a curve."""
    shown = [row for row in people if len(row["curves"]["FROC"][0]) > 1]
    if not shown:
        return None
    most = max(max(row["curves"]["FROC"][0]) for row in shown) or 1.0
    plot = _Square(size, f"False marks per case, 1.0 = {wording.number(most, 2)}", "Share of lesions marked")
    for place, row in enumerate(shown):
        colour = MODEL if row["kind"] == "model" else READERS
        dash = _DASHES[place % len(_DASHES)]
        xs, ys = row["curves"]["FROC"]
        style = {"strokeDashArray": dash} if dash else {}
        plot.curve([x / most for x in xs], ys, colour, strokeWidth=1.1, **style)
        plot.drawing.add(_mark(place, *plot.at(xs[-1] / most, ys[-1]), colour))
        plot.entry(row["code"], place, colour)
    return plot.drawing


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
