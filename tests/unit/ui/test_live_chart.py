"""The live chart: drawn when asked, once a second, kept while its table is read."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import subprocess
import sys
from pathlib import Path
from typing import Any

from helpers.studies import document, write_study_file
from pytestqt.qtbot import QtBot

from workbench.execution.study import load_study
from workbench.ui import live_chart
from workbench.ui.live_chart import LiveChart
from workbench.ui.run_place import planned
from workbench.ui.theme import Theme

CELL = "echo · S1 · int8"


class Clock:
    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(live_chart, "time", made)
    return made


@pytest.fixture
def chart(theme: Theme, qtbot: QtBot, tmp_path: Path, clock: Clock) -> LiveChart:
    made = LiveChart(theme)
    qtbot.addWidget(made)
    content = document(measure={"profile": "quick"})
    made.begin(planned(load_study(write_study_file(tmp_path / "s.toml", content)), {}))
    return made


def told(chart: LiveChart, at: int) -> None:
    event: dict[str, Any] = {"event": "rate", "cell": CELL, "start_s": at, "seconds": 1.0, "per_s": 100.0}
    chart.take({**event, "phase": "block", "block": at})


def points(chart: LiveChart) -> int:
    figure = chart.chart.figure if chart.chart is not None else None
    return figure.lines[0].x.size if figure is not None else 0


def test_it_is_drawn_at_most_once_a_second(chart: LiveChart, clock: Clock) -> None:
    chart.paint()
    assert points(chart) == 0
    assert chart.isHidden()
    told(chart, 0)
    assert points(chart) == 0
    chart.paint()
    assert (points(chart), chart.isHidden()) == (1, False)
    told(chart, 1)
    clock.now_s += 0.9
    chart.paint()
    assert points(chart) == 1
    clock.now_s += 0.2
    chart.paint()
    assert points(chart) == 2
    told(chart, 2)
    chart.paint(is_over=True)
    assert points(chart) == 3


def test_a_table_that_is_read_and_a_zoom_stay(chart: LiveChart, clock: Clock) -> None:
    told(chart, 0)
    chart.paint()
    assert chart.chart is not None
    chart.chart.plot.zoom(3.0)
    view = chart.chart.plot.view
    for at, is_table in ((1, False), (2, True), (3, False)):
        chart.chart.table_button.setChecked(is_table)
        told(chart, at)
        clock.now_s += 2
        chart.paint()
        assert points(chart) == (2 if is_table else at + 1)
        assert chart.chart.plot.view == view


def test_a_new_run_starts_with_an_empty_chart(chart: LiveChart, tmp_path: Path) -> None:
    told(chart, 0)
    chart.paint()
    content = document(measure={"profile": "quick"})
    chart.begin(planned(load_study(write_study_file(tmp_path / "s.toml", content)), {}))
    assert chart.isHidden()
    assert chart.rates.measured == []


def test_the_run_page_loads_no_chart_library() -> None:
    code = "import workbench.ui.pages.run, sys; print([n for n in sys.modules if 'pyqtgraph' in n or '.charts.l' in n])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
