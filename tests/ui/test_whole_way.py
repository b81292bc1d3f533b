"""The whole way through the window, by its own buttons: set up, run, cancel, go on, verdict, exports, close."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import json
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
from helpers.studies import write_study
from PySide6.QtCore import Qt, QThreadPool, QTimer
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.errors_view import LogView
from workbench.ui.window import Window

WAIT_MS = 60_000
BUDGET_S = 1.0


class User:
    """Does with the window what a person does: sees visible parts by their names, clicks, waits."""

    def __init__(self, window: Window, qtbot: QtBot) -> None:
        self.window, self._qtbot = window, qtbot
        self._page = window.page("model")

    def go(self, step: str) -> QWidget:
        """Click a step of the rail and wait until its page has asked what it wanted to know."""
        self._qtbot.mouseClick(self.window.rail.buttons[step], Qt.MouseButton.LeftButton)
        self.wait(lambda: bool(getattr(self.window.page(step), "is_ready", True)))
        self.wait(lambda: self.window.desk.bridge.running == 0)
        self._page = self.window.page(step)
        return self._page

    def click(self, name: str) -> None:
        """Click the visible button of this name, once it is there: pages are filled part by part."""
        self.wait(lambda: any(one.isEnabled() for one in self._buttons(name)))
        (found,) = self._buttons(name)
        self._qtbot.mouseClick(found, Qt.MouseButton.LeftButton)

    def choose(self, name: str, starts_with: str) -> None:
        """Choose an entry of the visible box of this name, once it is there."""
        self.wait(lambda: any(one.accessibleName() == name for one in self._visible(QComboBox)))
        (box,) = [one for one in self._visible(QComboBox) if one.accessibleName() == name]
        place = next(i for i in range(box.count()) if box.itemText(i).startswith(starts_with))
        box.setCurrentIndex(place)
        box.activated.emit(place)

    def log(self) -> str:
        """The log of the run."""
        (found,) = self.window.page("run").findChildren(LogView)
        return str(found.toPlainText())

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def sees(self, text: str) -> bool:
        """Whether a visible part of the page shown has `text` in it."""
        return any(text in (one.accessibleName() or str(getattr(one, "text", str)())) for one in self._visible(QWidget))

    def _buttons(self, name: str) -> list[QPushButton]:
        return [one for one in self._visible(QPushButton) if one.accessibleName() == name]

    def _visible(self, kind: type) -> list:  # type: ignore[type-arg]
        scope = QApplication.activeModalWidget() or self._page
        return [one for one in scope.findChildren(kind) if one.isVisible()]


@pytest.fixture
def nothing_before() -> tuple[set[int], set[threading.Thread]]:
    """Processes and threads that were there before."""
    return {child.pid for child in psutil.Process().children(recursive=True)}, set(threading.enumerate())


@pytest.fixture
def user(window: Window, qtbot: QtBot) -> User:
    window.start_preloading()
    return User(window, qtbot)


def _set_up(user: User, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Model, data, scheme, runtime, profile and time, gate; saved."""
    for name in ("net.onnx", "evaluation.npz", "calibration.npz"):
        user.window.open_path(workplace / name)
    user.go("model")
    assert user.sees("What becomes INT8")
    user.go("data")
    user.wait(lambda: user.sees("No sample is in both sets."))
    user.go("scheme")
    user.choose("Scheme: calibration method", "minmax")
    user.go("runtimes")
    user.click("Add a row for ONNX Runtime CPU")
    user.go("run")
    user.choose("Profile", "quick")
    user.choose("Add a gate", "MACs in INT8")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(workplace / "study.toml"), ""))
    assert user.window.menus.save_as()


def _run_in_two_parts(user: User) -> None:
    """Run, stop when something is finished, and run again to the end."""
    user.click("Run")
    user.wait(lambda: "  done" in user.log())
    user.click("Cancel")
    user.wait(lambda: user.window.desk.bridge.running == 0)
    assert user.sees("Stopped. What was finished is kept")
    assert user.window.result is None
    user.click("Run")
    user.wait(lambda: user.window.result is not None or user.window.errors.isVisible())
    assert user.window.errors.isHidden(), user.window.errors.text()
    assert "kept from before" in user.log()


def _export(user: User, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sheet in all formats and every runtime's model."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(out))
    out.mkdir()
    user.go("sheet")
    user.click("Export all formats")
    user.wait(lambda: user.window.desk.bridge.running == 0)
    assert {path.suffix for path in out.glob("sheet.*")} == {".html", ".pdf", ".json", ".md", ".csv"}
    assert json.loads((out / "sheet.json").read_text(encoding="utf-8"))
    user.go("compare")
    user.click("Export model")
    user.wait(lambda: user.window.findChild(QDialog) is not None)
    assert list(out.glob("*/SHA256SUMS"))
    user.click("Close")


@pytest.mark.slow
def test_from_an_empty_window_to_exported_models(
    nothing_before: tuple[set[int], set[threading.Thread]],
    user: User,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window, workplace = user.window, tmp_path / "work"
    write_study(workplace).unlink()
    _set_up(user, workplace, monkeypatch)
    window.desk.document.set("tiny", BUDGET_S, "measure", "budget_s")
    _run_in_two_parts(user)
    assert window.rail.buttons["compare"].isChecked()
    user.go("compare")
    assert user.sees("ONNX Runtime CPU: ship.")
    user.go("speed")
    _export(user, tmp_path / "out", monkeypatch)
    user.go("history")
    assert window.page("history").panel.view.rows_model.rowCount() == 1
    window.desk.document.undo_stack.setClean()
    assert window.close()
    _nothing_is_left(window, *nothing_before)


def _nothing_is_left(window: Window, children: set[int], threads: set[threading.Thread]) -> None:
    assert {child.pid for child in psutil.Process().children(recursive=True)} - children == set()
    assert [thread.name for thread in threading.enumerate() if thread not in threads] == []
    assert QThreadPool.globalInstance().activeThreadCount() == 0
    assert [timer for timer in window.findChildren(QTimer) if timer.isActive()] == []
    assert not window.desk.bridge.scratch("x").parent.exists()
