"""A frame that takes dropped files and says what it takes; with buttons to choose them instead."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from workbench.ui.theme import set_role
from workbench.ui.widgets import label, row


class DropArea(QFrame):
    """Takes one file or folder; `dropped` carries its path.

    Args:
        title: what may be dropped; words: a line below it; actions: buttons under both.
    """

    dropped = Signal(object)

    def __init__(self, title: str, words: str, *actions: QWidget) -> None:
        super().__init__()
        self.setProperty("role", "drop")
        self.setAcceptDrops(True)
        self.setAccessibleName(title)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(20, 22, 20, 22)
        inside.setSpacing(6)
        below = label(words, "muted", wrap=True)
        for line in (label(title, "heading"), below):
            line.setAlignment(Qt.AlignmentFlag.AlignCenter)
            inside.addWidget(line)
        buttons = row(None, *actions, None, spacing=8)
        buttons.setContentsMargins(0, 8, 0, 0)
        inside.addLayout(buttons)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  (Qt's name)
        """Take files and folders, and show it."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            set_role(self, "drop-active")
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802  (Qt's name)
        """Show the plain frame again."""
        set_role(self, "drop")
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  (Qt's name)
        """Pass the first file on."""
        set_role(self, "drop")
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.dropped.emit(Path(url.toLocalFile()))
                return
