"""Turns a figure into shapes for one size and view: bands, rules, bars, markers, whiskers and direct labels."""

from __future__ import annotations

import math
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
LEADER_FROM = 14.0
KEY_ROOM, KEY_RADIUS = "W", 4.0
BAND_COLOURS = {"gate": ("ok_soft", 0.6), "warm_up": ("neutral_soft", 0.9)}
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
    _name_stretches(figure, frame, measure, drawing)
    for bar in figure.bars:
        _draw_bar(bar, figure, frame, measure, drawing)
    for line in figure.lines:
        _draw_dots(line, figure, frame, drawing)
    _label_lines(figure, frame, measure, drawing)
    _draw_points(figure, frame, drawing)
    return drawing


def same_view(first: View, second: View) -> bool:
    """Return whether two views are equal to a millionth of their size."""
    return all(
        abs(one - two) <= 1e-6 * (pair[1] - pair[0])
        for mine, pair in zip(first, second, strict=True)
        for one, two in zip(mine, pair, strict=True)
    )


def _right_room(figure: Figure, measure: Measure) -> float:
    """Return the width of the longest text right of the data area."""
    ends = [measure(line.label, NORMAL, 400) + 30 for line in figure.lines if line.label and not line.steps]
    bars = [measure(bar.text, SMALL, 400) + 16 for bar in figure.bars if bar.value is not None]
    rules = [measure(rule.words, SMALL, 400) + 14 for rule in figure.rules if rule.beside]
    return max([*ends, *bars, *rules], default=0.0)


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
    words = next((text for text in band.words if measure(text, SMALL, 400) + 12 <= area.width), "")
    if words:
        drawing.front.append(Words(area.x + 6, area.y + 14, words))
        drawing.labels.append((words, Box(area.x + 6, area.y + 3, measure(words, SMALL, 400), 14)))


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
    if rule.beside:
        drawing.front.append(Words(box.x + box.width + 7, y + 4, rule.words))
        drawing.labels.append((rule.words, Box(box.x + box.width + 7, y - 6, measure(rule.words, SMALL, 400), 12)))
    elif rule.words:
        at = _along(rule.words, y, frame, measure, [*taken, *(label for _, label in drawing.labels)])
        drawing.front.append(Words(at.x, at.y + 11, rule.words))
        drawing.labels.append((rule.words, at))


def _name_stretches(figure: Figure, frame: Frame, measure: Measure, drawing: Drawing) -> None:
    """Write the words of upright rules at the top, right of each, if there is room for all of them."""
    box = frame.box
    named = [(frame.x(figure.x.unit(rule.at)), rule.words) for rule in figure.rules if rule.along == "x" and rule.words]
    ends = [*(x for x, _ in named[1:]), box.x + box.width]
    if any(end - x < measure(words, SMALL, 400) + 8 for (x, words), end in zip(named, ends, strict=False)):
        return
    for x, words in named:
        if x >= box.x - 1:
            drawing.front.append(Words(x + 5, box.y + 14, words))
            drawing.labels.append((words, Box(x + 5, box.y + 3, measure(words, SMALL, 400), 14)))


