from __future__ import annotations

import gc

import numpy as np
import pytest
from helpers.figures import bars, curve, curves, overlaps, point, points
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.ui.charts.figure import Axis, Figure
from workbench.ui.charts.plot import FigurePlot
from workbench.ui.theme import Theme
from workbench.ui.tokens import DARK


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> FigurePlot:
    made = FigurePlot(theme.tokens)
    qtbot.addWidget(made)
    made.resize(560, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_curves_hold_the_data(plot: FigurePlot) -> None:
    line = curve(0, 20.0)
    plot.show_figure(curves(line))
    ((_, item),) = plot.curves
    x, y = item.getData()
    assert np.array_equal(x, line.x)
    assert np.array_equal(y, line.y)


def test_pens_are_one_px_and_floats_are_dashed(plot: FigurePlot) -> None:
    plot.show_figure(curves(curve(0, 20.0), curve(1, 60.0, dashed=True)))
    pens = [item.opts["pen"] for _, item in plot.curves]
    assert [pen.widthF() for pen in pens] == [1.0, 1.0]
    assert [pen.style() == Qt.PenStyle.SolidLine for pen in pens] == [True, False]


def test_many_points_become_an_envelope_that_keeps_the_peak(plot: FigurePlot) -> None:
    line = curve(0, 20.0, count=100_000)
    line.y[77_777] = 90.0
    plot.show_figure(curves(line))
    ((_, item),) = plot.curves
    x, y = item.getData()
    assert x.size < 2500
    assert y.max() == 90.0


def test_zooming_in_shows_every_point(plot: FigurePlot) -> None:
    plot.show_figure(curves(curve(0, 20.0, count=100_000)))
    plot.zoom(200.0)
    ((_, item),) = plot.curves
    x, _ = item.getData()
    assert np.isclose(np.diff(x).max(), 10.0 / 99_999)


def test_the_picture_changes_with_the_theme(plot: FigurePlot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    before = plot.grab().toImage()
    plot.set_tokens(DARK)
    after = plot.grab().toImage()
    assert before != after
    assert after.pixelColor(2, 2).name().upper() == DARK.surface
    ((_, item),) = plot.curves
    assert item.opts["pen"].color().name().upper() == DARK.series[0]


def test_zoom_pan_and_reset(plot: FigurePlot) -> None:
    figure = curves(curve(0, 20.0))
    plot.show_figure(figure)
    plot.zoom(2.0)
    (left, right), _ = plot.view
    assert right - left == pytest.approx(5.0)
    plot.pan(0.1, 0.0)
    assert plot.view[0][0] == pytest.approx(left + 0.5)
    plot.reset_view()
    assert plot.view == figure.view


def test_nobody_gets_lost_zooming_out(plot: FigurePlot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    for _ in range(30):
        plot.zoom(0.5)
    (left, right), _ = plot.view
    assert right - left <= 15.01


def test_bars_zoom_sideways_only(plot: FigurePlot) -> None:
    figure = bars(10.0, 20.0)
    plot.show_figure(figure)
    plot.zoom(3.0)
    assert plot.view[1] == pytest.approx(figure.view[1])


@pytest.mark.parametrize("size", [(320, 200), (560, 300), (1600, 700)])
def test_labels_and_ticks_never_overlap_and_stay_inside(plot: FigurePlot, size: tuple[int, int]) -> None:
    plot.show_figure(curves(*(curve(i, 40.0 + i, name=f"Runtime number {i} FP32") for i in range(6))))
    plot.resize(*size)
    for _ in range(4):
        boxes = [*plot.drawing.labels, *plot.drawing.ticks]
        assert not overlaps(boxes)
        assert all(box.x >= -1 and box.x + box.width <= plot.width() + 1 for _, box in boxes)
        plot.zoom(1.7)


def test_the_pointer_reads_values_out(plot: FigurePlot, qtbot: QtBot) -> None:
    plot.show_figure(curves(curve(0, 20.0, name="A"), curve(1, 60.0, name="B")))
    qtbot.mouseMove(plot.viewport(), QPoint(100, 100))
    with qtbot.waitSignal(plot.hovered, timeout=20_000) as caught:
        qtbot.mouseMove(plot.viewport(), QPoint(280, 120))
    assert [row.name for row in caught.args[0].rows] == ["A", "B"]


def test_what_is_under_the_pointer_follows_new_values_and_zoom(plot: FigurePlot, qtbot: QtBot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    qtbot.mouseMove(plot.viewport(), QPoint(200, 100))
    qtbot.mouseMove(plot.viewport(), QPoint(280, 121))
    qtbot.waitUntil(lambda: plot.reading is not None)
    plot.show_figure(curves(curve(0, 70.0)), keep_view=True)
    assert plot.reading is not None
    assert float(plot.reading.rows[0].text) == pytest.approx(70.0, abs=1.1)
    plot.leaveEvent(QEvent(QEvent.Type.Leave))
    plot.zoom(2.0)
    assert plot.reading is None


def test_dragging_pans(plot: FigurePlot, qtbot: QtBot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    plot.zoom(2.0)
    before = plot.view[0][0]
    button = Qt.MouseButton.LeftButton
    qtbot.mousePress(plot.viewport(), button, pos=QPoint(280, 120))
    for x in range(270, 200, -10):
        event = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(x, 120), QPointF(x, 120), button, button, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(plot.viewport(), event)
    qtbot.mouseRelease(plot.viewport(), button, pos=QPoint(210, 120))
    assert plot.view[0][0] > before


def test_many_charts_come_and_go(qtbot: QtBot, theme: Theme) -> None:
    for _ in range(20):
        made = FigurePlot(theme.tokens)
        made.resize(300, 200)
        made.show()
        made.show_figure(curves(curve(0, 20.0)))
        made.close()
        made.deleteLater()
    qtbot.wait(1)
    gc.collect()
    assert not [found for found in QApplication.topLevelWidgets() if isinstance(found, FigurePlot)]


def test_arrow_keys_walk_through_points_and_bars(plot: FigurePlot, qtbot: QtBot) -> None:
    plot.show_figure(points(point(0, 1000, -0.2), point(1, 5000, -0.5)))
    heard: list[str] = []
    plot.hovered.connect(lambda reading: heard.append(reading.heading if reading else ""))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Escape):
        qtbot.keyClick(plot, key)
    assert heard == ["Runtime 0", "Runtime 1", "Runtime 0", "Runtime 1", ""]


def test_arrow_keys_move_the_crosshair(plot: FigurePlot, qtbot: QtBot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    heard: list[float] = []
    plot.hovered.connect(lambda reading: heard.append(reading.x if reading else 0.0))
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert heard[1] > heard[0]


@pytest.mark.parametrize(("key", "grows"), [(Qt.Key.Key_Plus, False), (Qt.Key.Key_Minus, True)], ids=["plus", "minus"])
def test_keys_zoom_and_reset(plot: FigurePlot, qtbot: QtBot, key: Qt.Key, grows: bool) -> None:
    figure = curves(curve(0, 20.0))
    plot.show_figure(figure)
    qtbot.keyClick(plot, key)
    (left, right), _ = plot.view
    assert (right - left > 10) == grows
    qtbot.keyClick(plot, Qt.Key.Key_0)
    assert plot.view == figure.view


def test_control_and_arrows_pan(plot: FigurePlot, qtbot: QtBot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    plot.zoom(2.0)
    before = plot.view[0][0]
    qtbot.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert plot.view[0][0] > before


def _wheel(plot: FigurePlot, modifiers: Qt.KeyboardModifier) -> QWheelEvent:
    none = Qt.MouseButton.NoButton
    phase = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(QPointF(280, 120), QPointF(280, 120), QPoint(), QPoint(0, 120), none, modifiers, phase, False)
    plot.wheelEvent(event)
    return event


def test_the_wheel_scrolls_the_page_unless_control_is_held(plot: FigurePlot) -> None:
    figure = curves(curve(0, 20.0))
    plot.show_figure(figure)
    assert not _wheel(plot, Qt.KeyboardModifier.NoModifier).isAccepted()
    assert plot.view == figure.view
    assert _wheel(plot, Qt.KeyboardModifier.ControlModifier).isAccepted()
    assert plot.view[0][1] - plot.view[0][0] < 10


def test_new_values_keep_pan_and_zoom_when_asked(plot: FigurePlot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    plot.zoom(2.0)
    view = plot.view
    plot.show_figure(curves(curve(0, 30.0), curve(1, 40.0)), keep_view=True)
    assert np.allclose(plot.view, view)
    assert len(plot.curves) == 2
    plot.show_figure(curves(curve(0, 30.0)))
    assert plot.view[0] == (0.0, 10.0)


def test_new_values_widen_the_view_of_somebody_who_has_not_zoomed(plot: FigurePlot) -> None:
    plot.show_figure(curves(curve(0, 20.0)))
    longer = curves(curve(0, 20.0))
    longer = Figure(**{**vars(longer), "x": Axis("time in s", 0.0, 20.0)})
    plot.show_figure(longer, keep_view=True)
    assert plot.view[0] == (0.0, 20.0)


def test_it_takes_the_focus_and_is_drawn_without_opengl(plot: FigurePlot) -> None:
    assert plot.focusPolicy() == Qt.FocusPolicy.StrongFocus
    assert "OpenGL" not in type(plot.viewport()).__name__
