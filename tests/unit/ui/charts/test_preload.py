from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from pytestqt.qtbot import QtBot

from workbench.ui.charts.preload import MODULES, Preloader

NO_QT_OBJECT = """
import gc
from PySide6.QtCore import QObject, QThread
from PySide6.QtWidgets import QApplication
from workbench.ui.charts.preload import Preloader
application = QApplication([])
loader = Preloader()
while not loader.is_done:
    application.processEvents()
made = [each for each in gc.get_objects() if isinstance(each, QObject)]
print(loader.is_done, len(made), sum(each.thread() != QThread.currentThread() for each in made))
"""


def test_everything_is_loaded_beside_the_event_loop(qtbot: QtBot) -> None:
    loader = Preloader()
    qtbot.waitUntil(lambda: loader.is_done, timeout=20_000)
    assert all(module in sys.modules for module in MODULES)
    loader.stop()
    assert "preload" not in [thread.name for thread in threading.enumerate()]


def test_qts_types_are_made_before_the_thread_starts(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr("workbench.ui.charts.preload.TURN_S", 0.0)
    monkeypatch.setattr(
        "workbench.ui.charts.preload.import_module", lambda _name: left.append(next(loader._types, None))
    )
    loader = Preloader(["first"])
    assert not loader._thread.is_alive()
    loader._make_types()
    assert next(loader._types, None) is not None
    qtbot.waitUntil(lambda: loader.is_done, timeout=20_000)
    assert left == [None]


def test_it_can_be_stopped_before_the_thread_starts(qtbot: QtBot) -> None:
    loader = Preloader(["first"])
    loader.stop()
    qtbot.wait(30)
    assert not loader._thread.is_alive()
    assert not loader.is_done


def test_it_can_be_stopped(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()
    imported: list[str] = []

    def slow(name: str) -> None:
        imported.append(name)
        reached.set()
        go_on.wait(10)

    monkeypatch.setattr("workbench.ui.charts.preload.import_module", slow)
    loader = Preloader(["first", "second"])
    qtbot.waitUntil(reached.is_set, timeout=20_000)
    threading.Timer(0.05, go_on.set).start()
    loader.stop()
    assert imported == ["first"]
    assert not loader.is_done


def test_no_qt_object_is_made_in_the_thread() -> None:
    done = subprocess.run([sys.executable, "-c", NO_QT_OBJECT], capture_output=True, text=True, check=True)
    finished, made, elsewhere = done.stdout.split()
    assert finished == "True"
    assert int(made) > 0
    assert elsewhere == "0"


def test_asking_for_it_loads_nothing_yet() -> None:
    code = "import sys, workbench.ui.charts.preload; print('pyqtgraph' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
