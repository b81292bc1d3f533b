"""The Run page: run, cancel, run again, results shown; what is missing is said."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from helpers.studies import document, write_study
from helpers.words import words_of
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.ui.commands import Bridge, Finished
from workbench.ui.pages.run import MEASURING_MS, RunPage, finished_text, log_line, now_text
from workbench.ui.run_state import PREPARATION
from workbench.ui.window import Window

WAIT_MS = 60_000
CELLS = ("ONNX Runtime CPU · S1 · fp32", "ONNX Runtime CPU · S1 · int8")


@pytest.fixture
def page(window: Window) -> RunPage:
    made = window.page("run")
    assert isinstance(made, RunPage)
    return made


def test_what_is_missing_is_said(page: RunPage, window: Window) -> None:
    assert not page._start.isEnabled()
    assert page._expected.text() == "Choose a model first."
    assert window.rail.buttons["run"].state == "not ready"
    page._next.click()
    assert window.rail.buttons["model"].isChecked()


def test_what_is_gone_is_said_and_noticed_when_it_is_back(page: RunPage, window: Window, tmp_path: Path) -> None:
    window.desk.document.load(write_study(tmp_path, document(({"id": "ort_cpu"},))))
    assert page._start.isEnabled()
    model = Path(window.desk.document.value("model", "path"))
    away = model.rename(model.with_suffix(".away"))
    window.show_page("run")
    assert not page._start.isEnabled()
    assert page._expected.text().startswith(f"The model is gone: {model}")
    assert window.rail.buttons["run"].state == "not ready"
    window.activateWindow()
    QApplication.processEvents()
    window._refresh()
    assert window.rail.buttons["model"].state == f"gone: {model.name}"
    page._next.click()
    assert window.rail.buttons["model"].isChecked()
    assert "The model is gone" in words_of(window.page("model"))
    away.rename(model)
    window.show_page("run")
    assert page._start.isEnabled()
    assert window.rail.buttons["run"].state == "ready"


def test_cancel_run_again_and_see_the_result(page: RunPage, window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    content = document(({"id": "ort_cpu"},), measure={"profile": "none"})
    window.desk.document.load(write_study(tmp_path, content))
    assert page._start.isEnabled()
    assert page._expected.text().startswith("2 cells")
    assert len(page._run.lanes) == 3
    page.start()
    assert page.is_running
    qtbot.waitUntil(lambda: page._run.lanes[PREPARATION].kind == "running", timeout=WAIT_MS)
    page.cancel()
    qtbot.waitUntil(lambda: not page.is_running, timeout=20_000)
    assert page._now.text().startswith("Stopped")
    page.start()
    qtbot.waitUntil(lambda: not page.is_running, timeout=WAIT_MS)
    assert window.result is not None, page._log.toPlainText()
    assert window.rail.buttons["compare"].isChecked()
    assert {lane.kind for lane in page._run.lanes.values()} == {"done"}, page._log.toPlainText()
    assert "Evaluate" in page._log.toPlainText()
    assert page._timer.isActive() is False


def test_the_study_is_run_from_every_page_by_a_key(
    page: RunPage, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    command = SimpleNamespace(cancel=lambda: None)
    monkeypatch.setattr(Bridge, "run", lambda _self, arguments, *_, **__: started.append(arguments) or command)
    window.run()
    assert window.rail.buttons["run"].isChecked()
    assert not page.is_running
    window.desk.document.load(write_study(tmp_path, document(({"id": "ort_cpu"},))))
    window.show_page("history")
    window.run()
    window.run()
    assert [arguments[0] for arguments in started].count("run") == 1


def test_code_asks_for_leave(page: RunPage, window: Window) -> None:
    window.show_page("run")
    assert page._options._code.isHidden()
    window.desk.document.set("model", {"factory": "pkg:make"}, "model")
    assert not page._options._code.isHidden()


@pytest.fixture
def fed(page: RunPage, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPage:
    """The page with a study that was started, whose events the test tells."""
    content = document(({"id": "ort_cpu"},), measure={"profile": "quick"})
    window.desk.document.load(write_study(tmp_path, content))
    monkeypatch.setattr(Bridge, "run", lambda *_, **__: SimpleNamespace(cancel=lambda: None))
    window.show_page("run")
    page.start()
    return page


def _done(**changes: Any) -> Finished:
    outcome = {"exit_code": 0, "cancelled": False, "crashed": False, "document": None, "error": "", "log_tail": ()}
    return Finished(**{**outcome, **changes})


def _rate(cell: str, start_s: float, phase: str = "block") -> dict[str, Any]:
    event = {"event": "rate", "cell": cell, "start_s": start_s, "seconds": 1.0, "per_s": 500.0, "phase": phase}
    return {**event, "block": int(start_s), "remaining_s": 20 - start_s}


def test_while_it_runs_settings_make_room_for_lanes_and_rates(fed: RunPage) -> None:
    assert fed._settings.isHidden()
    assert "After the preparation 2 cells will take about 18 s" in fed._now.text()
    assert fed._chart.isHidden()
    first, second = CELLS
    fed._take({"event": "stage", "name": f"Run {first}", "state": "start"})
    fed._take({"event": "stage", "name": "Speed, round 1 of 5", "state": "start"})
    fed._take(_rate(first, 0.0))
    fed._paint()
    assert fed._timer.interval() == MEASURING_MS
    assert "about 20 s left" in fed._now.text()
    assert not fed._chart.isHidden()
    assert fed._lanes.rows[first].stage.text() == "Speed, round 1 of 5 · 1.0 of 5.0 s · 500 per s"
    fed._finished(_done(cancelled=True))
    assert not fed._settings.isHidden()
    assert fed._lanes.rows[first].chip.text() == "stopped"
    assert fed._lanes.rows[second].chip.text() == "waiting"
    assert not fed._chart.isHidden()


def test_nothing_is_drawn_while_another_page_is_shown(fed: RunPage, window: Window) -> None:
    window.show_page("model")
    fed._take({"event": "stage", "name": "Speed, round 1 of 5", "state": "start"})
    fed._take(_rate(CELLS[0], 0.0))
    fed._paint()
    assert fed._chart.isHidden()
    assert fed._chart.made_chart().figure is None
    assert window.rail.buttons["run"].state == "running, 20 s left"
    window.show_page("run")
    assert fed._chart.chart is not None
    assert fed._chart.chart.figure is not None


def test_a_crashed_cell_says_why_and_the_page_how_many(fed: RunPage, window: Window) -> None:
    parts = {"status": "crashed", "reason": "ort_cpu (cell) was ended by SIGSEGV", "log_tail": ["last words"]}
    fed._take({"event": "stage", "name": f"Run {CELLS[0]}", "state": "failed", "text": "Crashed: ...", **parts})
    fed._finished(_done(exit_code=4))
    assert "1 of 2 cells has no answer" in fed._now.text()
    assert window.rail.buttons["run"].state == "finished, 1 without answers"
    failure = fed._lanes.rows[CELLS[0]].failure
    assert failure is not None
    assert "SIGSEGV" in words_of(failure)


def test_another_study_takes_nothing_of_the_last_run_along(fed: RunPage, window: Window, tmp_path: Path) -> None:
    fed._take({"event": "stage", "name": "Scan evaluation data", "state": "done"})
    fed._take(_rate(CELLS[0], 0.0))
    fed._options._quick.setChecked(True)
    fed._finished(_done(cancelled=True))
    assert not fed._log.isHidden()
    window.desk.document.load(write_study(tmp_path / "other", document(({"id": "openvino"},))))
    assert fed._log.isHidden()
    assert fed._chart.isHidden()
    assert fed._now.isHidden()
    assert not fed._options.quick
    assert [name for name in fed._run.lanes if name != PREPARATION] == ["OpenVINO · S1 · fp32", "OpenVINO · S1 · int8"]


def test_words_of_the_end() -> None:
    assert finished_text("9 s", 0, 4) == "Finished in 9 s."
    assert "2 of 4 cells have no answer" in finished_text("9 s", 2, 4)
    assert now_text(9, None, None) == "Running for 9 s."


def test_log_lines_are_stages_only() -> None:
    assert log_line({"event": "progress"}, "12:00:00") == ""
    event = {"event": "stage", "name": "Plan S1", "state": "kept"}
    assert log_line(event, "12:00:00") == "12:00:00  Plan S1  kept from before"
