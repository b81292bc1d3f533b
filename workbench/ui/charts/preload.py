"""Loads what pages and charts need beside the event loop, so that the first result comes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from threading import Event, Thread
from time import monotonic
from types import ModuleType

from PySide6 import QtCore, QtGui, QtWidgets

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
"""In the order in which they need each other: what a page needs first comes first."""


QT = (QtCore, QtGui, QtWidgets)
TURN_S = 0.008
"""Seconds of one turn of the event loop that go into making types."""


class Preloader:
    """Imports MODULES in a thread of its own, which makes no Qt object; made after the first paint.

    Qt's types come first, a few per turn of the event loop: the binding makes each when it is first named, and two
    threads that name the same one at the same time end the process. The interpreter changes threads every few
    milliseconds, so that the window answers all the while; loaded in turns of the event loop, the largest module
    stopped it for 0.3 s. A module that cannot be imported ends the thread with its traceback, and is told again by the
    page that needs it.
    """

    def __init__(self, modules: Sequence[str] = MODULES) -> None:
        self._waiting = list(modules)
        self._stopped = Event()
        self._thread = Thread(target=self._load, name="preload", daemon=True)
        self._types = _qt_types()
        self._timer = QtCore.QTimer(interval=0)
        self._timer.timeout.connect(self._make_types)
        self._timer.start()

    @property
    def is_done(self) -> bool:
        """Whether everything is loaded."""
        return not self._waiting

    def stop(self) -> None:
        """Load nothing more; returns once the module in hand is loaded."""
        self._timer.stop()
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _make_types(self) -> None:
        """Make types for a moment; after the last one the thread starts."""
        end_s = monotonic() + TURN_S
        for module, name in self._types:
            getattr(module, name, None)
            if monotonic() > end_s:
                return
        self._timer.stop()
        self._thread.start()

    def _load(self) -> None:
        while self._waiting and not self._stopped.is_set():
            import_module(self._waiting[0])
            del self._waiting[0]


def _qt_types() -> Iterator[tuple[ModuleType, str]]:
    for module in QT:
        yield from ((module, name) for name in dir(module))
