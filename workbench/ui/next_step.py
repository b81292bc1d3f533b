"""What an empty page shows: what is missing here, and buttons to what comes next."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QVBoxLayout

from workbench.ui.widgets import button, label, row


class NextStep(QFrame):
    """A card that names the next step and goes there.

    Signals:
        goto: a step of the rail; open_requested: a study folder.

    Args:
        title: what is missing; words: what will stand here; step, action: where the first button goes, and its text.
        opens: whether a finished study can be opened instead.
    """

    goto = Signal(str)
    open_requested = Signal(object)

    def __init__(self, title: str, words: str, step: str, action: str, *, opens: bool = False) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._step = step
        self._title, self._words = label(title, "heading", wrap=True), label(words, "muted", wrap=True)
        self.action = button(action, lambda: self.goto.emit(self._step), "primary")
        self.open_button = button("Open a finished study...", self._open)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(20, 22, 20, 22)
        inside.setSpacing(6)
        for line in (self._title, self._words):
            line.setAlignment(Qt.AlignmentFlag.AlignCenter)
            inside.addWidget(line)
        buttons = row(None, self.action, self.open_button, None, spacing=8)
        buttons.setContentsMargins(0, 8, 0, 0)
        inside.addLayout(buttons)
        if not opens:
            self.open_button.hide()

    def say(self, title: str, words: str, step: str, action: str) -> None:
        """Name another next step."""
        self._step = step
        self._title.setText(title)
        self._words.setText(words)
        self.action.setText(action)
        self.action.setAccessibleName(action)

    def _open(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open a study folder")
        if chosen:
            self.open_requested.emit(Path(chosen))
