"""What a pointer or the arrow keys read out of a figure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.report import numbers
from workbench.report.labels import Box
from workbench.ui.charts.figure import Bar, Figure, Line, Point
from workbench.ui.charts.shapes import BOLD, NORMAL, Fill, Frame, Mark, Measure, Shape, Stroke, Words

REACH = 32.0
PANEL_PAD, PANEL_LINE = 10.0, 18.0
NAME_LIMIT, HEADING_LIMIT = 44, 60


@dataclass(frozen=True)
class Row:
    """One line of the readout: the series it belongs to (None: no marker), its name, what is read."""

    series: int | None
    name: str
    text: str


@dataclass(frozen=True)
class Reading:
    """What is read out at one place.

    Attributes:
        x, y: pixels it belongs to; index: number of the point or bar, -1 for a column.
        heading: first line; rows: one per series. marks: markers on curves.
    """

    x: float
    y: float
    index: int
    heading: str
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...] = ()
    ring: Box | None = None

    @property
    def text(self) -> str:
        """The readout in one line, for a screen reader."""
        rows = "; ".join(f"{row.name}: {row.text}" if row.name else row.text for row in self.rows)
        return f"{self.heading}: {rows}" if self.heading else rows

    def shapes(self, frame: Frame) -> list[Shape]:
        """Return what marks the place: a vertical line with markers, or a frame around a bar."""
        if self.ring is not None:
            return [Fill(self.ring, "accent", 0.12, 4.0)]
        box = frame.box
        return [Stroke(self.x, box.y, self.x, box.y + box.height, "muted", 1, "2 3"), *self.marks]

    @staticmethod
    def of(figure: Figure, frame: Frame, index: int) -> Reading:
        """Return the readout of the point or bar with a number."""
        points = len(figure.points)
        if index < points:
            return _point(figure, frame, figure.points[index], index)
        return _bar(figure, frame, figure.bars[index - points], index)


def nearest(figure: Figure, frame: Frame, x: float, y: float) -> Reading | None:
    """Return the readout of the point or bar at a pixel, None where none is near."""
    best, found = REACH, None
    for index, point in enumerate(figure.points):
        away = math.hypot(frame.x(figure.x.unit(point.x)) - x, frame.y(figure.y.unit(point.y)) - y)
        if away < best:
            best, found = away, index
    row = frame.box.height / (frame.y_view[1] - frame.y_view[0])
    for index, bar in enumerate(figure.bars, len(figure.points)):
        if abs(frame.y(bar.y) - y) <= max(bar.height * row / 2 + 1, 4.0):
            found = index
    return None if found is None else Reading.of(figure, frame, found)


def read_column(figure: Figure, frame: Frame, x: float) -> Reading | None:
    """Return what every curve shows at a pixel column, in the order of the curves; None where there is nothing."""
    left, right = frame.x_view
    unit = left + (x - frame.box.x) / frame.box.width * (right - left)
    value = figure.x.value(unit)
    found = [(line, index) for line in figure.lines if (index := line.index_at(value)) is not None]
    found = [(line, index) for line, index in found if math.isfinite(float(line.y[index]))]
    if not found:
        return None
    rows = tuple(Row(line.series, line.name, line.read(index)) for line, index in found)
    marks = tuple(mark for line, index in found if (mark := _mark(figure, frame, line, index)) is not None)
    return Reading(x, frame.box.y, -1, figure.x.text(value), rows, marks)


def _mark(figure: Figure, frame: Frame, line: Line, index: int) -> Mark | None:
    x, y = frame.x(figure.x.unit(float(line.x[index]))), frame.y(figure.y.unit(float(line.y[index])))
    return Mark(x, y, line.series, 4.5) if frame.holds(x, y) else None


def _point(figure: Figure, frame: Frame, point: Point, index: int) -> Reading:
    x, y = frame.x(figure.x.unit(point.x)), frame.y(figure.y.unit(point.y))
    ring = Box(x - 13, y - 13, 26, 26)
    return Reading(x, y, index, point.name, (Row(point.series, "", point.read),), ring=ring)


def _bar(figure: Figure, frame: Frame, bar: Bar, index: int) -> Reading:
    row = frame.box.height / (frame.y_view[1] - frame.y_view[0])
    y, half = frame.y(bar.y), bar.height * row / 2 + 2
    end = frame.box.x if bar.value is None else frame.clamp_x(frame.x(figure.x.unit(bar.value)))
    ring = Box(frame.box.x, y - half, frame.box.width, 2 * half)
    return Reading(end, y, index, bar.name, (Row(bar.series, "", bar.read),), ring=ring)


def readout(reading: Reading, width: float, height: float, measure: Measure) -> list[Shape]:
    """Return a small panel with what is read, beside its place and inside a drawing of this size."""
    indent = 16.0 if any(row.series is not None for row in reading.rows) else 0.0
    rows = [Row(row.series, numbers.shorten(row.name, NAME_LIMIT), row.text) for row in reading.rows]
    heading = numbers.shorten(reading.heading, HEADING_LIMIT)
    names = max(measure(row.name, NORMAL, 400) for row in rows)
    names += 14.0 if names else 0.0
    across = max(measure(row.text, NORMAL, BOLD) for row in reading.rows) + indent + names
    across = max(across, measure(heading, NORMAL, BOLD)) + 2 * PANEL_PAD
    down = (len(reading.rows) + 1) * PANEL_LINE + 2 * PANEL_PAD - 4
    left = reading.x + 14 if reading.x + 14 + across < width else reading.x - 14 - across
    left, top = max(left, 1.0), min(max(reading.y + 10, 1.0), max(height - down - 1, 1.0))
    made: list[Shape] = [
        Fill(Box(left - 1, top - 1, across + 2, down + 2), "strong_border", 1.0, 7.0),
        Fill(Box(left, top, across, down), "surface", 1.0, 6.0),
    ]
    left, y = left + PANEL_PAD, top + PANEL_PAD + 10
    made.append(Words(left, y, heading, "text", NORMAL, weight=BOLD))
    for row in rows:
        y += PANEL_LINE
        made += [Mark(left + 5, y - 4, row.series, 4.5)] if row.series is not None else []
        made.append(Words(left + indent, y, row.name, "muted", NORMAL))
        made.append(Words(left + indent + names, y, row.text, "text", NORMAL, weight=BOLD if row.name else 400))
    return made


def focus_ring(width: float, height: float) -> list[Shape]:
    """Return the lines that show the keyboard's focus."""
    right, bottom = width - 1, height - 1
    sides = ((0, 0, right, 0), (0, bottom, right, bottom), (0, 0, 0, bottom), (right, 0, right, bottom))
    return [Stroke(x1, y1, x2, y2, "accent") for x1, y1, x2, y2 in sides]
