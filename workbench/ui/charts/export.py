"""A figure as SVG and CSV. The SVG is made of the same shapes as the picture on screen, by the report's own writer."""

from __future__ import annotations

import csv
import io

import numpy as np

from workbench.report import svg
from workbench.report.labels import Box, text_width
from workbench.ui.charts.drawing import View, draw, frame_of
from workbench.ui.charts.figure import Figure, Line, shape_of
from workbench.ui.charts.palette import colour
from workbench.ui.charts.shapes import Fill, Frame, Mark, Shape, Stroke, Words, envelope
from workbench.ui.tokens import LIGHT, Tokens

HEAD, PAD = 56.0, 16.0
CLIP = "area"


def to_svg(figure: Figure, width: float, height: float, tokens: Tokens = LIGHT, view: View | None = None) -> str:
    """Return the figure with its title as one SVG drawing.

    Args:
        width, height: of the chart without title and padding, in px.
        view: what to show, in linear units; everything by default.
    """
    frame = frame_of(figure, view or figure.view, width, height, text_measure)
    drawing = draw(figure, frame, text_measure)
    parts = [svg.rect(0, 0, width + 2 * PAD, height + HEAD + PAD, tokens.surface), _clip(frame.box)]
    parts += [svg.text(PAD, 24, figure.title, tokens.text, 15, weight=600)]
    parts += [svg.text(PAD, 42, figure.subtitle, tokens.muted, 12)]
    inner = [_shape(shape, tokens) for shape in drawing.back]
    inner.append(f'<g clip-path="url(#{CLIP})">')
    inner += [_curve(line, figure, frame, tokens) for line in figure.lines]
    inner.append("</g>")
    inner += [_shape(shape, tokens) for shape in drawing.front]
    parts += [f'<g transform="translate({PAD:g},{HEAD:g})">', *inner, "</g>"]
    return svg.document(width + 2 * PAD, height + HEAD + PAD, parts, figure.summary)


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


def _clip(box: Box) -> str:
    area = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
    return f'<clipPath id="{CLIP}"><rect {area}/></clipPath>'


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
    path, is_down = [], False
    for across, up in zip(xs.tolist(), ys.tolist(), strict=True):
        if not np.isfinite(up):
            is_down = False
            continue
        path.append(f"{'L' if is_down else 'M'}{frame.x(across):.2f} {frame.y(up):.2f}")
        is_down = True
    dash = ";stroke-dasharray:6 4" if line.dashed else ""
    stroke = colour(tokens, f"series{line.series % 6}")
    return f'<path d="{"".join(path)}" style="fill:none;stroke:{stroke};stroke-width:1.2{dash}"/>'
