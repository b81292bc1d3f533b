"""Throughput over time: one-second windows of every run, the warm-up shaded, the rounds visible."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbench.report import numbers
from workbench.ui.charts.figure import Axis, Band, Figure, Line, Rule, Table
from workbench.ui.charts.samples import CellSamples

LOG_ABOVE = 8.0
DOTS_UP_TO = 3


def throughput_figure(cells: Sequence[CellSamples]) -> Figure | None:
    """Return the chart, None where no run has a window."""
    cells = [cell for cell in cells if cell.rounds]
    if not cells:
        return None
    lines = tuple(_line(cell) for cell in cells)
    x, y = _x_axis(lines), rate_axis(lines)
    start = min(float(line.x[0]) for line in lines)
    bands = (warm_up_band(x.low),) if start < 0 else ()
    return Figure(
        key="throughput",
        title="Throughput over time",
        subtitle=_subtitle(cells),
        summary=_summary(cells),
        x=x,
        y=y,
        hover="column",
        table=lambda: _table(cells),
        lines=lines,
        bands=bands,
        rules=_rounds(cells),
    )


def _line(cell: CellSamples) -> Line:
    """Return a run's windows as one curve that breaks between warm-up and rounds."""
    stretches = [cell.warm_up, *cell.rounds] if cell.warm_up is not None else list(cell.rounds)
    xs: list[float] = []
    ys: list[float] = []
    for times, rates in stretches:
        if xs:
            xs.append((xs[-1] + float(times[0])) / 2)
            ys.append(math.nan)
        xs += times.tolist()
        ys += rates.tolist()
    few = all(times.size <= DOTS_UP_TO for times, _ in cell.rounds)
    rates_at = tuple(ys)
    return Line(
        np.asarray(xs),
        np.asarray(ys),
        cell.series,
        cell.name,
        cell.label,
        read=lambda index: f"{numbers.significant(rates_at[index])} per s",
        dashed=cell.is_float,
        dots=few,
    )


def _x_axis(lines: Sequence[Line]) -> Axis:
    start, end = min(float(line.x[0]) for line in lines), max(float(line.x[-1]) for line in lines)
    return running_axis(start, end)


def running_axis(start_s: float, end_s: float) -> Axis:
    """Return the axis of timed running from `start_s` (the warm-up lies before 0) to `end_s`."""
    room = 0.02 * (end_s - start_s) + 0.25
    return Axis("seconds of timed running, other runs' turns left out", start_s - room, end_s + room, text=running_time)


def running_time(value: float) -> str:
    """Return seconds of timed running for the readout; the warm-up lies before 0."""
    return f"{numbers.number(value, 1)} s" if value >= 0 else f"warm-up, {numbers.number(value, 1)} s"


def rate_axis(lines: Sequence[Line], room: float = 1.08) -> Axis:
    """Return the axis of samples per second: from zero on, or logarithmic where rates lie far apart.

    Args:
        room: how many times the highest rate the axis holds, where it is linear.
    """
    values = np.concatenate([line.y[np.isfinite(line.y)] for line in lines])
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > LOG_ABOVE:
        spread = (high / low) ** 0.08
        return Axis("samples per second (log)", low / spread, high * spread, log=True)
    return Axis("samples per second", 0.0, high * room or 1.0)


def _rounds(cells: Sequence[CellSamples]) -> tuple[Rule, ...]:
    """Return where rounds start, from the run with the most rounds; the others' lie within a run of these."""
    return round_rules([0.0, *max((cell.ends_s for cell in cells), key=len)[:-1]])


def round_rules(starts_s: Sequence[float]) -> tuple[Rule, ...]:
    """Return a rule at the start of each round; none where there is only one."""
    rules = tuple(Rule("x", at, f"round {number}") for number, at in enumerate(starts_s, 1))
    return rules if len(rules) > 1 else ()


def warm_up_band(low_s: float) -> Band:
    """Return the shaded stretch of the warm-up."""
    return Band("x", low_s, 0.0, "warm_up", ("warm-up, not counted", "warm-up"))


def _subtitle(cells: Sequence[CellSamples]) -> str:
    count = max(len(cell.rounds) for cell in cells)
    raw = any(cell.latencies_ms.size for cell in cells)
    if not raw:
        return "Windows of 1 s. The raw samples are not beside this result: warm-up and rounds are not shown."
    turns = f"{numbers.number(count)} rounds in which the runs took turns" if count > 1 else "one round"
    dashes = " Dashed: float." if any(cell.is_float for cell in cells) else ""
    return f"Windows of 1 s; {turns}, divided by dashed lines.{dashes}"


def _summary(cells: Sequence[CellSamples]) -> str:
    parts = []
    for cell in cells:
        rates = np.concatenate([rates for _, rates in cell.rounds])
        ends = (numbers.significant(float(rates.min())), numbers.significant(float(rates.max())))
        count = f"{numbers.number(rates.size)} window{'' if rates.size == 1 else 's'}"
        parts.append(f"{cell.name}: {count} between {ends[0]} and {ends[1]} samples per second")
    return f"Throughput over time. {'; '.join(parts)}."


def _table(cells: Sequence[CellSamples]) -> Table:
    columns = ("Run", "Round", "Time (s)", "Rate (samples/s)")
    values: list[tuple[object, ...]] = []
    for cell in cells:
        parts = [("warm-up", cell.warm_up)] if cell.warm_up is not None else []
        for stage, stretch in [*parts, *((str(n), part) for n, part in enumerate(cell.rounds, 1))]:
            assert stretch is not None
            values += [(cell.name, stage, float(t), float(r)) for t, r in zip(*stretch, strict=True)]
    texts = [(str(a), str(b), numbers.number(t, 2), numbers.significant(r)) for a, b, t, r in values]  # type: ignore[arg-type]
    return Table(columns, texts, values)
