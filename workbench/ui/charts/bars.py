"""Bars: the first 5 s against the sustained rate, and where the error comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from workbench.execution.result import Result, Run
from workbench.report import numbers
from workbench.report.charts_svg import ERRORS, series_of
from workbench.report.formats import number_of
from workbench.report.names import row_name
from workbench.report.sheet import Sheet, SheetRun
from workbench.ui.charts.figure import Axis, Bar, Figure, Table
from workbench.ui.charts.samples import FLOATS, run_name, series_numbers, timed_runs

NAME_LIMIT = 26
BURST_ROWS = 1.5
FIRST, SUSTAINED = "first 5 s", "sustained"


def burst_figure(result: Result) -> Figure | None:
    """Return the rate of the first 5 s beside the sustained one, per run; None where no speed was measured."""
    runs = timed_runs(result)
    if not runs:
        return None
    bars: list[Bar] = []
    names: list[tuple[float, str]] = []
    for row, run in enumerate(runs):
        names.append((-float(row), run_name(run, result, NAME_LIMIT)))
        bars += _burst_bars(run, result, -float(row))
    high = max([bar.pair[1] if bar.pair else bar.value or 0.0 for bar in bars])
    return Figure(
        key="first-5-s",
        title="First 5 s against sustained",
        subtitle="Upper bar: the first 5 s after load. Lower bar: sustained, with its 95 % interval. Outlined: float.",
        summary=f"First 5 s against sustained. {'; '.join(f'{bar.name}: {bar.read}' for bar in bars)}.",
        x=Axis("samples per second", 0.0, high * 1.02 or 1.0),
        y=Axis("", -(len(runs) - 0.5), 0.5, names=tuple(names)),
        hover="nearest",
        table=lambda: _burst_table(runs, result),
        bars=tuple(bars),
        rows=math.ceil(BURST_ROWS * len(runs)),
    )


def _burst_bars(run: Run, result: Result, y: float) -> list[Bar]:
    assert run.throughput_per_s is not None
    speed, series = run.throughput_per_s, series_numbers(result)[(run.label, run.candidate)]
    name, dashed = run_name(run, result), run.precision in FLOATS
    first = Bar(y + 0.2, speed.first_5s, series, f"{name}, {FIRST}", _first_text(run), _first_text(run), 0.32,
                strong=False, dashed=dashed)  # fmt: skip
    label = "" if speed.label == "SUSTAINED" else f" {speed.label}"
    if speed.interval is None:
        text = f"{numbers.NOT_SHOWN}{label}"
        return [first, Bar(y - 0.18, None, series, f"{name}, {SUSTAINED}", text, text, 0.36, dashed=dashed)]
    words = f"{numbers.significant(speed.sustained)}{label}"
    read = f"{numbers.rate(speed.sustained, speed.interval)} samples per s, {speed.label}"
    return [first, Bar(y - 0.18, speed.sustained, series, f"{name}, {SUSTAINED}", words, read, 0.36, speed.interval,
                       dashed=dashed)]  # fmt: skip


def _first_text(run: Run) -> str:
    assert run.throughput_per_s is not None
    if run.throughput_per_s.first_5s is not None:
        return f"{numbers.significant(run.throughput_per_s.first_5s)} in the first 5 s"
    return f"first 5 s: {run.reasons.get('first_5s', 'fewer than 5 s were run')}"


def _burst_table(runs: Sequence[Run], result: Result) -> Table:
    columns = ("Run", "First 5 s (samples/s)", "Sustained (samples/s)", "low", "high", "Label")
    values = [_burst_row(run, run_name(run, result)) for run in runs]
    texts = [
        (str(name), _number(first), *(map(_number, rates) if rates[1] else (numbers.NOT_SHOWN, "", "")), str(label))
        for name, first, *rates, label in values
    ]
    return Table(columns, texts, values)


def _burst_row(run: Run, name: str) -> tuple[Any, ...]:
    """Return name, first 5 s, sustained with its interval (nothing without one), label."""
    speed = run.throughput_per_s
    assert speed is not None
    rates = (speed.sustained, *speed.interval) if speed.interval is not None else (None, None, None)
    return name, speed.first_5s, *rates, speed.label


def _number(value: float | None) -> str:
    return numbers.DASH if value is None else numbers.significant(value)


def error_figure(sheet: Sheet) -> Figure | None:
    """Return NMSE of scheme, execution, platform and total side by side; None where nothing was compared.

    The parts do not add up, so they are never stacked.
    """
    runs = [run for run in sheet.runs if not run.word and any(_known(run, key) is not None for key, _ in ERRORS)]
    values = [value for run in runs for key, _ in ERRORS if (value := _known(run, key))]
    if not values:
        return None
    bars, names, headings = _error_bars(sheet, runs)
    last = min(y for y, _ in names)
    return Figure(
        key="error-split",
        title="Where the error comes from",
        subtitle="NMSE on the compared outputs, log scale. The parts do not add up.",
        summary=f"Where the error comes from. {'; '.join(f'{bar.name}: {bar.read}' for bar in bars)}.",
        x=_error_axis(values),
        y=Axis("", last - 0.5, 0.6, names=tuple(names)),
        hover="nearest",
        table=lambda: _error_table(sheet, runs),
        bars=tuple(bars),
        headings=tuple(headings),
        rows=round(0.5 - last + 0.6),
    )


def _error_axis(values: Sequence[float]) -> Axis:
    low = 10.0 ** math.floor(math.log10(min(values)) - 0.3)
    return Axis("NMSE (log)", low, 10.0 ** math.ceil(math.log10(max(values))), log=True)


def _error_bars(
    sheet: Sheet, runs: Sequence[SheetRun]
) -> tuple[list[Bar], list[tuple[float, str]], list[tuple[float, str]]]:
    series, several, y = series_of(sheet), sheet.candidate_count > 1, 0.0
    bars: list[Bar] = []
    names: list[tuple[float, str]] = []
    headings: list[tuple[float, str]] = []
    for run in runs:
        headings.append((y, row_name(run.label, run.candidate, several)))
        for key, words in ERRORS:
            y -= 1.0
            value = _known(run, key)
            text = "not measured" if value is None else "0: identical" if value == 0 else numbers.scientific(value)
            number = series[(run.label, run.candidate)]
            name = f"{row_name(run.label, run.candidate, several)}, {words}"
            names.append((y, words))
            bars.append(Bar(y, value or None, number, name, text, text, 0.62, strong=key == "divergence.total"))
        y -= 1.3
    return bars, names, headings


def _known(run: SheetRun, key: str) -> float | None:
    value = number_of(run.fields.get(key))
    return value if value is not None and value >= 0 else None


def _error_table(sheet: Sheet, runs: Sequence[SheetRun]) -> Table:
    columns = ("Run", *(f"{key.removeprefix('divergence.')} (NMSE)" for key, _ in ERRORS))
    several = sheet.candidate_count > 1
    names = [f"{run.label} \N{MIDDLE DOT} {run.candidate}" if several else run.label for run in runs]
    found = [[_known(run, key) for key, _ in ERRORS] for run in runs]
    texts = [
        (name, *("not measured" if value is None else numbers.scientific(value) for value in row))
        for name, row in zip(names, found, strict=True)
    ]
    return Table(columns, texts, [(name, *row) for name, row in zip(names, found, strict=True)])
