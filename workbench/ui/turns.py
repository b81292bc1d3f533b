"""Work in pieces, one per turn of the event loop, so that a page that fills itself never stalls the window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer

Piece = Callable[[], object]


class Turns(QObject):
    """Does pieces of work in their order, between the events of the window."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: deque[Piece] = deque()
        self._timer = QTimer(self, interval=0, singleShot=True)
        self._timer.timeout.connect(self._next)

    @property
    def is_done(self) -> bool:
        """Whether no piece is waiting."""
        return not self._waiting

    def begin(self, pieces: Iterable[Piece]) -> None:
        """Do these, one a turn; what was still waiting is dropped."""
        self._waiting = deque(pieces)
        self._timer.start()

    def stop(self) -> None:
        """Drop what is waiting."""
        self._waiting.clear()
        self._timer.stop()

    def _next(self) -> None:
        if self._waiting:
            piece = self._waiting.popleft()
            if self._waiting:
                self._timer.start()
            piece()
