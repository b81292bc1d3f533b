from __future__ import annotations

import subprocess
import sys

from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from workbench.ui.charts.preload import MODULES, Preloader


def test_everything_is_loaded_one_by_one(qtbot: QtBot) -> None:
    parent = QObject()
    loader = Preloader(parent)
    assert not loader.is_done
    qtbot.waitUntil(lambda: loader.is_done, timeout=20_000)
    assert all(module in sys.modules for module in MODULES)
    (timer,) = loader.findChildren(QTimer)
    assert not timer.isActive()


def test_it_can_be_stopped(qtbot: QtBot) -> None:
    parent = QObject()
    loader = Preloader(parent)
    loader.stop()
    qtbot.wait(80)
    assert not loader.is_done


def test_asking_for_it_loads_nothing_yet() -> None:
    code = "import sys, workbench.ui.charts.preload; print('pyqtgraph' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
