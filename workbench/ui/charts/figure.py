"""A figure as plain data: axes, marks, words, table. The widget draws it, the SVG writer draws it, tests read it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.report import numbers

Values = npt.NDArray[np.float64]
Pair = tuple[float, float]
SHAPES = 6
Direction = Literal["x", "y"]


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        title: what it shows, with its unit, such as "sustained samples per second (log)".
        low, high: values shown at first; on a log axis both are above 0.
        signed: ticks carry a plus sign.
        names: positions that carry words instead of figures (bars), top to bottom.
        ticks: fixed positions of ticks where round values would not do; text: how a value is written in the readout.
    """

    title: str
    low: float
    high: float
    log: bool = False
    signed: bool = False
    names: tuple[tuple[float, str], ...] = ()
    ticks: tuple[float, ...] = ()
    text: Callable[[float], str] = numbers.significant

    def unit(self, value: float) -> float:
        """Return a value in the units the axis is linear in: its decimal logarithm on a log axis."""
        return math.log10(value) if self.log else value

    def value(self, unit: float) -> float:
        """Return the value of a linear unit."""
        return 10.0**unit if self.log else unit

    def units(self, values: Values) -> Values:
        """Return many values in linear units."""
        return np.log10(values) if self.log else values


@dataclass(frozen=True, eq=False)
class Line:
    """A curve; NaN in `y` breaks it.

    Attributes:
        x, y: float64 [n]; x ascends.
        series: number of colour and shape. dashed: a float run.
        label: direct label at its end, "" for none; name: full name for the readout.
        read: text of the readout from an index of the points.
        dots: draw a marker at every point, for curves of a few points.
        steps: readout takes the last point at or before the pointer instead of the nearest one.
    """

    x: Values
    y: Values
    series: int
    name: str
    label: str
    read: Callable[[int], str]
    dashed: bool = False
    dots: bool = False
    steps: bool = False

    def index_at(self, x: float) -> int | None:
        """Return the index of the point that the readout shows at `x`, None outside the curve."""
        if not self.x.size or x < self.x[0] - self._reach or x > self.x[-1] + self._reach:
            return None
        after = int(np.searchsorted(self.x, x, side="right"))
        if self.steps:
            return max(after - 1, 0)
        near = [i for i in (after - 1, after) if 0 <= i < self.x.size]
        return min(near, key=lambda i: abs(float(self.x[i]) - x))

    @property
    def _reach(self) -> float:
        return 0.0 if self.x.size < 2 else 2 * float(self.x[-1] - self.x[0]) / (self.x.size - 1)


@dataclass(frozen=True)
class Point:
    """A marker with both intervals; `label` stands beside it ("" for none), `read` in the readout."""

    x: float
    y: float
    x_pair: Pair
    y_pair: Pair
    series: int
    name: str
    label: str
    read: str


@dataclass(frozen=True)
class Bar:
    """A horizontal bar from the axis to `value`, at row `y`, 0.5 high in rows unless told.

    Attributes:
        value: its length, or None: nothing but `text` stands there.
        pair: whisker, or None. text: words at its end. strong: full colour, else light; dashed: outlined (float).
    """

    y: float
    value: float | None
    series: int
    name: str
    text: str
    read: str
    height: float = 0.5
    pair: Pair | None = None
    strong: bool = True
    dashed: bool = False


@dataclass(frozen=True)
class Band:
    """A shaded stretch along one axis; `kind` names its colour; the longest words that fit stand at its start."""

    along: Direction
    low: float
    high: float
    kind: Literal["gate", "warm_up"]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A straight line across the chart at a value of one axis, with words on it, or right of the area (`beside`)."""

    along: Direction
    at: float
    words: str = ""
    strong: bool = False
    dashed: bool = True
    beside: bool = False


@dataclass(frozen=True)
class Table:
    """The figures behind a chart: headings with units, rows as text for people and as values for CSV."""

    columns: tuple[str, ...]
    texts: Sequence[tuple[str, ...]]
    values: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Figure:
    """One chart.

    Attributes:
        key: file name of exports. title, subtitle: above it. summary: what it says, for people who cannot see it.
        hover: "nearest" marks one point or bar, "column" reads every curve at the pointer.
        headings: words at rows between bars, over the names. rows: height that bars need, in rows; 0 for other charts.
        table: made on demand.
    """

    key: str
    title: str
    subtitle: str
    summary: str
    x: Axis
    y: Axis
    hover: Literal["nearest", "column"]
    table: Callable[[], Table]
    lines: tuple[Line, ...] = ()
    points: tuple[Point, ...] = ()
    bars: tuple[Bar, ...] = ()
    bands: tuple[Band, ...] = ()
    rules: tuple[Rule, ...] = ()
    headings: tuple[tuple[float, str], ...] = ()
    rows: int = 0

    @property
    def view(self) -> tuple[Pair, Pair]:
        """The stretch shown at first, in linear units: (x low, x high), (y low, y high)."""
        return tuple((axis.unit(axis.low), axis.unit(axis.high)) for axis in (self.x, self.y))  # type: ignore[return-value]


def shape_of(series: int) -> int:
    """Return the marker shape of a series, 0..5; with `colour_of` 36 series are told apart."""
    return (series + series // SHAPES) % SHAPES


def colour_of(series: int) -> int:
    """Return the number of a series' colour, 0..5."""
    return series % SHAPES
