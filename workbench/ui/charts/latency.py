"""The distribution of latency: cumulative share of runs on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.measure.latency import PERCENTILE_FLOORS
from workbench.report import numbers
from workbench.ui.charts.figure import Axis, Figure, Line, Rule, Table
from workbench.ui.charts.samples import CellSamples

PERCENTILES = {"p50": "P50", "p90": "P90", "p95": "P95", "p99": "P99", "p99_9": "P99.9"}
RULES = ("p50", "p90", "p99")
TAIL = 0.999
EVENLY, SLOWEST = 6000, 2000


def latency_figure(cells: Sequence[CellSamples]) -> Figure | None:
    """Return the chart, None where no raw samples are there."""
    cells = [cell for cell in cells if cell.latencies_ms.size]
    if not cells:
        return None
    return Figure(
        key="latency",
        title="Latency distribution",
        subtitle=_subtitle(cells),
        summary=_summary(cells),
        x=_x_axis(cells),
        y=Axis("% of runs that were at least as fast", 0.0, 104.0, ticks=(0.0, 25.0, 50.0, 75.0, 100.0)),
        hover="column",
        table=lambda: _table(cells),
        lines=tuple(_line(cell) for cell in cells),
        rules=tuple(Rule("y", 100 * PERCENTILE_FLOORS[key][0], PERCENTILES[key], beside=True) for key in RULES),
    )


def _line(cell: CellSamples) -> Line:
    ranks = drawn_ranks(cell.latencies_ms.size)
    latencies, shares = cell.latencies_ms[ranks], (ranks + 1) / cell.latencies_ms.size
    return Line(
        latencies,
        100 * shares,
        cell.series,
        cell.name,
        cell.label,
        read=lambda index: f"{numbers.percent(float(shares[index]))} within {_ms(float(latencies[index]))}",
        dashed=cell.is_float,
        steps=True,
    )


def drawn_ranks(count: int) -> npt.NDArray[np.int64]:
    """Return which of `count` sorted runs are drawn: all up to a number, else evenly many and all of the slowest."""
    if count <= EVENLY + SLOWEST:
        return np.arange(count)
    return np.concatenate(
        [np.linspace(0, count - SLOWEST - 1, EVENLY).astype(np.int64), np.arange(count - SLOWEST, count)]
    )


def _ms(value: float) -> str:
    return f"{numbers.significant(value)} ms"


def _x_axis(cells: Sequence[CellSamples]) -> Axis:
    """Return an axis that shows all but the slowest of a thousand runs; the rest lies to the right of it."""
    low = min(float(cell.latencies_ms[0]) for cell in cells)
    high = max(_rank(cell, TAIL) for cell in cells)
    high = max(high, low * 1.05)
    spread = (high / low) ** 0.05
    return Axis("latency of one run in ms (log)", low / spread, high * spread, log=True, text=_ms)


def _rank(cell: CellSamples, share: float) -> float:
    """Return the nearest-rank percentile in ms."""
    return float(cell.latencies_ms[max(math.ceil(share * cell.latencies_ms.size) - 1, 0)])


def _subtitle(cells: Sequence[CellSamples]) -> str:
    counts = sorted(cell.latencies_ms.size for cell in cells)
    span = numbers.number(counts[0])
    if counts[-1] != counts[0]:
        span += f" to {numbers.number(counts[-1])}"
    beyond = any(cell.latencies_ms[-1] > _rank(cell, TAIL) for cell in cells)
    tail = " The slowest 0.1 % lie beyond the right edge." if beyond else ""
    return f"Share of runs by the time they took, {span} runs each, after warm-up.{tail}"


def _summary(cells: Sequence[CellSamples]) -> str:
    parts = [f"{cell.name}: {', '.join(_known(cell))}" for cell in cells]
    return f"Latency distribution. {'; '.join(parts)}."


def _known(cell: CellSamples) -> list[str]:
    found = [f"{PERCENTILES[key]} {_ms(value)}" for key in RULES if (value := _percentile(cell, key)) is not None]
    return found or ["too few runs for a percentile"]


def _percentile(cell: CellSamples, key: str) -> float | None:
    share, floor = PERCENTILE_FLOORS[key]
    return _rank(cell, share) if cell.latencies_ms.size >= floor else None


def _table(cells: Sequence[CellSamples]) -> Table:
    columns = ("Run", "Runs", "Fastest (ms)", *(f"{title} (ms)" for title in PERCENTILES.values()), "Slowest (ms)")
    found = [
        (float(cell.latencies_ms[0]), *(_percentile(cell, key) for key in PERCENTILES), float(cell.latencies_ms[-1]))
        for cell in cells
    ]
    heads = [(cell.name, int(cell.latencies_ms.size)) for cell in cells]
    texts = [(name, numbers.number(n), *map(_text, row)) for (name, n), row in zip(heads, found, strict=True)]
    return Table(columns, texts, [(*head, *row) for head, row in zip(heads, found, strict=True)])


def _text(value: float | None) -> str:
    return "too few runs" if value is None else numbers.significant(value)