def _along(words: str, y: float, frame: Frame, measure: Measure, taken: Sequence[Box]) -> Box:
    """Return the freest place for words along a level line, above it and to the left where nothing is in the way."""
    box, width = frame.box, measure(words, SMALL, 400)
    steps = [box.x + 6 + i * max(box.width - width - 12, 0.0) / 6 for i in range(7)]
    options = [Box(x, y + shift, width, 14) for shift in (-17, 3) for x in steps]
    return min(options, key=lambda at: round(sum(at.overlap(other) for other in taken) + 9 * at.outside(box), 3))


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
    area = Box(left, middle - height / 2, end - left, height)
    drawing.back += [Fill(area, "surface", 1.0, 2.0)] if opacity < 1 else []
    drawing.back.append(Fill(area, name, opacity, 2.0, outline))
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
    for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True):
        at, up = frame.x(figure.x.unit(x)), frame.y(figure.y.unit(y))
        if math.isfinite(up) and frame.holds(at, up):
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
        drawing.front.append(Mark(x, y, line.series, 3.5))
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
    step = min(usable / max(len(lines) - 1, 1), 2 * LABEL_HEIGHT)
    for rank, line in enumerate(lines):
        y = box.y + box.height / 2 + (rank - (len(lines) - 1) / 2) * step
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
    shown = [item for item in shown if item[0].label]
    anchors = [(x, y) for _, x, y in shown]
    texts = [numbers.shorten(point.label, LABEL_LIMIT) for point, _, _ in shown]
    boxes = in_order(anchors, place(anchors, texts, NORMAL, frame.box, obstacles), obstacles)
    is_keyed = any(_is_ambiguous(index, boxes[index], anchors) for index in range(len(boxes)))
    if is_keyed:
        roomier = [f"{KEY_ROOM}{text}" for text in texts]
        boxes = in_order(anchors, place(anchors, roomier, NORMAL, frame.box, obstacles), obstacles)
    for (point, x, y), text, box in zip(shown, texts, boxes, strict=True):
        drawing.front += _leader(point, x, y, box)
        drawing.front += [Mark(box.x + 6, box.y + 8, point.series, KEY_RADIUS)] if is_keyed else []
        drawing.front.append(Words(box.x + (14 if is_keyed else 1), box.y + 12, text, "text", NORMAL, weight=BOLD))
        drawing.labels.append((text, box))


def _is_ambiguous(index: int, box: Box, anchors: Sequence[tuple[float, float]]) -> bool:
    """Return whether a label stands nearer to another marker than to its own, or almost."""
    away = [math.hypot(*(a - b for a, b in zip(_nearest_in(box, x, y), (x, y), strict=True))) for x, y in anchors]
    return any(other < away[index] + 4 for number, other in enumerate(away) if number != index)


def _nearest_in(box: Box, x: float, y: float) -> tuple[float, float]:
    return min(max(x, box.x), box.x + box.width), min(max(y, box.y), box.y + box.height)


def in_order(anchors: Sequence[tuple[float, float]], boxes: Sequence[Box], taken: Sequence[Box]) -> list[Box]:
    """Return the boxes with neighbours exchanged where their heights contradict those of their markers.

    Two labels that stand above each other then lie in the order of their markers; an exchange that would cover
    something else is not made.
    """
    made = list(boxes)
    pairs = [(i, j) for i in range(len(made)) for j in range(i)]
    for i, j in pairs * 2:
        if (anchors[i][1] - anchors[j][1]) * (made[i].y - made[j].y) >= 0 or _gap(made[i], made[j]) > 0:
            continue
        swapped = [Box(b.x, b.y, a.width, a.height) for a, b in ((made[i], made[j]), (made[j], made[i]))]
        others = [box for k, box in enumerate(made) if k not in (i, j)]
        if _covered(swapped, [*others, *taken]) <= _covered([made[i], made[j]], [*others, *taken]) + 1:
            made[i], made[j] = swapped
    return made


def _gap(first: Box, second: Box) -> float:
    """Return how far two boxes lie apart from left to right, 0 or less where one stands above the other."""
    return max(first.x, second.x) - min(first.x + first.width, second.x + second.width)


def _covered(boxes: Sequence[Box], taken: Sequence[Box]) -> float:
    return sum(box.overlap(other) for box in boxes for other in taken)


def _leader(point: Point, x: float, y: float, box: Box) -> list[Stroke]:
    """Return a thin line from a marker to its label where the label stands too far away to be told by place."""
    end = _nearest_in(box, x, y)
    away = math.hypot(end[0] - x, end[1] - y)
    return [Stroke(x, y, *end, f"series{point.series % 6}")] if away > LEADER_FROM else []


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
