from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.report.labels import Box
from workbench.ui.charts.shapes import Frame, Margins, envelope


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 300), st.integers(0, 2**31))
def test_an_envelope_is_small_and_keeps_every_peak(count: int, columns: int, seed: int) -> None:
    x, y = np.arange(count, dtype=float), np.random.default_rng(seed).normal(size=count)
    small_x, small_y = envelope(x, y, -1.0, count + 1.0, columns)
    assert small_x.size <= max(3 * columns + 2, 2 * columns + columns + 2)
    assert small_y.max() == y.max()
    assert small_y.min() == y.min()
    assert np.all(np.diff(small_x) >= 0)


def test_short_curves_stay_as_they_are() -> None:
    x = np.arange(100.0)
    assert np.array_equal(envelope(x, x, 0.0, 99.0, 200)[0], x)


def test_a_view_keeps_one_point_on_either_side() -> None:
    x = np.arange(100.0)
    assert envelope(x, x, 10.5, 20.5, 200)[0].tolist() == list(range(10, 22))


def test_a_frame_maps_the_view_onto_its_box() -> None:
    frame = Frame(Box(10, 20, 100, 50), (0.0, 1.0), (0.0, 10.0))
    assert (frame.x(0.5), frame.y(0.0), frame.y(10.0)) == (60, 70, 20)
    assert frame.holds(60, 70)
    assert not frame.holds(5, 70)
    assert (frame.clamp_x(5), frame.clamp_y(500)) == (10, 70)


def test_margins_never_leave_a_negative_area() -> None:
    assert Margins(500, 0, 500, 0).inside(100, 10).width > 0
