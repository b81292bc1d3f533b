"""A figure as SVG and CSV. The SVG is made of the same shapes as the picture on screen, by the report's own writer."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from workbench.report import svg
from workbench.report.labels import Box, text_width
from workbench.ui.charts.drawing import View, draw, frame_of
from workbench.ui.charts.figure import Figure, Line, shape_of
from workbench.ui.charts.palette import colour
from workbench.ui.charts.shapes import Fill, Frame, Mark, Measure, Shape, Stroke, Words, envelope
from workbench.ui.tokens import LIGHT, Tokens

PAD, TITLE_BASE, LINE = 16.0, 24.0, 17.0
Spot = tuple[float, float]


def to_svg(figure: Figure, width: float, height: float, tokens: Tokens = LIGHT, view: View | None = None) -> str:
    """Return the figure with its title as one SVG drawing.

    Args:
        width, height: of the chart without title and padding, in px.
        view: what to show, in linear units; everything by default.
    """
    frame = frame_of(figure, view or figure.view, width, height, text_measure)
    drawing = draw(figure, frame, text_measure)
    lines = wrapped(figure.subtitle, width, text_measure)
    head = head_height(lines)
    parts = [svg.rect(0, 0, width + 2 * PAD, height + head + PAD, tokens.surface)]
    parts += [svg.text(PAD, TITLE_BASE, figure.title, tokens.text, 15, weight=600)]
    parts += [svg.text(PAD, TITLE_BASE + LINE * number, line, tokens.muted, 12) for number, line in enumerate(lines, 1)]
    inner = [_shape(shape, tokens) for shape in drawing.back]
    inner += [_curve(line, figure, frame, tokens) for line in figure.lines]
    inner += [_shape(shape, tokens) for shape in drawing.front]
    parts += [f'<g transform="translate({PAD:g},{head:g})">', *inner, "</g>"]
    return svg.document(width + 2 * PAD, height + head + PAD, parts, figure.summary)


def wrapped(text: str, width: float, measure: Measure) -> list[str]:
    """Return a text of 12 px as lines no longer than `width`, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer, 12, 400) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def head_height(lines: Sequence[str]) -> float:
    """Return the height of title and subtitle above an exported chart, in px."""
    return TITLE_BASE + LINE * len(lines) + 14


def to_csv(figure: Figure) -> str:
    """Return the figures behind the chart as CSV: unrounded numbers, empty where there is none."""
    table = figure.table()
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in table.values)
    return stream.getvalue()


def text_measure(text: str, size: float, _weight: int) -> float:
    """Return the width of a text in a face that is not known, slightly too large."""
    return text_width(text, size)


def _shape(shape: Shape, tokens: Tokens) -> str:
    if isinstance(shape, Stroke):
        ends = (shape.x1, shape.y1, shape.x2, shape.y2)
        return svg.line(*ends, colour(tokens, shape.colour), shape.width, shape.dash)
    if isinstance(shape, Fill):
        return _fill(shape, tokens)
    if isinstance(shape, Words):
        fill = colour(tokens, shape.colour)
        return svg.text(shape.x, shape.y, shape.text, fill, shape.size, shape.anchor, shape.weight)
    return _mark(shape, tokens)


def _fill(shape: Fill, tokens: Tokens) -> str:
    box = shape.box
    body = svg.rect(box.x, box.y, box.width, box.height, colour(tokens, shape.colour), shape.radius, shape.opacity)
    return body + svg.outline(box, colour(tokens, shape.outline), "4 3") if shape.outline else body


def _mark(shape: Mark, tokens: Tokens) -> str:
    fill = colour(tokens, f"series{shape.series % 6}")
    return svg.marker(shape.x, shape.y, shape_of(shape.series), fill, tokens.surface, shape.radius)


def _curve(line: Line, figure: Figure, frame: Frame, tokens: Tokens) -> str:
    low, high = (figure.x.value(unit) for unit in frame.x_view)
    x, y = envelope(line.x, line.y, low, high, int(frame.box.width))
    xs, ys = figure.x.units(x), figure.y.units(y)
    spots = [(frame.x(across), frame.y(up)) for across, up in zip(xs.tolist(), ys.tolist(), strict=True)]
    path, last = [], None
    for start, end in pairwise(spots):
        piece = clipped(start, end, frame.box)
        if piece is None:
            last = None
            continue
        path += [] if piece[0] == last else [f"M{piece[0][0]:.2f} {piece[0][1]:.2f}"]
        path.append(f"L{piece[1][0]:.2f} {piece[1][1]:.2f}")
        last = piece[1]
    dash = ";stroke-dasharray:6 4" if line.dashed else ""
    stroke = colour(tokens, f"series{line.series % 6}")
    return f'<path d="{"".join(path)}" style="fill:none;stroke:{stroke};stroke-width:1.2{dash}"/>'


def clipped(start: Spot, end: Spot, box: Box) -> tuple[Spot, Spot] | None:
    """Return the part of a straight line inside a box, None where there is none or an end is not finite.

    Method: Liang and Barsky, ACM Transactions on Graphics 3 (1984).
    """
    across, down = end[0] - start[0], end[1] - start[1]
    if not np.isfinite(across + down):
        return None
    first, last = 0.0, 1.0
    sides = (
        (-across, start[0] - box.x),
        (across, box.x + box.width - start[0]),
        (-down, start[1] - box.y),
        (down, box.y + box.height - start[1]),
    )
    for toward, room in sides:
        if toward == 0 and room < 0:
            return None
        if toward < 0:
            first = max(first, room / toward)
        elif toward > 0:
            last = min(last, room / toward)
    if first > last:
        return None
    ends = [(start[0] + share * across, start[1] + share * down) for share in (first, last)]
    return (start if first == 0 else ends[0], end if last == 1 else ends[1])
