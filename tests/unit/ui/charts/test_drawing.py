from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from helpers.figures import bars, curve, curves, measure, overlaps, point, points
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.report.labels import Box
from workbench.ui.charts.drawing import _gap, draw, frame_of, in_order, same_view, spread
from workbench.ui.charts.figure import Band, Figure, Rule
from workbench.ui.charts.shapes import Drawing, Fill, Mark, Stroke, Words


def _drawn(figure: Figure, width: float = 520.0, height: float = 300.0, view: object = None) -> Drawing:
    frame = frame_of(figure, view or figure.view, width, height, measure)  # type: ignore[arg-type]
    return draw(figure, frame, measure)


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 300.0), min_size=1, max_size=15))
def test_spread_positions_keep_their_order_and_distance(wanted: list[float]) -> None:
    found = spread(wanted, 17.0, 0.0, 300.0)
    ordered = sorted(found)
    assert all(b - a >= 17.0 - 1e-6 for a, b in itertools.pairwise(ordered))
    assert [found[i] for i in np.argsort(wanted, kind="stable")] == ordered
    assert ordered[0] >= 0
    assert ordered[-1] <= 300 + 1e-6


def test_lonely_positions_stay_where_they_are() -> None:
    assert spread([10.0, 200.0], 17.0, 0.0, 300.0) == [10.0, 200.0]


@pytest.mark.parametrize("count", [1, 4, 12, 30])
def test_labels_of_curves_never_overlap(count: int) -> None:
    drawing = _drawn(curves(*(curve(i, 50.0 + 0.1 * i, name=f"a long name of run {i}") for i in range(count))))
    assert drawing.labels
    assert not overlaps([*drawing.labels, *drawing.ticks])


def test_labels_at_the_right_stay_inside() -> None:
    drawing = _drawn(curves(curve(0, 50.0, name="a rather long name of a runtime")))
    _, box = drawing.labels[0]
    assert box.x + box.width <= 520


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(200.0, 5000.0), st.floats(-1.5, 0.5)), min_size=1, max_size=6))
def test_labels_of_points_never_overlap_each_other(spots: list[tuple[float, float]]) -> None:
    figure = points(*(point(i, x, y) for i, (x, y) in enumerate(spots)))
    names = {p.label for p in figure.points}
    drawing = _drawn(figure)
    assert not overlaps([item for item in drawing.labels if item[0] in names])


def test_a_point_without_a_label_has_a_marker_and_takes_no_room() -> None:
    named, bare = point(0, 1000.0, 0.0), replace(point(1, 2000.0, 0.0), label="")
    drawing = _drawn(points(named, bare))
    assert [text for text, _ in drawing.labels if text in ("", named.label)] == [named.label]
    assert sum(isinstance(shape, Mark) for shape in drawing.front) == 2


def test_close_runtimes_have_labels_clear_of_markers_and_lines() -> None:
    figure = points(*(point(i, 1000 * 1.02**i, -0.2 - 0.05 * i) for i in range(4)), point(4, 4000, -0.4))
    drawing = _drawn(figure)
    marks = [("mark", Box(m.x - 6, m.y - 6, 12, 12)) for m in drawing.front if isinstance(m, Mark) and m.radius > 4]
    names = [item for item in drawing.labels if item[0].startswith("Runtime")]
    assert len(names) == 5
    assert not [pair for pair in overlaps([*marks, *names]) if set(pair) != {"mark"}]
    above = [(a, b) for a in names for b in names if a[1].y + 1 < b[1].y and _gap(a[1], b[1]) < 0]
    assert above
    assert all(first[0] < second[0] for first, second in above)


def test_a_far_label_is_led_to_its_marker() -> None:
    drawing = _drawn(points(*(point(i, 1000, -0.2) for i in range(6))))
    leaders = [s for s in drawing.front if isinstance(s, Stroke) and s.width == 1 and s.colour.startswith("series")]
    assert leaders


