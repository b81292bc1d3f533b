"""A chart's place: empty, with a reason, or with a figure."""

from __future__ import annotations

from helpers.results import ordinary
from helpers.words import words_of
from pytestqt.qtbot import QtBot

from workbench.report.sheet import build_sheet
from workbench.ui.charts.scatter import scatter_figure
from workbench.ui.pages.chart_slot import ChartSlot
from workbench.ui.theme import Theme


def test_a_figure_a_reason_or_nothing(qtbot: QtBot, theme: Theme) -> None:
    slot = ChartSlot(theme, "Accuracy against speed")
    qtbot.addWidget(slot)
    figure = scatter_figure(build_sheet(ordinary()))
    slot.show_figure(figure, "")
    assert slot.chart is not None
    assert slot.chart.figure is figure
    slot.show_figure(None, "No runtime was measured.")
    assert "No runtime was measured." in words_of(slot)
    assert not slot.isHidden()
    slot.show_figure(None, "")
    assert slot.isHidden()
