"""Why a cell has no answer: read, unfolded, copied."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from workbench.ui.errors_view import LogView
from workbench.ui.lane_failure import LaneFailure
from workbench.ui.run_state import NOT_AVAILABLE, Failure
from workbench.ui.theme import Theme

CRASH = Failure("crashed", "ended by SIGSEGV", "Update it.", ("first", "last"))


@pytest.fixture
def shown(theme: Theme, qtbot: QtBot) -> LaneFailure:
    made = LaneFailure(theme, "ORT")
    qtbot.addWidget(made)
    made.show_failure(CRASH)
    return made


def _button(shown: LaneFailure, name: str) -> QPushButton:
    (found,) = [one for one in shown.findChildren(QPushButton) if one.accessibleName() == name]
    return found


def test_the_log_is_folded_until_asked_for(shown: LaneFailure) -> None:
    (log,) = shown.findChildren(LogView)
    toggle = _button(shown, "Show or hide the last log lines of ORT")
    assert log.isHidden()
    toggle.click()
    assert (log.isHidden(), log.toPlainText(), toggle.text()) == (False, "first\nlast", "Hide log")
    shown.show_failure(CRASH)
    assert not log.isHidden()
    toggle.click()
    assert (log.isHidden(), toggle.text()) == (True, "Show log")


def test_copy_takes_everything(shown: LaneFailure) -> None:
    _button(shown, "Copy what went wrong with ORT").click()
    assert QGuiApplication.clipboard().text() == "ended by SIGSEGV\nUpdate it.\nfirst\nlast"


def test_without_a_log_there_is_no_button_for_it_and_absence_is_no_fault(shown: LaneFailure) -> None:
    assert shown.property("role") == "panel-bad"
    shown.show_failure(Failure(NOT_AVAILABLE, "it needs macOS"))
    assert shown.property("role") == "panel-warn"
    assert _button(shown, "Show or hide the last log lines of ORT").isHidden()
