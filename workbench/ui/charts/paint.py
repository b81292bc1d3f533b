"""Paints shapes with Qt."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from workbench.report import svg
from workbench.ui.charts.figure import shape_of
from workbench.ui.charts.palette import colour
from workbench.ui.charts.shapes import Fill, Mark, Shape, Stroke, Words
from workbench.ui.theme import number_font
from workbench.ui.tokens import Tokens

CORNERS = svg.CORNERS


@lru_cache(maxsize=64)
def make_colour(name: str, opacity: float = 1.0) -> QColor:
    """Return a colour of "#RRGGBB"."""
    made = QColor(name)
    made.setAlphaF(opacity)
    return made


@lru_cache(maxsize=32)
def font(size: float, weight: int) -> QFont:
    """Return the chart font: figures of one width."""
    return number_font(round(size), QFont.Weight(weight))


@lru_cache(maxsize=32)
def _metrics(size: float, weight: int) -> QFontMetricsF:
    return QFontMetricsF(font(size, weight))


def measure(text: str, size: float, weight: int) -> float:
    """Return the width of a text in px."""
    return float(_metrics(size, weight).horizontalAdvance(text))


def paint(painter: QPainter, shapes: Iterable[Shape], tokens: Tokens) -> None:
    """Paint shapes in order; the painter's units are px."""
    painter.save()
    for shape in shapes:
        if isinstance(shape, Stroke):
            _stroke(painter, shape, tokens)
        elif isinstance(shape, Fill):
            _fill(painter, shape, tokens)
        elif isinstance(shape, Words):
            _words(painter, shape, tokens)
        else:
            _mark(painter, shape, tokens)
    painter.restore()


def _pen(name: str, tokens: Tokens, width: float, dash: str = "") -> QPen:
    pen = QPen(make_colour(colour(tokens, name)), width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if dash:
        pen.setDashPattern([float(part) / width for part in dash.split()])
    return pen


def _stroke(painter: QPainter, shape: Stroke, tokens: Tokens) -> None:
    straight = shape.x1 == shape.x2 or shape.y1 == shape.y2
    sharp = straight and shape.width <= 1
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not sharp)
    painter.setPen(_pen(shape.colour, tokens, shape.width, shape.dash))
    ends = (shape.x1, shape.y1, shape.x2, shape.y2)
    x1, y1, x2, y2 = (round(end) for end in ends) if sharp else ends
    painter.drawLine(QPointF(x1, y1), QPointF(x2, y2))


def _fill(painter: QPainter, shape: Fill, tokens: Tokens) -> None:
    box = QRectF(shape.box.x, shape.box.y, shape.box.width, shape.box.height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, shape.radius > 0)
    painter.setPen(_pen(shape.outline, tokens, 1, "4 3") if shape.outline else Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(make_colour(colour(tokens, shape.colour), shape.opacity)))
    if shape.radius and not shape.outline:
        painter.drawRoundedRect(box, shape.radius, shape.radius)
    else:
        painter.drawRect(box)


def _words(painter: QPainter, shape: Words, tokens: Tokens) -> None:
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing, True)
    painter.setFont(font(shape.size, shape.weight))
    painter.setPen(make_colour(colour(tokens, shape.colour)))
    width = measure(shape.text, shape.size, shape.weight)
    shift = {"start": 0.0, "middle": width / 2, "end": width}[shape.anchor]
    painter.drawText(QPointF(round(shape.x - shift), round(shape.y)), shape.text)


def _mark(painter: QPainter, shape: Mark, tokens: Tokens) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(make_colour(tokens.surface), 1.5))
    painter.setBrush(QBrush(make_colour(colour(tokens, f"series{shape.series % 6}"))))
    centre, number = QPointF(shape.x, shape.y), shape_of(shape.series)
    if number == 0:
        painter.drawEllipse(centre, shape.radius, shape.radius)
        return
    corners = [centre + QPointF(dx * shape.radius, dy * shape.radius) for dx, dy in CORNERS[number]]
    painter.drawPolygon(QPolygonF(corners))
