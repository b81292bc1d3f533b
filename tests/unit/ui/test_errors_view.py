"""Error panel and crash dialog."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.errors_view import CrashDialog, ErrorPanel, LogView, install_crash_dialog, versions
from workbench.ui.theme import Theme
from workbench.ui.widgets import column


def test_an_error_shows_its_log_on_request(theme: Theme, qtbot: QtBot) -> None:
    panel = ErrorPanel(theme)
    qtbot.addWidget(panel)
    assert panel.isHidden()
    panel.show_error("no model. Give one.", ["line 1", "line 2"])
    assert not panel.isHidden()
    assert panel._log.isHidden()
    panel._toggle.click()
    assert not panel._log.isHidden()
    assert panel.text() == "no model. Give one.\nline 1\nline 2"


def test_escape_closes_an_error_wherever_the_focus_is(theme: Theme, qtbot: QtBot) -> None:
    whole, panel, field = QWidget(), ErrorPanel(theme), QLineEdit()
    qtbot.addWidget(whole)
    whole.setLayout(column(panel, field))
    panel.show_error("short")
    whole.show()
    qtbot.waitExposed(whole)
    whole.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus, timeout=20_000)
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert panel.isHidden()


def test_without_log_there_is_nothing_to_fold_out(theme: Theme, qtbot: QtBot) -> None:
    panel = ErrorPanel(theme)
    qtbot.addWidget(panel)
    panel.show_error("short")
    assert panel._toggle.isHidden()


def test_a_report_names_versions() -> None:
    assert versions().startswith("int8-workbench ")
    assert "\nQt 6." in versions()
    assert "Python " in versions()


def test_the_crash_dialog_shows_the_report(theme: Theme, qtbot: QtBot) -> None:
    dialog = CrashDialog(theme, "int8-workbench 1\n\nTraceback: boom")
    qtbot.addWidget(dialog)
    views = dialog.findChildren(LogView)
    assert views[0].toPlainText().endswith("boom")
    assert views[0].accessibleName() == "Report"


def test_an_uncaught_fault_opens_one_dialog(
    theme: Theme, qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    install_crash_dialog(theme, qapp)
    error = ValueError("boom")

    def dialogs() -> list[CrashDialog]:
        return [item for item in qapp.topLevelWidgets() if isinstance(item, CrashDialog) and item.isVisible()]

    sys.excepthook(ValueError, error, None)
    qtbot.waitUntil(lambda: len(dialogs()) == 1, timeout=20_000)
    sys.excepthook(ValueError, error, None)
    qtbot.wait(50)
    assert len(dialogs()) == 1
    dialogs()[0].accept()
    assert "ValueError: boom" in capsys.readouterr().err
