from __future__ import annotations

from pathlib import Path

import pytest
from helpers import results
from helpers.speed_folders import six_runtimes, write_cells
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.charts.base import ChartCard
from workbench.ui.pages.speed import NO_RAW, SpeedPage
from workbench.ui.theme import Theme


@pytest.fixture
def page(qtbot: QtBot, theme: Theme) -> SpeedPage:
    made = SpeedPage(theme)
    qtbot.addWidget(made)
    made.resize(1040, 800)
    made.show()
    qtbot.waitExposed(made)
    return made


def _texts(page: SpeedPage) -> str:
    return "\n".join(found.text() for found in page.findChildren(QLabel) if found.isVisible())


def _charts(page: SpeedPage) -> list[ChartCard]:
    return [page.throughput.made_chart(), page.latency.made_chart(), page.burst.made_chart()]


def test_without_a_result_it_says_what_to_do(page: SpeedPage) -> None:
    assert "No result yet" in _texts(page)
    assert not any(chart.isVisible() for chart in _charts(page))
    assert page.next_step.action.isVisible()


def test_all_charts_and_the_table_are_shown(page: SpeedPage, qtbot: QtBot, tmp_path: Path) -> None:
    result = results.ordinary()
    page.show_result(result, write_cells(tmp_path, result, rounds=2))
    qtbot.waitUntil(lambda: page.is_ready, timeout=10_000)
    assert all(chart.figure is not None and chart.plot.isVisible() for chart in _charts(page))
    assert [len(chart.plot.curves) for chart in _charts(page)] == [4, 4, 0]
    assert page.table.view.rows_model.rowCount() == 4
    texts = _texts(page)
    assert "SUSTAINED" in texts
    assert "The worker died while building the engine" in texts


def test_many_samples_are_read_between_events(
    page: SpeedPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = results.ordinary()
    folder = write_cells(tmp_path, result, rounds=1)
    monkeypatch.setattr("workbench.ui.pages.speed.BUDGET_S", 1e-9)
    with qtbot.waitSignal(page.ready, timeout=10_000):
        page.show_result(result, folder)
        assert not page.is_ready
    assert page.latency.figure is not None


def test_another_result_replaces_one_that_is_still_read(
    page: SpeedPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.ui.pages.speed.BUDGET_S", 1e-9)
    page.show_result(six_runtimes(), None)
    page.show_result(None, None)
    qtbot.wait(50)
    assert page.is_ready
    assert page.throughput.figure is None


def test_without_raw_samples_the_distribution_says_so(page: SpeedPage, qtbot: QtBot) -> None:
    page.show_result(results.ordinary(), None)
    qtbot.waitUntil(lambda: page.is_ready, timeout=10_000)
    assert NO_RAW in _texts(page)
    assert page.throughput.figure is not None


@pytest.mark.parametrize("name", ["all_null", "no_runtimes"])
def test_nothing_measured_leaves_no_empty_chart(page: SpeedPage, name: str) -> None:
    page.show_result(getattr(results, name)(), None)
    assert "no speed" in _texts(page)
    assert not any(chart.isVisible() for chart in _charts(page))
    assert not page.table.isVisible()
    assert "can be trusted" not in _texts(page)


@pytest.mark.parametrize("width", [900, 1040, 1680])
def test_no_chart_label_overlaps_another(page: SpeedPage, qtbot: QtBot, tmp_path: Path, width: int) -> None:
    result = six_runtimes(tuple(f"runtime {n} with a label that is far too long for it" for n in range(6)))
    page.resize(width, 900)
    page.show_result(result, write_cells(tmp_path, result, rounds=1, round_s=0.5, warm_s=0.5))
    qtbot.waitUntil(lambda: page.is_ready, timeout=10_000)
    qtbot.wait(20)
    for chart in _charts(page):
        boxes = chart.label_boxes()
        assert boxes
        for i, (first, one) in enumerate(boxes):
            for second, two in boxes[:i]:
                shared = one.intersected(two)
                assert shared.width() <= 1 or shared.height() <= 1, (first, second)


def test_everything_that_takes_the_focus_has_a_name(page: SpeedPage, qtbot: QtBot) -> None:
    page.show_result(results.ordinary(), None)
    qtbot.waitUntil(lambda: page.is_ready, timeout=10_000)
    reached = [
        widget
        for widget in page.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None and widget.isVisible()
    ]
    assert len(reached) > 8
    assert [widget for widget in reached if not widget.accessibleName()] == []


def test_it_follows_the_theme(page: SpeedPage, theme: Theme) -> None:
    page.show_result(results.ordinary(), None)
    before = page.grab().toImage()
    theme.set_mode("dark")
    assert page.grab().toImage() != before
