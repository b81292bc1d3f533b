"""Small figures for the tests of charts."""

from __future__ import annotations

import numpy as np

from workbench.report.labels import Box
from workbench.ui.charts.figure import Axis, Bar, Figure, Line, Point, Rule, Table

TABLE = Table(("Run", "Rate (per s)"), [("A", "1,000"), ("B", "2,000")], [("A", 1000.5), ("B", 2000.25)])


def measure(text: str, size: float, _weight: int) -> float:
    """A face whose letters are all as wide."""
    return 0.6 * size * len(text)


def curve(series: int, level: float, *, count: int = 50, name: str = "", **more: object) -> Line:
    """A wavy curve over x = 0..10 around a level."""
    x = np.linspace(0.0, 10.0, count)
    y = level + np.sin(x)
    name = name or f"run {series}"
    return Line(x, y, series, name, name, read=lambda index: f"{y[index]:.2f}", **more)  # type: ignore[arg-type]


def curves(*lines: Line) -> Figure:
    """A figure of curves, y from 0 to 100."""
    y = Axis("rate", 0.0, 100.0)
    x = Axis("time in s", 0.0, 10.0, text=lambda value: f"{value:.1f} s")
    return Figure("curves", "Curves", "Two of them.", "What it says.", x, y, "column", lambda: TABLE, lines=lines)


def point(series: int, x: float, y: float, name: str = "") -> Point:
    """A point with intervals of 5 % and 0.3 points."""
    name = name or f"Runtime {series}"
    return Point(x, y, (0.95 * x, 1.05 * x), (y - 0.3, y + 0.3), series, name, name, f"{y} at {x}")


def points(*found: Point) -> Figure:
    """A scatter with a zero line and a gate."""
    rules = (Rule("y", 0.0, "FP32 reference", strong=True), Rule("y", -1.0, "gate: a drop of at most 1 point"))
    x, y = Axis("rate (log)", 100.0, 10_000.0, log=True), Axis("change", -2.0, 1.0, signed=True)
    return Figure("points", "Points", "", "Said.", x, y, "nearest", lambda: TABLE, points=found, rules=rules)


def bars(*values: float | None) -> Figure:
    """Bars of these lengths, one per row."""
    made = tuple(
        Bar(-float(row), value, row, f"bar {row}", "nothing" if value is None else f"{value:g}", f"read {row}")
        for row, value in enumerate(values)
    )
    names = tuple((-float(row), f"row {row}") for row in range(len(values)))
    y = Axis("", -(len(values) - 0.5), 0.5, names=names)
    return Figure("bars", "Bars", "", "Said.", Axis("length", 0.0, 100.0), y, "nearest", lambda: TABLE, bars=made,
                  rows=len(values))  # fmt: skip


def overlaps(boxes: list[tuple[str, Box]]) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other by more than a px."""
    return [
        (first, second) for i, (first, one) in enumerate(boxes) for second, two in boxes[:i] if one.overlap(two) > 1.0
    ]
