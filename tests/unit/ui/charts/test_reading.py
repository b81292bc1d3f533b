from __future__ import annotations

import numpy as np
from helpers.figures import bars, curve, curves, measure, point, points

from workbench.ui.charts.drawing import frame_of
from workbench.ui.charts.figure import Figure
from workbench.ui.charts.reading import Reading, focus_ring, nearest, read_column, readout
from workbench.ui.charts.shapes import Fill, Frame, Words


def _frame(figure: Figure) -> Frame:
    return frame_of(figure, figure.view, 520.0, 300.0, measure)


def test_a_column_reads_every_curve_there() -> None:
    figure = curves(curve(0, 20.0, name="A"), curve(1, 60.0, name="B"))
    frame = _frame(figure)
    found = read_column(figure, frame, frame.x(5.0))
    assert found is not None
    assert found.heading == "5.0 s"
    assert [row.name for row in found.rows] == ["A", "B"]
    assert len(found.marks) == 2
    assert abs(float(found.rows[0].text) - (20 + np.sin(5.0))) < 0.2


def test_gaps_and_columns_without_curves_read_nothing() -> None:
    line = curve(0, 20.0)
    line.y[:] = np.nan
    figure = curves(line)
    assert read_column(figure, _frame(figure), 300.0) is None


def test_the_nearest_point_is_read_within_reach() -> None:
    figure = points(point(0, 1000, -0.2), point(1, 5000, -0.5))
    frame = _frame(figure)
    x, y = frame.x(np.log10(5000)), frame.y(-0.5)
    found = nearest(figure, frame, x + 10, y - 10)
    assert found is not None
    assert (found.heading, found.rows[0].text) == ("Runtime 1", "-0.5 at 5000")
    assert nearest(figure, frame, x + 60, y) is None


def test_bars_are_read_along_their_row() -> None:
    figure = bars(10.0, 90.0)
    frame = _frame(figure)
    found = nearest(figure, frame, frame.x(50.0), frame.y(-1.0))
    assert found is not None
    assert (found.heading, found.index) == ("bar 1", 1)
    assert found.ring is not None


def test_the_text_of_a_reading_names_everything() -> None:
    figure = curves(curve(0, 20.0, name="A"))
    frame = _frame(figure)
    found = read_column(figure, frame, frame.x(0.0))
    assert found is not None
    assert found.text == "0.0 s: A: 20.00"


def test_the_readout_stays_inside_the_drawing() -> None:
    figure = curves(*(curve(i, 10.0 * i, name="a name as long as they come " * 4) for i in range(6)))
    frame = _frame(figure)
    for at in (0.0, 5.0, 10.0):
        found = read_column(figure, frame, frame.x(at))
        assert found is not None
        shapes = readout(found, 900.0, 300.0, measure)
        panel = next(s for s in shapes if isinstance(s, Fill))
        assert panel.box.x >= 0
        assert panel.box.x + panel.box.width <= 901
        assert panel.box.y + panel.box.height <= 301
        assert all(len(s.text) <= 60 for s in shapes if isinstance(s, Words))


def test_points_before_bars_are_numbered() -> None:
    figure = points(point(0, 1000, -0.2))
    assert Reading.of(figure, _frame(figure), 0).heading == "Runtime 0"


def test_the_focus_is_framed() -> None:
    assert len(focus_ring(100, 50)) == 4
