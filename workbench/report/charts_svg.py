"""The sheet's charts as SVG: accuracy change against speed, sustained rate, where the error comes from.

Marker shape and colour belong to a runtime; FP32 is dashed; intervals are drawn; nothing without an interval is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.report import numbers, svg
from workbench.report.formats import number_of, pair_of
from workbench.report.labels import Box, place, text_width
from workbench.report.names import row_name
from workbench.report.sheet import Sheet, SheetRun
from workbench.report.svg import Palette, Scale

WIDTH = 720.0
BAR, GAP = 15.0, 4.0
ERRORS = (
    ("divergence.scheme", "scheme: what INT8 costs in any runtime"),
    ("divergence.execution", "execution: this runtime's INT8 kernels"),
    ("divergence.platform", "platform: this runtime even in float"),
    ("divergence.total", "total"),
)


@dataclass(frozen=True)
class Chart:
    """One drawing with its caption and the text that stands for it where it cannot be seen."""

    key: str
    svg: str
    caption: str
    alt: str


@dataclass(frozen=True)
class _Point:
    name: str
    series: int
    x: float
    y: float
    x_pair: tuple[float, float]
    y_pair: tuple[float, float]


def charts(sheet: Sheet, palette: Palette) -> list[Chart]:
    """Return the charts that the sheet's figures allow; those without data are left out."""
    found = [scatter(sheet, palette), rates(sheet, palette), errors(sheet, palette)]
    return [chart for chart in found if chart is not None]


def scatter(sheet: Sheet, palette: Palette) -> Chart | None:
    """Return change in points (or, without labels, agreement) against the sustained rate, both with intervals."""
    key, axis, factor = "accuracy_change_points", "change in accuracy, points", 1.0
    points = _points(sheet, key, factor)
    if not points:
        key, axis, factor = "top1_agreement", "same answer as FP32, %", 100.0
        points = _points(sheet, key, factor)
    if not points:
        return None
    change = key == "accuracy_change_points"
    limit = sheet.gates.get("max_accuracy_drop_points") if change else None
    drawing = _draw_scatter(points, axis, limit, change, palette)
    said = "; ".join(
        f"{p.name}: {numbers.number(p.y, 1, signed=change)} at {numbers.significant(p.x)} per s" for p in points
    )
    caption = f"{axis[0].upper()}{axis[1:]}, against sustained rate (log scale); bars are 95 % intervals."
    return Chart("scatter", drawing, caption, f"{caption} {said}.")


def rates(sheet: Sheet, palette: Palette) -> Chart | None:
    """Return bars of the sustained rate per run with intervals; float runs are outlined with dashes."""
    runs = [run for run in sheet.runs if not run.word and pair_of(run.fields.get("throughput"))]
    if not runs or len({run.machine for run in runs}) > 1:
        return None
    series = series_of(sheet)
    runs.sort(key=lambda run: (series[(run.label, run.candidate)], run.precision != "int8"))
    top = max(pair[1] for run in runs if (pair := pair_of(run.fields["throughput"])))
    left = max(text_width(_bar_name(sheet, run), 12) for run in runs) + 14
    scale = Scale(0, top * 1.02, left, WIDTH - 110)
    parts, y = [], 6.0
    for index, run in enumerate(runs):
        new = index > 0 and runs[index - 1].label != run.label
        y += 8 if new else 0
        parts += _rate_bar(sheet, run, scale, y, palette, series[(run.label, run.candidate)])
        y += BAR + GAP
    parts.append(svg.line(scale.start, 2, scale.start, y, palette.muted))
    said = "; ".join(
        f"{_bar_name(sheet, run)} {numbers.significant(number_of(run.fields['throughput']) or 0)}" for run in runs
    )
    caption = "Sustained samples per second; whiskers are 95 % intervals; dashed: float."
    return Chart("rates", svg.document(WIDTH, y + 4, parts, caption), caption, f"{caption} {said}.")


