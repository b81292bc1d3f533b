"""Ticks, grid and titles of both axes as shapes: no two tick texts overlap, none leaves the drawing."""

from __future__ import annotations

import itertools
import math

from workbench.report import numbers, svg
from workbench.report.labels import Box
from workbench.ui.charts.figure import Axis, Figure
from workbench.ui.charts.shapes import NORMAL, SMALL, Drawing, Fill, Frame, Margins, Measure, Stroke, Words

TICK_GAP = 14.0
TOP, BOTTOM, RIGHT = 26.0, 44.0, 18.0
MAX_NAME = 280.0


def ticks_of(axis: Axis, view: tuple[float, float], length: float, measure: Measure | None) -> list[tuple[float, str]]:
    """Return (linear unit, text) of each tick in a view; as many as fit without touching.

    Args:
        length: of the axis in px.
        measure: widths of texts beside each other; None: texts stand above each other.
    """
    for most in range(8, 1, -1):
        found = [(axis.unit(value), value) for value in _values(axis, view, most)]
        found = [(unit, value) for unit, value in found if view[0] - 1e-9 <= unit <= view[1] + 1e-9]
        texts = _texts([value for _, value in found], axis)
        made = [(unit, text) for (unit, _), text in zip(found, texts, strict=True)]
        if _fits(made, view, length, measure):
            return made
    return made[:1]


def _values(axis: Axis, view: tuple[float, float], most: int) -> list[float]:
    if axis.ticks and view[1] - view[0] > 0.6 * (axis.unit(axis.high) - axis.unit(axis.low)):
        return list(axis.ticks)
    low, high = axis.value(view[0]), axis.value(view[1])
    return svg.log_ticks(low, high, most) if axis.log else svg.linear_ticks(low, high, most)


def _texts(values: list[float], axis: Axis) -> list[str]:
    """Return texts of equal decimals, as few as tell each value exactly; on a log axis each has its own."""
    if axis.log:
        small = any(value < 1e-3 * (1 - 1e-9) for value in values)
        return [_power(value) if small else _exact(value) for value in values]
    gap = min((abs(b - a) for a, b in itertools.pairwise(values)), default=1.0)
    digits = next((d for d in range(7) if all(abs(v - round(v, d)) <= 1e-6 * gap for v in values)), 7)
    return [numbers.number(value, digits, signed=axis.signed) for value in values]


def _power(value: float) -> str:
    exponent = math.floor(math.log10(value) + 1e-9)
    return f"{_exact(value / 10.0**exponent)}e{numbers.number(exponent)}"


def _exact(value: float) -> str:
    digits = next((d for d in range(1, 6) if math.isclose(value, float(f"{value:.{d - 1}e}"), rel_tol=1e-9)), 6)
    return numbers.significant(value, digits)


def _fits(made: list[tuple[float, str]], view: tuple[float, float], length: float, measure: Measure | None) -> bool:
    at = [(unit - view[0]) / (view[1] - view[0]) * length for unit, _ in made]
    halves = [(1.3 * SMALL if measure is None else measure(text, SMALL, 400)) / 2 for _, text in made]
    gap = 2.0 if measure is None else TICK_GAP
    pairs = zip(at[1:], at, halves[1:], halves, strict=False)
    return all(abs(right - left) >= a + b + gap for right, left, a, b in pairs)


def margins_of(figure: Figure, view: tuple[tuple[float, float], tuple[float, float]], height: float,
               measure: Measure, right: float) -> Margins:  # fmt: skip
    """Return the room that ticks, names and titles need; `right` is what the direct labels need there."""
    if figure.y.names:
        widths = [measure(text, NORMAL, 400) for _, text in figure.y.names]
        return Margins(min(max(widths, default=0.0), MAX_NAME) + 12, 8.0, max(right, RIGHT), BOTTOM)
    ticks = ticks_of(figure.y, view[1], height - TOP - BOTTOM, None)
    left = max([measure(text, SMALL, 400) for _, text in ticks], default=0.0) + 12
    return Margins(max(left, 30.0), TOP, max(right, RIGHT), BOTTOM)


def draw_axes(figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    """Add grid, ticks and titles."""
    box = frame.box
    right, bottom = box.x + box.width, box.y + box.height
    _draw_x(figure, frame, measure, drawing)
    if figure.y.names:
        _draw_names(figure, frame, measure, drawing)
        drawing.back.append(Stroke(box.x, box.y, box.x, bottom, "strong_border"))
    else:
        _draw_y(figure, frame, measure, drawing)
        drawing.front.append(Words(0, 12, figure.y.title))
        drawing.back.append(Stroke(box.x, bottom, right, bottom, "strong_border"))


def _draw_x(figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    box = frame.box
    right, bottom = box.x + box.width, box.y + box.height
    for unit, text in ticks_of(figure.x, frame.x_view, box.width, measure):
        x, half = frame.x(unit), measure(text, SMALL, 400) / 2
        drawing.back.append(Stroke(x, box.y, x, bottom, "grid"))
        drawing.back.append(Stroke(x, bottom, x, bottom + 4, "strong_border"))
        middle = max(x, half)
        drawing.front.append(Words(middle, bottom + 17, text, anchor="middle"))
        drawing.ticks.append((text, Box(middle - half, bottom + 6, 2 * half, 1.3 * SMALL)))
    drawing.front.append(Words(right, bottom + 37, figure.x.title, anchor="end"))


def _draw_y(figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    box = frame.box
    for unit, text in ticks_of(figure.y, frame.y_view, box.height, None):
        y, width = frame.y(unit), measure(text, SMALL, 400)
        drawing.back.append(Stroke(box.x, y, box.x + box.width, y, "grid"))
        drawing.front.append(Words(box.x - 8, y + 4, text, anchor="end"))
        drawing.ticks.append((text, Box(box.x - 8 - width, y - 7, width, 1.3 * SMALL)))


def _draw_names(figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    for unit, text in figure.y.names:
        y = frame.y(unit)
        width = measure(text, NORMAL, 400)
        drawing.front.append(Words(frame.box.x - 10, y + 4, text, anchor="end", size=NORMAL))
        drawing.ticks.append((text, Box(frame.box.x - 10 - width, y - 8, width, 1.3 * NORMAL)))
    for unit, text in figure.headings:
        y, width = frame.y(unit), measure(text, NORMAL, 600)
        drawing.front.append(Fill(Box(0, y - 9, width + 6, 18), "surface"))
        drawing.front.append(Words(0, y + 4, text, "text", NORMAL, weight=600))