def test_labels_that_might_be_taken_for_another_marker_s_carry_their_own_marker() -> None:
    def keys(*ys: float) -> int:
        drawing = _drawn(points(*(point(i, 1000 * 1.02**i, y) for i, y in enumerate(ys))))
        return sum(isinstance(shape, Mark) and shape.radius == 4 for shape in drawing.front)

    assert keys(-0.2, -0.25, -0.3) == 3
    assert keys(0.5, -1.5) == 0


def test_exchanged_labels_cover_nothing_new() -> None:
    boxes = [Box(10, 40, 50, 10), Box(10, 10, 50, 10)]
    assert [box.y for box in in_order([(0, 0), (0, 20)], boxes, [])] == [10, 40]
    far = [Box(10, 40, 50, 10), Box(200, 10, 50, 10)]
    assert in_order([(0, 0), (0, 20)], far, []) == far


def test_every_point_has_marker_and_both_intervals() -> None:
    drawing = _drawn(points(point(2, 1000, -0.2)))
    strokes = [s for s in drawing.front if isinstance(s, Stroke) and s.colour == "series2"]
    assert [m.series for m in drawing.front if isinstance(m, Mark)] == [2]
    assert len(strokes) == 6


def test_what_lies_outside_the_view_is_not_drawn() -> None:
    figure = points(point(0, 1000, -0.2), point(1, 5000, -0.2))
    drawing = _drawn(figure, view=((3.5, 4.0), figure.view[1]))
    assert [text for text, _ in drawing.labels if text.startswith("Runtime")] == ["Runtime 1"]


def test_the_zero_line_is_dashed_and_named() -> None:
    drawing = _drawn(points(point(0, 1000, -0.2)))
    assert any(isinstance(s, Stroke) and s.dash and s.colour == "text" for s in drawing.back)
    assert "FP32 reference" in [text for text, _ in drawing.labels]


def test_bars_say_their_value_or_why_there_is_none() -> None:
    drawing = _drawn(bars(40.0, None))
    assert [text for text, _ in drawing.labels] == ["40", "nothing"]
    assert len([s for s in drawing.back if isinstance(s, Fill) and s.colour.startswith("series")]) == 1
    assert not overlaps([*drawing.labels, *drawing.ticks])


def test_a_band_shows_the_longest_words_that_fit() -> None:
    def words(high: float) -> list[str]:
        figure = curves(curve(0, 50.0))
        band = Band("x", 0.0, high, "warm_up", ("warm-up, not counted", "warm-up"))
        shown = Figure(**{**vars(figure), "bands": (band,)})
        return [text for text, _ in _drawn(shown).labels if text.startswith("warm")]

    assert [words(9.0), words(2.0), words(0.3)] == [["warm-up, not counted"], ["warm-up"], []]


def test_rounds_are_named_only_where_all_names_fit() -> None:
    def named(count: int) -> int:
        rules = tuple(Rule("x", 10.0 * i / count, f"round {i + 1}") for i in range(count))
        drawing = _drawn(Figure(**{**vars(curves(curve(0, 50.0))), "rules": rules}))
        return sum(isinstance(s, Words) and s.text.startswith("round") for s in drawing.front)

    assert (named(4), named(60)) == (4, 0)


def test_labels_beside_cumulative_curves_have_heights_of_their_own() -> None:
    lines = []
    for i in range(8):
        line = curve(i, 0.0, steps=True)
        lines.append(type(line)(**{**vars(line), "x": line.x + 0.01 * i, "y": np.linspace(0, 100, 50)}))
    drawing = _drawn(curves(*lines))
    assert len([text for text, _ in drawing.labels if text.startswith("run ")]) == 8
    assert not overlaps(drawing.labels)


def test_views_are_the_same_to_a_millionth() -> None:
    view = ((0.0, 10.0), (0.0, 1.0))
    assert same_view(view, ((0.0, 10.0 + 1e-9), (0.0, 1.0)))
    assert not same_view(view, ((0.0, 10.1), (0.0, 1.0)))