def errors(sheet: Sheet, palette: Palette) -> Chart | None:
    """Return the NMSE of scheme, execution, platform and total, side by side on a log scale (they do not add)."""
    runs = [run for run in sheet.runs if not run.word and any(_error(run, key) for key, _ in ERRORS)]
    if not runs:
        return None
    values = [value for run in runs for key, _ in ERRORS if (value := _error(run, key))]
    low, high = 10.0 ** math.floor(math.log10(min(values)) - 0.3), 10.0 ** math.ceil(math.log10(max(values)))
    left = max(text_width(words, 11) for _, words in ERRORS) + 16
    scale = Scale(low, high, left, WIDTH - 92, log=True)
    parts, y = [], 4.0
    series = series_of(sheet)
    several = sheet.candidate_count > 1
    for run in runs:
        name = row_name(run.label, run.candidate, several)
        colour = palette.series[series[(run.label, run.candidate)] % 6]
        parts.append(svg.text(0, y + 12, name, palette.text, 12, weight=600))
        y += 19
        for key, words in ERRORS:
            nothing = "0: identical" if number_of(run.fields.get(key)) == 0 else "not measured"
            parts += _error_bar(_error(run, key), words, nothing, scale, y, colour, palette)
            y += 13 + GAP
        y += 9
    parts = [*_error_grid(scale, y, palette), *parts]
    caption = "Where the error comes from: NMSE on the compared outputs, log scale. The parts do not add up."
    said = "; ".join(_error_words(row_name(run.label, run.candidate, several), run) for run in runs)
    return Chart("errors", svg.document(WIDTH, y + 20, parts, caption), caption, f"{caption} {said}.")


def series_of(sheet: Sheet) -> dict[tuple[str, str], int]:
    """Return the number of each row's colour and marker, by (label, candidate), in the order of the runs."""
    rows = dict.fromkeys((run.label, run.candidate) for run in sheet.runs if run.runtime != "reference")
    return {**{(run.label, run.candidate): 0 for run in sheet.runs}, **{row: i for i, row in enumerate(rows)}}


def _points(sheet: Sheet, key: str, factor: float) -> list[_Point]:
    series, found = series_of(sheet), []
    several = sheet.candidate_count > 1
    for run in sheet.runs:
        speed, change = run.fields.get("throughput"), run.fields.get(key)
        x, y, x_pair, y_pair = number_of(speed), number_of(change), pair_of(speed), pair_of(change)
        if run.word or run.precision == "fp32" or x is None or y is None or not x_pair or not y_pair or x_pair[0] <= 0:
            continue
        name = numbers.shorten(row_name(run.label, run.candidate, several), 30)
        scaled = (y_pair[0] * factor, y_pair[1] * factor)
        found.append(_Point(name, series[(run.label, run.candidate)], x, y * factor, x_pair, scaled))
    return found


def _draw_scatter(points: Sequence[_Point], axis: str, limit: float | None, change: bool, palette: Palette) -> str:
    frame = Box(58, 22, WIDTH - 74, 176)
    x_scale, y_scale = _scatter_scales(points, limit, change, frame)
    parts = _scatter_grid(x_scale, y_scale, frame, limit, change, palette)
    obstacles = []
    for point in points:
        x, y = x_scale(point.x), y_scale(point.y)
        parts += _cross(point, x_scale, y_scale, palette)
        parts.append(svg.marker(x, y, point.series, palette.series[point.series % 6], palette.surface))
        obstacles += [
            Box(x - 8, y - 8, 16, 16),
            Box(x - 5, y_scale(point.y_pair[1]), 10, y_scale(point.y_pair[0]) - y_scale(point.y_pair[1])),
            Box(x_scale(point.x_pair[0]), y - 5, x_scale(point.x_pair[1]) - x_scale(point.x_pair[0]), 10),
        ]
    if change:
        obstacles.append(Box(frame.x, y_scale(0) - 1, frame.width, 2))
        obstacles.append(Box(frame.x, y_scale(0) - 17, text_width("FP32 reference", 11), 17))
    if limit is not None:
        words, box = _gate_words(limit, y_scale(-limit), frame, obstacles)
        obstacles.append(box)
        parts.append(svg.text(box.x, box.y + 12, words, palette.muted, 11))
    anchors = [(x_scale(p.x), y_scale(p.y)) for p in points]
    boxes = place(anchors, [p.name for p in points], 13, frame, obstacles)
    for point, box in zip(points, boxes, strict=True):
        colour = palette.names[point.series % 6]
        parts.append(svg.text(box.x, box.y + 12, point.name, colour, 12.5, weight=600))
    parts.append(svg.text(0, 11, axis, palette.muted, 11))
    parts.append(svg.text(frame.x + frame.width, frame.y + frame.height + 38, "sustained samples per second (log)",
                          palette.muted, 11, "end"))  # fmt: skip
    return svg.document(WIDTH, frame.y + frame.height + 44, parts, axis)


