"""Accuracy change against sustained rate, both with intervals: the one picture of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.report import numbers
from workbench.report.charts_svg import series_of
from workbench.report.formats import number_of, pair_of
from workbench.report.names import PRECISION_TITLES
from workbench.report.sheet import Sheet, SheetRun
from workbench.ui.charts.figure import Axis, Band, Figure, Point, Rule, Table

CHANGE, AGREEMENT = "accuracy_change_points", "top1_agreement"


def scatter_figure(sheet: Sheet) -> Figure | None:
    """Return change in points (or, without labels, agreement with FP32) against rate; None without such a run.

    Only figures with an interval are drawn, and only measured ones.
    """
    points = _points(sheet, CHANGE)
    key = CHANGE if points else AGREEMENT
    points = points or _points(sheet, AGREEMENT)
    if not points:
        return None
    limit = sheet.gates.get("max_accuracy_drop_points") if key == CHANGE else None
    y = _y_axis(points, key, limit)
    return Figure(
        key="accuracy-against-speed",
        title="Accuracy against speed" if key == CHANGE else "Same answer as FP32, against speed",
        subtitle="Up and right is better. Bars are 95 % intervals.",
        summary=_summary(points, key),
        x=_x_axis(points),
        y=y,
        hover="nearest",
        table=lambda: _table(points, key),
        points=tuple(points),
        bands=(Band("y", -limit, y.high, "gate"),) if limit is not None else (),
        rules=_rules(key, limit),
    )


def why_no_scatter(sheet: Sheet) -> str:
    """Return in a sentence what the scatter would need."""
    measured = [run for run in sheet.runs if run.status == "ok" and not run.word]
    if not measured:
        return "No runtime was measured, so there is nothing to set against each other."
    if not any(pair_of(run.fields.get("throughput")) for run in measured):
        return "No speed with an interval was measured, so accuracy cannot be set against it."
    return "No accuracy with an interval was measured, so speed cannot be set against it."


def _points(sheet: Sheet, key: str) -> list[Point]:
    found = [(run, run.fields.get("throughput"), run.fields.get(key)) for run in sheet.runs]
    series = series_of(sheet)
    made = []
    for run, speed, quality in found:
        x, y, x_pair, y_pair = number_of(speed), number_of(quality), pair_of(speed), pair_of(quality)
        if run.word or run.precision == "fp32" or x is None or y is None or not x_pair or not y_pair or x_pair[0] <= 0:
            continue
        factor = 1.0 if key == CHANGE else 100.0
        scaled = (y_pair[0] * factor, y_pair[1] * factor)
        name = _name(sheet, run)
        text = f"{_quality(y, y_pair, key)}, {numbers.rate(x, x_pair)} samples per s"
        number = series[(run.label, run.candidate)]
        made.append(Point(x, y * factor, x_pair, scaled, number, name, _label(sheet, run), text))
    return made


def _quality(value: float, pair: tuple[float, float], key: str) -> str:
    if key == CHANGE:
        return f"{numbers.points(value, pair)} points"
    return f"{numbers.percent_with_interval(value, pair)} same answer"


def _name(sheet: Sheet, run: SheetRun) -> str:
    return f"{_label(sheet, run)} {PRECISION_TITLES[run.precision]}"


def _label(sheet: Sheet, run: SheetRun) -> str:
    parts = [run.label, *([run.candidate] if sheet.candidate_count > 1 else [])]
    parts += [run.machine] if len({entry.machine for entry in sheet.runs if not entry.word}) > 1 else []
    parts += [PRECISION_TITLES[run.precision]] if run.precision != "int8" else []
    return " \N{MIDDLE DOT} ".join(parts)


def _rules(key: str, limit: float | None) -> tuple[Rule, ...]:
    if key != CHANGE:
        return ()
    gate: tuple[Rule, ...] = ()
    if limit is not None:
        amount = f"{numbers.number(limit, 0 if limit == round(limit) else 2)} point{'' if limit == 1 else 's'}"
        gate = (Rule("y", -limit, f"gate: a drop of at most {amount}", dashed=False),)
    return (Rule("y", 0.0, "FP32 reference", strong=True), *gate)


def _x_axis(points: Sequence[Point]) -> Axis:
    low, high = min(p.x_pair[0] for p in points), max(p.x_pair[1] for p in points)
    spread = max(1.25, (high / low) ** 0.18)
    return Axis("sustained samples per second (log)", low / spread, high * spread, log=True)


def _y_axis(points: Sequence[Point], key: str, limit: float | None) -> Axis:
    extras = ([0.0] if key == CHANGE else []) + ([-limit] if limit is not None else [])
    bottom = min([p.y_pair[0] for p in points] + extras)
    top = max([p.y_pair[1] for p in points] + extras)
    room = max(0.14 * (top - bottom), 0.05)
    if key == CHANGE:
        return Axis("change in accuracy, points", bottom - room, top + room, signed=True)
    return Axis("same answer as FP32, %", bottom - room, min(top + room, 100.5))


def _summary(points: Sequence[Point], key: str) -> str:
    title = "Change in accuracy" if key == CHANGE else "Share of equal answers"
    return f"{title} against sustained rate. {'; '.join(f'{p.name}: {p.read}' for p in points)}."


def _table(points: Sequence[Point], key: str) -> Table:
    quality = "Change (points)" if key == CHANGE else "Same answer (%)"
    columns = ("Run", quality, "low", "high", "Sustained (samples/s)", "low", "high")
    values = [(p.name, p.y, *p.y_pair, p.x, *p.x_pair) for p in points]
    digits = 2 if key == CHANGE else 1
    texts = [
        (row[0], *(numbers.number(cell, digits, signed=key == CHANGE) for cell in row[1:4]),
         *(numbers.significant(cell) for cell in row[4:]))
        for row in values
    ]  # fmt: skip
    return Table(columns, texts, values)
