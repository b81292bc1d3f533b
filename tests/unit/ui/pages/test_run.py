"""The Run page: run, cancel, run again, results shown; what is missing is said."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.studies import document, write_study
from pytestqt.qtbot import QtBot

from workbench.ui.pages.run import RunPage, log_line
from workbench.ui.run_state import PREPARATION
from workbench.ui.window import Window

WAIT_MS = 60_000


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
    qtbot.waitUntil(lambda: not page.is_running, timeout=5000)
    assert page._now.text().startswith("Stopped")
    page.start()
    qtbot.waitUntil(lambda: not page.is_running, timeout=WAIT_MS)
    assert window.result is not None, page._log.toPlainText()
    assert window.rail.buttons["compare"].isChecked()
    assert {lane.kind for lane in page._run.lanes.values()} == {"done"}, page._log.toPlainText()
    assert "Evaluate" in page._log.toPlainText()
    assert page._timer.isActive() is False


def test_settings_go_into_the_study(page: RunPage, window: Window) -> None:
    page._profile.setCurrentIndex(page._profile.findData("standard"))
    page._profile.activated.emit(1)
    page._budget.setValue(30)
    assert window.desk.document.value("measure") == {"profile": "standard", "budget_s": 30.0}


def test_code_asks_for_leave(page: RunPage, window: Window) -> None:
    window.show_page("run")
    assert page._code.isHidden()
    window.desk.document.set("model", {"factory": "pkg:make"}, "model")
    assert not page._code.isHidden()


def test_log_lines_are_stages_only() -> None:
    assert log_line({"event": "progress"}, "12:00:00") == ""
    event = {"event": "stage", "name": "Plan S1", "state": "kept"}
    assert log_line(event, "12:00:00") == "12:00:00  Plan S1  kept from before"
