from __future__ import annotations

import pytest
from helpers.figures import point, points
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from workbench.ui.charts.keys import action_for
from workbench.ui.charts.plot import FigurePlot
from workbench.ui.theme import Theme

NONE, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> FigurePlot:
    made = FigurePlot(theme.tokens)
    qtbot.addWidget(made)
    made.resize(560, 300)
    made.show_figure(points(point(0, 1000, -0.2), point(1, 5000, -0.5)))
    return made


def _do(plot: FigurePlot, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    action = action_for(plot, key, modifiers)
    assert action is not None
    action()


def test_arrows_step_and_escape_stops(plot: FigurePlot) -> None:
    _do(plot, Qt.Key.Key_Right)
    assert plot.reading is not None
    _do(plot, Qt.Key.Key_Escape)
    assert plot.reading is None


def test_escape_is_left_to_the_window_when_nothing_is_read(plot: FigurePlot) -> None:
    assert action_for(plot, Qt.Key.Key_Escape, NONE) is None


@pytest.mark.parametrize(
    ("key", "axis", "sign"),
    [(Qt.Key.Key_Left, 0, -1), (Qt.Key.Key_Right, 0, 1), (Qt.Key.Key_Up, 1, 1), (Qt.Key.Key_Down, 1, -1)],
)
def test_control_and_arrows_pan(plot: FigurePlot, key: Qt.Key, axis: int, sign: int) -> None:
    plot.zoom(2.0)
    before = plot.view[axis][0]
    _do(plot, key, CONTROL)
    assert (plot.view[axis][0] - before) * sign > 0


def test_zoom_and_reset(plot: FigurePlot) -> None:
    whole = plot.view
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
        _do(plot, key)
    assert plot.view[0][1] - plot.view[0][0] == pytest.approx((whole[0][1] - whole[0][0]) / 1.25**2)
    _do(plot, Qt.Key.Key_Home)
    assert plot.view == whole


def test_other_keys_are_not_the_charts(plot: FigurePlot) -> None:
    assert action_for(plot, Qt.Key.Key_Tab, NONE) is None