def _gate_words(limit: float, edge: float, frame: Box, obstacles: Sequence[Box]) -> tuple[str, Box]:
    """Return the words of the gate's edge and the freest place along it."""
    amount = f"{limit:g} point{'' if limit == 1 else 's'}"
    words = f"gate: a drop of at most {amount}"
    width = text_width(words, 11)
    steps = [frame.x + 6 + i * (frame.width - width - 12) / 8 for i in range(9)]
    options = [Box(x, edge + shift, width, 15) for shift in (-17, 2) for x in (*reversed(steps),)]
    return words, min(options, key=lambda box: sum(box.overlap(other) for other in obstacles))


def _scatter_scales(points: Sequence[_Point], limit: float | None, change: bool, frame: Box) -> tuple[Scale, Scale]:
    low = min(p.x_pair[0] for p in points)
    high = max(p.x_pair[1] for p in points)
    spread = max(1.25, (high / low) ** 0.18)
    extras = [0.0] if change else []
    extras += [-limit] if limit is not None else []
    bottom = min([p.y_pair[0] for p in points] + extras)
    top = max([p.y_pair[1] for p in points] + extras)
    room = max(0.12 * (top - bottom), 0.05)
    ceiling = top + room if change else min(top + room, 100.5)
    return (
        Scale(low / spread, high * spread, frame.x, frame.x + frame.width, log=True),
        Scale(bottom - room, ceiling, frame.y + frame.height, frame.y),
    )


def _scatter_grid(
    x_scale: Scale, y_scale: Scale, frame: Box, limit: float | None, change: bool, palette: Palette
) -> list[str]:
    right, bottom = frame.x + frame.width, frame.y + frame.height
    parts = []
    if limit is not None:
        parts.append(svg.rect(frame.x, frame.y, frame.width, y_scale(-limit) - frame.y, palette.band))
    ticks = svg.linear_ticks(y_scale.low, y_scale.high)
    digits = 0 if all(tick == round(tick) for tick in ticks) else 1 if all(t == round(t, 1) for t in ticks) else 2
    for tick in ticks:
        y = y_scale(tick)
        parts.append(svg.line(frame.x, y, right, y, palette.border))
        parts.append(
            svg.text(frame.x - 8, y + 4, numbers.number(tick, digits, signed=change), palette.muted, 11, "end")
        )
    for tick in svg.log_ticks(x_scale.low, x_scale.high):
        x = x_scale(tick)
        parts.append(svg.line(x, bottom, x, bottom + 4, palette.muted))
        parts.append(svg.text(x, bottom + 18, numbers.significant(tick, 1), palette.muted, 11, "middle"))
    parts.append(svg.line(frame.x, bottom, right, bottom, palette.muted))
    if change:
        parts.append(svg.line(frame.x, y_scale(0), right, y_scale(0), palette.text, 1.2, "5 4"))
        parts.append(svg.text(frame.x + 6, y_scale(0) - 5, "FP32 reference", palette.muted, 11))
    return parts


