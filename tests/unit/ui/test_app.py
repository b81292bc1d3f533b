"""Starting: names of the application, age of the process."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.ui.app import WindowArguments, _after_first_paint, make_application, process_age_s
from workbench.ui.charts import preload
from workbench.ui.window import Window


def preloading() -> list[str]:
    """Names of the threads that load something."""
    return [thread.name for thread in threading.enumerate() if thread.name == "preload"]


def test_one_application_with_its_names(qapp: QApplication) -> None:
    assert make_application() is qapp
    assert qapp.applicationDisplayName() == "INT8 Workbench"


def test_the_process_is_older_than_this_test() -> None:
    assert 0 < process_age_s() < 24 * 3600


def test_preloading_begins_after_the_first_paint(window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preload, "import_module", lambda _name: time.sleep(0.2))  # other tests have loaded the parts
    assert preloading() == []
    _after_first_paint(window, WindowArguments())
    qtbot.waitUntil(lambda: bool(preloading()), timeout=20_000)
    assert window.close()
    assert preloading() == []
