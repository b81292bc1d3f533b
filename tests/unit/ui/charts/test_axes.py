from __future__ import annotations

import itertools
import math

import pytest
from helpers.figures import bars, curve, curves, measure, overlaps
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.ui.charts.axes import draw_axes, margins_of, ticks_of
from workbench.ui.charts.figure import Axis
from workbench.ui.charts.shapes import Drawing, Frame


@settings(deadline=None)
@given(st.floats(1e-12, 1e6), st.floats(1.001, 1e12), st.floats(80.0, 1600.0))
def test_texts_of_a_log_axis_never_touch(low: float, ratio: float, length: float) -> None:
    axis = Axis("x", low, low * ratio, log=True)
    view = (math.log10(low), math.log10(low * ratio))
    found = ticks_of(axis, view, length, measure)
    spots = [(unit - view[0]) / (view[1] - view[0]) * length for unit, _ in found]
    halves = [measure(text, 11, 400) / 2 for _, text in found]
    for i in range(1, len(found)):
        assert spots[i] - spots[i - 1] > halves[i] + halves[i - 1]


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(60.0, 900.0))
def test_texts_of_an_upright_axis_never_touch_and_differ(low: float, size: float, length: float) -> None:
    found = ticks_of(Axis("y", low, low + size), (low, low + size), length, None)
    spots = [(unit - low) / size * length for unit, _ in found]
    assert all(b - a >= 14 for a, b in itertools.pairwise(spots))
    assert len({text for _, text in found}) == len(found)


def test_ticks_say_exactly_where_they_stand() -> None:
    found = ticks_of(Axis("x", 0.2, 5.5, log=True), (math.log10(0.19), math.log10(5.5)), 500, measure)
    assert {text: round(10**unit, 6) for unit, text in found} == {"0.2": 0.2, "0.5": 0.5, "1": 1, "2": 2, "5": 5}


def test_small_decades_are_written_as_powers_throughout() -> None:
    found = ticks_of(Axis("x", 1e-13, 1.0, log=True), (-13.0, 0.0), 400, measure)
    assert all("e" in text for _, text in found)
    assert found[0][1].startswith("1e\N{MINUS SIGN}")


def test_signed_ticks_have_equal_decimals() -> None:
    found = ticks_of(Axis("y", -1.2, 0.6, signed=True), (-1.2, 0.6), 200, None)
    assert [text for _, text in found] == ["\N{MINUS SIGN}1.0", "\N{MINUS SIGN}0.5", "0.0", "+0.5"]


def test_fixed_ticks_give_way_when_zoomed() -> None:
    axis = Axis("y", 0.0, 104.0, ticks=(0.0, 25.0, 50.0, 75.0, 100.0))
    assert [text for _, text in ticks_of(axis, (0.0, 104.0), 300, None)] == ["0", "25", "50", "75", "100"]
    assert len(ticks_of(axis, (98.0, 100.0), 300, None)) > 2


@pytest.mark.parametrize("width", [200.0, 480.0, 1600.0])
def test_no_tick_leaves_the_drawing(width: float) -> None:
    figure = curves(curve(0, 50.0))
    margins = margins_of(figure, figure.view, 280.0, measure, 0.0)
    drawing = Drawing()
    draw_axes(figure, Frame(margins.inside(width, 280.0), *figure.view), measure, drawing)
    assert drawing.ticks
    assert not overlaps(drawing.ticks)
    for _, box in drawing.ticks:
        assert box.x >= 0
        assert box.x + box.width <= width
        assert box.y >= 0
        assert box.y + box.height <= 280


def test_names_of_bars_have_room() -> None:
    figure = bars(10.0, 20.0)
    margins = margins_of(figure, figure.view, 200.0, measure, 0.0)
    assert margins.left >= measure("row 0", 12, 400) + 10