def _cross(point: _Point, x_scale: Scale, y_scale: Scale, palette: Palette) -> list[str]:
    x, y, colour = x_scale(point.x), y_scale(point.y), palette.series[point.series % 6]
    x_ends = (x_scale(point.x_pair[0]), x_scale(point.x_pair[1]))
    y_ends = (y_scale(point.y_pair[0]), y_scale(point.y_pair[1]))
    caps = [svg.line(x - 4, end, x + 4, end, colour, 1.6) for end in y_ends]
    sides = [svg.line(end, y - 4, end, y + 4, colour, 1.6) for end in x_ends]
    return [
        svg.line(x, y_ends[0], x, y_ends[1], colour, 1.6),
        svg.line(x_ends[0], y, x_ends[1], y, colour, 1.6),
        *caps,
        *sides,
    ]


def _bar_name(sheet: Sheet, run: SheetRun) -> str:
    name = row_name(run.label, run.candidate, sheet.candidate_count > 1)
    return f"{numbers.shorten(name, 26)} {run.precision.upper()}"


def _rate_bar(sheet: Sheet, run: SheetRun, scale: Scale, y: float, palette: Palette, series: int) -> list[str]:
    found = run.fields["throughput"]
    value, pair, colour = number_of(found) or 0.0, pair_of(found) or (0.0, 0.0), palette.series[series % 6]
    quantized = run.precision == "int8"
    width, middle = scale(value) - scale.start, y + BAR / 2
    parts = [
        svg.text(
            scale.start - 8,
            y + BAR - 3.5,
            _bar_name(sheet, run),
            palette.text if quantized else palette.muted,
            12,
            "end",
        ),
        svg.rect(scale.start, y, width, BAR, colour, 2, 1 if quantized else 0.12),
    ]
    if not quantized:
        parts.append(svg.outline(Box(scale.start, y + 0.5, width, BAR - 1), colour, "4 3"))
    ends = (scale(pair[0]), scale(pair[1]))
    parts += [svg.line(ends[0], middle, ends[1], middle, palette.text, 1.4)]
    parts += [svg.line(end, middle - 3.5, end, middle + 3.5, palette.text, 1.4) for end in ends]
    label = "" if found.get("label") == "SUSTAINED" else f" {found.get('label', '')}"
    words = numbers.significant(value) + label
    parts.append(
        svg.text(
            max(ends[1], scale(value)) + 8, y + BAR - 3.5, words, palette.text, 12, weight=600 if quantized else 400
        )
    )
    return parts


def _error(run: SheetRun, key: str) -> float | None:
    value = number_of(run.fields.get(key))
    return value if value is not None and value > 0 else None


def _error_bar(
    value: float | None, words: str, nothing: str, scale: Scale, y: float, colour: str, palette: Palette
) -> list[str]:
    parts = [svg.text(scale.start - 8, y + 10, words, palette.muted, 11, "end")]
    if value is None:
        return [*parts, svg.text(scale.start + 6, y + 10, nothing, palette.muted, 11)]
    length = scale(value) - scale.start
    parts.append(svg.rect(scale.start, y, length, 13, palette.surface))
    parts.append(svg.rect(scale.start, y, length, 13, colour, 2, 1 if words == "total" else 0.55))
    parts.append(svg.text(scale(value) + 6, y + 10.5, numbers.scientific(value), palette.text, 11))
    return parts


def _error_grid(scale: Scale, bottom: float, palette: Palette) -> list[str]:
    parts = []
    for tick in svg.log_ticks(scale.low, scale.high, 6):
        exponent = round(math.log10(tick))
        if abs(tick - 10.0**exponent) > 1e-9 * tick:
            continue
        x = scale(tick)
        parts.append(svg.line(x, 0, x, bottom, palette.border))
        parts.append(svg.text(x, bottom + 14, f"1e{numbers.number(exponent)}", palette.muted, 11, "middle"))
    return parts


def _error_words(name: str, run: SheetRun) -> str:
    parts = [
        f"{words.split(':')[0]} {numbers.scientific(value)}" for key, words in ERRORS if (value := _error(run, key))
    ]
    return f"{name}: {', '.join(parts)}"
