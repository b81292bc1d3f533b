"""Fixtures of the window's tests: offscreen, bundled fonts, settings in a folder of the test's own."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from workbench.ui.theme import Theme
    from workbench.ui.window import Window

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """A light theme on the test's application; taken back afterwards."""
    from workbench.ui.theme import Theme

    made = Theme(qapp, "light")
    yield made
    qapp.setStyleSheet("")
    made.deleteLater()


@pytest.fixture
def window(qtbot: QtBot, theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    """The main window at 1280x800, shown offscreen, closed afterwards with everything it started."""
    from workbench.ui.settings import Settings
    from workbench.ui.window import Window

    monkeypatch.setattr("workbench.execution.history.history_path", lambda: tmp_path / "history.sqlite")
    made = Window(theme, Settings(tmp_path / "window.ini"))
    # Unsaved changes are dropped first: closing would ask about them.
    qtbot.addWidget(made, before_close_func=lambda _window: made.desk.document.undo_stack.setClean())
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    return made
