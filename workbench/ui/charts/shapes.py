"""What a drawn figure consists of: a few shapes in pixels with named colours, the same for screen and SVG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from workbench.report.labels import Box
from workbench.ui.charts.figure import Pair, Values

Measure = Callable[[str, float, int], float]
"""Width in px of (text, size in px, weight)."""

SMALL, NORMAL = 11.0, 12.0
BOLD = 600


@dataclass(frozen=True)
class Stroke:
    """A straight line; `dash` as in SVG, "" for none."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    width: float = 1.0
    dash: str = ""


@dataclass(frozen=True)
class Fill:
    """A filled rectangle; `outline` names the colour of a dashed outline, "" for none."""

    box: Box
    colour: str
    opacity: float = 1.0
    radius: float = 0.0
    outline: str = ""


@dataclass(frozen=True)
class Words:
    """One line of text; y is its baseline."""

    x: float
    y: float
    text: str
    colour: str = "muted"
    size: float = SMALL
    anchor: str = "start"
    weight: int = 400


@dataclass(frozen=True)
class Mark:
    """A marker of a series."""

    x: float
    y: float
    series: int
    radius: float = 6.0


Shape = Stroke | Fill | Words | Mark


@dataclass(frozen=True)
class Frame:
    """Where the data area lies in the drawing, and which stretch of both axes it shows, in linear units."""

    box: Box
    x_view: Pair
    y_view: Pair

    def x(self, unit: float) -> float:
        """Return the pixel column of a linear unit of the x axis."""
        low, high = self.x_view
        return self.box.x + (unit - low) / (high - low) * self.box.width

    def y(self, unit: float) -> float:
        """Return the pixel row of a linear unit of the y axis."""
        low, high = self.y_view
        return self.box.y + self.box.height - (unit - low) / (high - low) * self.box.height

    def clamp_x(self, at: float) -> float:
        """Return a pixel column, moved to the border where it lies outside."""
        return min(max(at, self.box.x), self.box.x + self.box.width)

    def clamp_y(self, at: float) -> float:
        """Return a pixel row, moved to the border where it lies outside."""
        return min(max(at, self.box.y), self.box.y + self.box.height)

    def holds(self, x: float, y: float) -> bool:
        """Return whether a pixel lies in the data area."""
        return self.clamp_x(x) == x and self.clamp_y(y) == y


@dataclass
class Drawing:
    """Shapes behind and before the curves, and the boxes of all direct labels, which never overlap.

    Attributes:
        ticks: boxes of the axes' texts.
    """

    back: list[Shape] = field(default_factory=list)
    front: list[Shape] = field(default_factory=list)
    labels: list[tuple[str, Box]] = field(default_factory=list)
    ticks: list[tuple[str, Box]] = field(default_factory=list)


@dataclass(frozen=True)
class Margins:
    """Room around the data area, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def inside(self, width: float, height: float) -> Box:
        """Return the data area of a drawing."""
        across, down = width - self.left - self.right, height - self.top - self.bottom
        return Box(self.left, self.top, max(across, 10.0), max(down, 10.0))


def envelope(x: Values, y: Values, low: float, high: float, columns: int) -> tuple[Values, Values]:
    """Return the part of a curve between two x with at most about 2 * `columns` points.

    Where there are more, points are taken together in groups of equal number and each group leaves its lowest and
    highest y in the order they came in, so that no peak is lost. A point on either side keeps the line going to the
    border. x ascends.
    """
    first = max(int(np.searchsorted(x, low, side="left")) - 1, 0)
    last = min(int(np.searchsorted(x, high, side="right")) + 1, x.size)
    x, y = x[first:last], y[first:last]
    group = x.size // max(columns, 1)
    if group < 3:
        return x, y
    whole = x.size - x.size % group
    rows = np.arange(0, whole, group)
    blocks = y[:whole].reshape(-1, group)
    picked = np.sort(np.stack([rows + blocks.argmin(axis=1), rows + blocks.argmax(axis=1)], axis=1), axis=1).ravel()
    picked = np.concatenate([[0], picked, np.arange(whole, x.size), [x.size - 1]])
    return x[picked], y[picked]
