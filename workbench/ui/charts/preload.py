"""Loads what pages and charts need while the window has nothing else to do, one module per turn of the event loop."""

from __future__ import annotations

from importlib import import_module

from PySide6.QtCore import QObject, QTimer

MODULES = (
    "numpy",
    "numpy.random",
    "pydantic_core",
    "pydantic.main",
    "workbench.execution.result",
    "workbench.execution.study",
    "workbench.execution.discovery",
    "workbench.ui.pages.run",
    "workbench.execution.history",
    "workbench.report.sheet",
    "workbench.report.table",
    "workbench.measure.latency",
    "pyqtgraph",
    "workbench.ui.charts.base",
    "workbench.ui.charts.live",
    "workbench.ui.charts.scatter",
    "workbench.ui.pages.compare",
    "workbench.ui.pages.speed",
    "workbench.ui.charts.pareto",
    "workbench.ui.pages.tune",
    "jinja2",
    "workbench.ui.pages.sheet",
    "workbench.ui.pages.history",
)
"""In the order in which they need each other, so that each turn loads little."""

PAUSE_MS = 30


class Preloader(QObject):
    """Imports MODULES one after another; made after the first paint, it stops by itself or with its parent."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting = list(MODULES)
        self._timer = QTimer(self, interval=PAUSE_MS)
        self._timer.timeout.connect(self._load_one)
        self._timer.start()

    @property
    def is_done(self) -> bool:
        """Whether everything is loaded."""
        return not self._waiting

    def stop(self) -> None:
        """Load nothing more."""
        self._timer.stop()

    def _load_one(self) -> None:
        import_module(self._waiting.pop(0))
        if not self._waiting:
            self._timer.stop()
