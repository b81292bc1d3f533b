"""The path of a tuning: a simulated figure against the share of MACs that stay INT8."""

from __future__ import annotations

import numpy as np

from workbench.report import numbers
from workbench.ui.charts.figure import Axis, Band, Figure, Line, Pair, Point, Rule, Table
from workbench.ui.tune_words import ALL_INT8, TITLES, UNITS, WORD, figure_text, point_name, share_text
from workbench.ui.tuned import Estimate, FigureKey, Tuned

FEW_LABELS = 10
NAMES_SHOWN = 3
PATH_SERIES, CHOSEN_SERIES = 0, 1
TARGETS: dict[FigureKey, tuple[str, float]] = {
    "sqnr_db": ("sqnr_db", 1.0),
    "agreement": ("agreement", 100.0),
    "accuracy_change_points": ("max_drop_points", -1.0),
}
"""Name of the target that belongs to a figure, and its factor into the unit of the axis."""


def pareto_figure(found: Tuned, key: FigureKey) -> Figure | None:
    """Return the points with their intervals, joined by a line; None where fewer than one has the figure."""
    points = _points(found, key)
    if not points:
        return None
    limit = _limit(found, key)
    y = _y_axis(points, key, limit)
    return Figure(
        key="accuracy-against-int8-share",
        title=f"{TITLES[key]} against the share of MACs in INT8, {WORD}",
        subtitle="Up and right is better. Bars are 95 % intervals of the simulation, not a runtime's.",
        summary=f"{TITLES[key]}, {WORD}. {'; '.join(f'{p.name}: {p.read}' for p in points)}.",
        x=_x_axis(points),
        y=y,
        hover="nearest",
        table=lambda: _table(points, key),
        lines=(_line(points),),
        points=tuple(points),
        bands=(Band("y", limit, y.high, "gate"),) if limit is not None else (),
        rules=_rules(key, limit),
    )


def _points(found: Tuned, key: FigureKey) -> list[Point]:
    scale = 100.0 if key == "agreement" else 1.0
    made = []
    for place, point in enumerate(found.points):
        value = point.figures.get(key)
        if value is None or value.pair is None or point.share is None:
            continue
        x, is_chosen = 100.0 * point.share, place == found.chosen
        names = ", ".join(point.float_nodes[:NAMES_SHOWN])
        more = len(point.float_nodes) - NAMES_SHOWN
        name = f"{point_name(point)}: {names}" if names else ALL_INT8
        name = f"{name} and {numbers.number(more)} more" if more > 0 else name
        read = f"{figure_text(key, value)}, {share_text(point)} in INT8, {WORD}"
        series = CHOSEN_SERIES if is_chosen else PATH_SERIES
        made.append(Point(x, scale * value.value, (x, x), _scaled(value, scale), series, name,
                          _label(found, place), read))  # fmt: skip
    return made


def _scaled(value: Estimate, scale: float) -> Pair:
    assert value.pair is not None
    return scale * value.pair[0], scale * value.pair[1]


def _label(found: Tuned, place: int) -> str:
    """Return the words beside a point: of all where there are few, else of the ends and the chosen one."""
    name = point_name(found.points[place])
    if place == found.chosen:
        return f"{name}, chosen"
    is_end = place in (0, len(found.points) - 1)
    return name if is_end or len(found.points) <= FEW_LABELS else ""


def _line(points: list[Point]) -> Line:
    order = sorted(points, key=lambda point: point.x)
    x, y = (np.array(values) for values in ([p.x for p in order], [p.y for p in order]))
    return Line(x, y, PATH_SERIES, "path", "", read=lambda index: order[index].read)


def _limit(found: Tuned, key: FigureKey) -> float | None:
    name, factor = TARGETS[key]
    return factor * found.target[name] if name in found.target else None


def _rules(key: FigureKey, limit: float | None) -> tuple[Rule, ...]:
    zero = (Rule("y", 0.0, "FP32 reference", strong=True),) if key == "accuracy_change_points" else ()
    if limit is None:
        return zero
    value = f"{numbers.number(abs(limit), 0 if limit == round(limit) else 1)} {UNITS[key]}"
    value = value.removesuffix("s") if abs(limit) == 1 else value
    words = f"target: a drop of at most {value}" if key == "accuracy_change_points" else f"target: at least {value}"
    return (*zero, Rule("y", limit, words, dashed=False))


def _x_axis(points: list[Point]) -> Axis:
    low, high = min(p.x for p in points), max(p.x for p in points)
    room = max(0.12 * (high - low), 0.5)
    return Axis("share of MACs in INT8, %", low - room, high + room, text=lambda value: numbers.number(value, 1))


def _y_axis(points: list[Point], key: FigureKey, limit: float | None) -> Axis:
    extras = ([0.0] if key == "accuracy_change_points" else []) + ([limit] if limit is not None else [])
    bottom, top = min([p.y_pair[0] for p in points] + extras), max([p.y_pair[1] for p in points] + extras)
    room = max(0.14 * (top - bottom), 0.05)
    title = f"{TITLES[key]}, {UNITS[key]}, {WORD}"
    high = min(top + room, 100.5) if key == "agreement" else top + room
    return Axis(title, bottom - room, high, signed=key == "accuracy_change_points")


def _table(points: list[Point], key: FigureKey) -> Table:
    columns = ("Point", "INT8 (% of MACs)", f"{TITLES[key]} ({UNITS[key]}, {WORD})", "low", "high")
    values = [(p.name, p.x, p.y, *p.y_pair) for p in points]
    signed = key == "accuracy_change_points"
    texts = [(row[0], numbers.number(row[1], 1), *(numbers.number(cell, 2, signed=signed) for cell in row[2:]))
             for row in values]  # fmt: skip
    return Table(columns, texts, values)
