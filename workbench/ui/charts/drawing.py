"""Turns a figure into shapes for one size and view: bands, rules, bars, markers, whiskers and direct labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.report import numbers
from workbench.report.labels import Box, place
from workbench.ui.charts.axes import draw_axes, margins_of
from workbench.ui.charts.figure import Band, Bar, Figure, Line, Pair, Point, Rule
from workbench.ui.charts.shapes import (
    BOLD,
    NORMAL,
    SMALL,
    Drawing,
    Fill,
    Frame,
    Margins,
    Mark,
    Measure,
    Stroke,
    Words,
)

LABEL_HEIGHT = 17.0
LABEL_LIMIT = 30
CAP = 4.0
BAND_COLOURS = {"gate": ("ok_soft", 0.75), "warm_up": ("neutral_soft", 0.9)}
View = tuple[Pair, Pair]


def frame_of(figure: Figure, view: View, width: float, height: float, measure: Measure) -> Frame:
    """Return where the data area lies in a drawing of this size."""
    margins: Margins = margins_of(figure, view, height, measure, _right_room(figure, measure))
    return Frame(margins.inside(width, height), view[0], view[1])


def draw(figure: Figure, frame: Frame, measure: Measure) -> Drawing:
    """Return all shapes of a figure but its curves."""
    drawing = Drawing()
    for band in figure.bands:
        _draw_band(band, figure, frame, measure, drawing)
    draw_axes(figure, frame, measure, drawing)
    taken = [box for point in figure.points for box in _boxes_of(point, figure, frame)]
    for rule in figure.rules:
        _draw_rule(rule, figure, frame, measure, taken, drawing)
    for bar in figure.bars:
        _draw_bar(bar, figure, frame, measure, drawing)
    for line in figure.lines:
        _draw_dots(line, figure, frame, drawing)
    _label_lines(figure, frame, measure, drawing)
    _draw_points(figure, frame, drawing)
    return drawing


def _right_room(figure: Figure, measure: Measure) -> float:
    """Return the width of the longest text right of the data area."""
    ends = [measure(line.label, NORMAL, 400) + 30 for line in figure.lines if line.label and not line.steps]
    bars = [measure(bar.text, SMALL, 400) + 16 for bar in figure.bars if bar.value is not None]
    return max([*ends, *bars], default=0.0)


def _draw_band(band: Band, figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    colour, opacity = BAND_COLOURS[band.kind]
    box = frame.box
    if band.along == "x":
        left, right = (frame.clamp_x(frame.x(figure.x.unit(value))) for value in (band.low, band.high))
        area = Box(left, box.y, right - left, box.height)
    else:
        bottom, top = (frame.clamp_y(frame.y(figure.y.unit(value))) for value in (band.low, band.high))
        area = Box(box.x, top, box.width, bottom - top)
    if area.width <= 0 or area.height <= 0:
        return
    drawing.back.append(Fill(area, colour, opacity))
    if band.words and measure(band.words, SMALL, 400) + 12 <= area.width:
        drawing.front.append(Words(area.x + 6, area.y + 14, band.words))
        drawing.labels.append((band.words, Box(area.x + 6, area.y + 3, measure(band.words, SMALL, 400), 14)))


def _draw_rule(
    rule: Rule, figure: Figure, frame: Frame, measure: Measure, taken: Sequence[Box], drawing: Drawing
) -> None:
    box, dash = frame.box, "5 4" if rule.dashed else ""
    colour, width = ("text", 1.2) if rule.strong else ("strong_border", 1.0)
    if rule.along == "x":
        x = frame.x(figure.x.unit(rule.at))
        if box.x <= x <= box.x + box.width:
            drawing.back.append(Stroke(x, box.y, x, box.y + box.height, colour, width, dash))
        return
    y = frame.y(figure.y.unit(rule.at))
    if not box.y <= y <= box.y + box.height:
        return
    drawing.back.append(Stroke(box.x, y, box.x + box.width, y, colour, width, dash))
    if rule.words:
        at = _along(rule.words, y, frame, measure, [*taken, *(label for _, label in drawing.labels)])
        drawing.front.append(Words(at.x, at.y + 11, rule.words))
        drawing.labels.append((rule.words, at))


def _along(words: str, y: float, frame: Frame, measure: Measure, taken: Sequence[Box]) -> Box:
    """Return the freest place for words along a level line, above it and to the left where nothing is in the way."""
    box, width = frame.box, measure(words, SMALL, 400)
    steps = [box.x + 6 + i * max(box.width - width - 12, 0.0) / 6 for i in range(7)]
    options = [Box(x, y + shift, width, 14) for shift in (-17, 3) for x in steps]
    return min(options, key=lambda option: sum(option.overlap(other) for other in taken) + 9 * option.outside(box))


def _draw_bar(bar: Bar, figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    row = frame.box.height / (frame.y_view[1] - frame.y_view[0])
    height, middle, left = max(bar.height * row, 3.0), frame.y(bar.y), frame.box.x
    name = f"series{bar.series % 6}"
    if bar.value is None:
        drawing.front.append(Words(left + 8, middle + 4, bar.text))
        drawing.labels.append((bar.text, Box(left + 8, middle - 7, measure(bar.text, SMALL, 400), 14)))
        return
    end = frame.clamp_x(frame.x(figure.x.unit(bar.value)))
    outline = name if bar.dashed else ""
    opacity = 0.14 if bar.dashed else 1.0 if bar.strong else 0.45
    drawing.back.append(Fill(Box(left, middle - height / 2, end - left, height), name, opacity, 2.0, outline))
    words_at = end
    if bar.pair is not None:
        words_at = max(end, frame.clamp_x(frame.x(figure.x.unit(bar.pair[1]))))
        _whisker_across(bar.pair, middle, figure, frame, "text", drawing)
    weight = BOLD if bar.strong and not bar.dashed else 400
    drawing.front.append(Words(words_at + 8, middle + 4, bar.text, "text", SMALL, weight=weight))
    drawing.labels.append((bar.text, Box(words_at + 8, middle - 7, measure(bar.text, SMALL, weight), 14)))


def _whisker_across(pair: Pair, y: float, figure: Figure, frame: Frame, colour: str, drawing: Drawing) -> None:
    ends = [frame.x(figure.x.unit(value)) for value in pair]
    shown = [frame.clamp_x(end) for end in ends]
    drawing.front.append(Stroke(shown[0], y, shown[1], y, colour, 1.4))
    caps = [end for end, at in zip(ends, shown, strict=True) if end == at]
    drawing.front += [Stroke(end, y - CAP, end, y + CAP, colour, 1.4) for end in caps]


def _whisker_down(pair: Pair, x: float, figure: Figure, frame: Frame, colour: str, drawing: Drawing) -> None:
    ends = [frame.y(figure.y.unit(value)) for value in pair]
    shown = [frame.clamp_y(end) for end in ends]
    drawing.front.append(Stroke(x, shown[0], x, shown[1], colour, 1.4))
    caps = [end for end, at in zip(ends, shown, strict=True) if end == at]
    drawing.front += [Stroke(x - CAP, end, x + CAP, end, colour, 1.4) for end in caps]


def _draw_dots(line: Line, figure: Figure, frame: Frame, drawing: Drawing) -> None:
    if not line.dots:
        return
    for x, y in zip(line.x, line.y, strict=True):
        if np.isfinite(y) and frame.holds(at := frame.x(figure.x.unit(float(x))), up := frame.y(figure.y.unit(float(y)))):
            drawing.front.append(Mark(at, up, line.series, 3.5))


def _label_lines(figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    """Label curves: at their ends right of the area, or (cumulative curves) beside them at heights of their own."""
    named = [line for line in figure.lines if line.label]
    ends = [(line, at) for line in named if not line.steps and (at := _visible_end(line, figure, frame))]
    _label_ends(ends, frame, measure, drawing)
    _label_beside([line for line in named if line.steps], figure, frame, measure, drawing)


def _visible_end(line: Line, figure: Figure, frame: Frame) -> tuple[float, float] | None:
    """Return the pixel of the last finite point in the view."""
    xs, ys = figure.x.units(line.x), figure.y.units(line.y)
    inside = (xs >= frame.x_view[0]) & (xs <= frame.x_view[1]) & (ys >= frame.y_view[0]) & (ys <= frame.y_view[1])
    found = np.flatnonzero(inside & np.isfinite(ys))
    return (frame.x(float(xs[found[-1]])), frame.y(float(ys[found[-1]]))) if found.size else None


def _label_ends(
    ends: Sequence[tuple[Line, tuple[float, float]]], frame: Frame, measure: Measure, drawing: Drawing
) -> None:
    box = frame.box
    room = int((box.height + LABEL_HEIGHT) // LABEL_HEIGHT)
    kept = sorted(ends, key=lambda item: item[0].dashed)[:room]
    rows = spread([at[1] for _, at in kept], LABEL_HEIGHT, box.y, box.y + box.height)
    left = box.x + box.width + 8
    for (line, (x, y)), row in zip(kept, rows, strict=True):
        drawing.front.append(Stroke(x, y, box.x + box.width, y, "strong_border", 1, "1 3"))
        if abs(row - y) > 2:
            drawing.front.append(Stroke(box.x + box.width, y, left, row, "strong_border"))
        drawing.front.append(Mark(left + 6, row, line.series, 4.5))
        weight = 400 if line.dashed else 500
        drawing.front.append(Words(left + 16, row + 4, line.label, "text", NORMAL, weight=weight))
        width = measure(line.label, NORMAL, weight) + 16
        drawing.labels.append((line.label, Box(left, row - LABEL_HEIGHT / 2, width, LABEL_HEIGHT - 1)))


def spread(wanted: Sequence[float], height: float, low: float, high: float) -> list[float]:
    """Return positions at least `height` apart, in the order of `wanted` and near it, within the limits if they fit."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    groups: list[list[float]] = []  # [sum of what each would like as a group's start, count]
    for rank, index in enumerate(order):
        groups.append([wanted[index] - rank * height, 1.0])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] >= groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    starts = [total / count for total, count in groups for _ in range(int(count))]
    top, bottom = low, high - (len(wanted) - 1) * height
    starts = [min(max(start, top), max(bottom, top)) for start in starts]
    found = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        found[index] = starts[rank] + rank * height
    return found


