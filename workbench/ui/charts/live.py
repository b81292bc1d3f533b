"""Rates while a study measures: a point a second and cell, over the seconds of its own running."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbench.report import numbers
from workbench.ui.charts.figure import Figure, Line, Rule, Table
from workbench.ui.charts.throughput import rate_axis, round_rules, running_axis, warm_up_band
from workbench.ui.live_rates import LiveCell, LiveRates, Told

LABEL_LETTERS = 22
HEADROOM = 1.16
"""The names of the rounds stand above the curves."""
DOTS_UP_TO = 40
STEPS, LEAST_S = 10, 1.0
WARM_UP_S = 2.0
"""Room for the warm-up from the start on; it lasts at least that long."""


def live_figure(rates: LiveRates) -> Figure | None:
    """Return the chart of what was told so far, None before the first rate."""
    cells = rates.measured
    if not cells:
        return None
    lines = tuple(_line(cell) for cell in cells)
    start = min(-WARM_UP_S, *(float(line.x[0]) for line in lines))
    x = running_axis(start, _end_s(rates))
    return Figure(
        key="live-rates",
        title="Rates while measuring",
        subtitle=_subtitle(cells),
        summary=_summary(cells),
        x=x,
        y=rate_axis(lines, HEADROOM),
        hover="column",
        table=lambda: _table(cells),
        lines=lines,
        bands=(warm_up_band(x.low),),
        rules=_rounds(rates, x.high),
    )


def _line(cell: LiveCell) -> Line:
    """Return a cell's rates as one curve; the warm-up lies before 0 and is parted from the rest."""
    before_s = cell.warm_up[-1].end_s if cell.warm_up else 0.0
    points = [(_middle(told) - before_s, told.per_s) for told in cell.warm_up]
    if cell.warm_up and cell.blocks:
        points.append((0.0, math.nan))
    points += [(_middle(told), told.per_s) for told in cell.blocks]
    xs, ys = (np.asarray(values, dtype=np.float64) for values in zip(*points, strict=True))
    return Line(
        xs,
        ys,
        cell.series,
        cell.name,
        numbers.shorten(cell.name, LABEL_LETTERS),
        read=lambda index: f"{numbers.significant(float(ys[index]))} per s",
        dashed=cell.is_float,
        dots=len(points) <= DOTS_UP_TO,
    )


def _middle(told: Told) -> float:
    return told.start_s + told.seconds / 2


def _end_s(rates: LiveRates) -> float:
    """Return where the axis ends: it grows by tenths of the plan, so that curves fill it and it seldom moves."""
    told_s = max((cell.blocks[-1].end_s for cell in rates.measured if cell.blocks), default=0.0)
    step_s = rates.seconds / STEPS
    return max(told_s, step_s * math.ceil(told_s / step_s - 0.01)) if told_s and step_s else LEAST_S


def _rounds(rates: LiveRates, end_s: float) -> tuple[Rule, ...]:
    starts = [number * rates.seconds / rates.rounds for number in range(rates.rounds)]
    return round_rules([at for at in starts if at < end_s])


def _subtitle(cells: Sequence[LiveCell]) -> str:
    dashes = " Dashed: float." if any(cell.is_float for cell in cells) else ""
    return f"As it runs, one point a second; the Speed page has the figures of the finished study.{dashes}"


def _summary(cells: Sequence[LiveCell]) -> str:
    parts = []
    for cell in cells:
        last = cell.last
        assert last is not None
        stage = "warm-up" if last.block is None else f"round {last.block + 1}"
        parts.append(f"{cell.name}: {numbers.significant(last.per_s)} samples per second in the {stage}")
    return f"Rates while measuring. {'; '.join(parts)}."


def _table(cells: Sequence[LiveCell]) -> Table:
    columns = ("Run", "Round", "Time (s)", "Rate (samples/s)")
    values: list[tuple[str, str, float, float]] = []
    for cell in cells:
        before_s = cell.warm_up[-1].end_s if cell.warm_up else 0.0
        values += [(cell.name, "warm-up", _middle(told) - before_s, told.per_s) for told in cell.warm_up]
        values += [(cell.name, str((told.block or 0) + 1), _middle(told), told.per_s) for told in cell.blocks]
    texts = [(name, part, numbers.number(at, 2), numbers.significant(rate)) for name, part, at, rate in values]
    return Table(columns, texts, values)
