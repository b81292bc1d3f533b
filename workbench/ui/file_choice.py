"""One file that may be chosen: its path or what holds without it, a button to choose, a button to do without."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from workbench.ui.elided_label import ElidedLabel
from workbench.ui.theme import set_role
from workbench.ui.widgets import button, row


class FileChoice(QWidget):
    """Holds the path of a file or a folder, or nothing.

    Signals:
        changed: the choice is another one.

    Args:
        what: the file's name in words, for dialogs and screen readers. without: shown while nothing is chosen.
        kinds: filter of the dialog, "" for a folder. saves: the file is to be written, not read.
    """

    changed = Signal()

    def __init__(self, what: str, without: str, kinds: str, *, saves: bool = False) -> None:
        super().__init__()
        self._what, self._without, self._kinds, self._saves = what, without, kinds, saves
        self._path: Path | None = None
        self._text = ElidedLabel(without, "muted")
        self._choose = button("Choose...", self._ask, tip=f"Choose {what}")
        self._remove = button("Remove", lambda: self.set_path(None), "quiet", f"Do without {what}")
        self.setLayout(row(self._text, self._remove, self._choose, spacing=8))
        self.set_path(None)

    @property
    def path(self) -> Path | None:
        """What is chosen."""
        return self._path

    def set_path(self, path: Path | None) -> None:
        """Choose a file, or none."""
        is_other = path != self._path
        self._path = path
        self._text.setText(str(path) if path else self._without)
        set_role(self._text, "mono" if path else "muted")
        self._remove.setVisible(path is not None)
        if is_other:
            self.changed.emit()

    def _ask(self) -> None:
        start, title = str(self._path or ""), self._what[:1].upper() + self._what[1:]
        if self._kinds:
            ask = QFileDialog.getSaveFileName if self._saves else QFileDialog.getOpenFileName
            name, _ = ask(self, title, start, self._kinds)
        else:
            name = QFileDialog.getExistingDirectory(self, title, start)
        if name:
            self.set_path(Path(name).resolve())