def _label_beside(lines: Sequence[Line], figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    """Give each cumulative curve a height of its own, in the order of the curves, and a label beside it there."""
    box = frame.box
    usable = box.height - 2 * LABEL_HEIGHT
    lines = sorted(lines, key=lambda line: (line.dashed, float(line.x[line.x.size // 2])))
    lines = lines[: max(int(usable // LABEL_HEIGHT) + 1, 1)]
    lines = sorted(lines, key=lambda line: float(line.x[line.x.size // 2]))
    for rank, line in enumerate(lines):
        y = box.y + LABEL_HEIGHT * 1.4 + (usable * rank / max(len(lines) - 1, 1) if len(lines) > 1 else usable / 2)
        share = frame.y_view[1] - (y - box.y) / box.height * (frame.y_view[1] - frame.y_view[0])
        index = int(np.searchsorted(line.y, share))
        if not 0 < index < line.x.size:
            continue
        x = frame.x(figure.x.unit(float(line.x[index])))
        if not frame.holds(x, y):
            continue
        width = measure(line.label, NORMAL, 500)
        left = x + 12 if x + 16 + width <= box.x + box.width else x - 12 - width
        label = Box(left - 3, y - LABEL_HEIGHT / 2, width + 6, LABEL_HEIGHT - 1)
        drawing.front.append(Fill(label, "surface", 0.86, 3.0))
        drawing.front.append(Mark(x, y, line.series, 4.5))
        drawing.front.append(Words(left, y + 4, line.label, "text", NORMAL, weight=400 if line.dashed else 500))
        drawing.labels.append((line.label, label))


def _draw_points(figure: Figure, frame: Frame, drawing: Drawing) -> None:
    shown = [(point, frame.x(figure.x.unit(point.x)), frame.y(figure.y.unit(point.y))) for point in figure.points]
    shown = [item for item in shown if frame.holds(item[1], item[2])]
    obstacles = [box for _, box in drawing.labels]
    for point, x, y in shown:
        colour = f"series{point.series % 6}"
        _whisker_down(point.y_pair, x, figure, frame, colour, drawing)
        _whisker_across(point.x_pair, y, figure, frame, colour, drawing)
        obstacles += _boxes_of(point, figure, frame)
    drawing.front += [Mark(x, y, point.series) for point, x, y in shown]
    obstacles += [_line_box(rule, figure, frame) for rule in figure.rules if rule.along == "y"]
    texts = [numbers.shorten(point.label, LABEL_LIMIT) for point, _, _ in shown]
    boxes = place([(x, y) for _, x, y in shown], texts, NORMAL, frame.box, obstacles)
    for text, box in zip(texts, boxes, strict=True):
        drawing.front.append(Words(box.x + 1, box.y + 12, text, "text", NORMAL, weight=BOLD))
        drawing.labels.append((text, box))


def _boxes_of(point: Point, figure: Figure, frame: Frame) -> list[Box]:
    """Return what marker and whiskers cover, which words should leave free."""
    x, y = frame.x(figure.x.unit(point.x)), frame.y(figure.y.unit(point.y))
    if not frame.holds(x, y):
        return []
    top, bottom = (frame.clamp_y(frame.y(figure.y.unit(value))) for value in reversed(point.y_pair))
    left, right = (frame.clamp_x(frame.x(figure.x.unit(value))) for value in point.x_pair)
    return [
        Box(x - 8, y - 8, 16, 16),
        Box(x - CAP - 1, top, 2 * CAP + 2, bottom - top),
        Box(left, y - CAP - 1, right - left, 2 * CAP + 2),
    ]


def _line_box(rule: Rule, figure: Figure, frame: Frame) -> Box:
    return Box(frame.box.x, frame.y(figure.y.unit(rule.at)) - 1, frame.box.width, 2)
