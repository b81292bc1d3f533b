"""The studies opened last, each with a button; empty while there is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout

from workbench.ui.elided_label import ElidedLabel
from workbench.ui.widgets import button, clear, label

SHOWN = 6


class RecentList(QFrame):
    """A card with the studies of the last days.

    Signals:
        open_requested: the path of the one that was chosen.
    """

    open_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 14, 16, 14)
        inside.addWidget(label("Recent studies", "heading"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setColumnStretch(1, 1)
        inside.addLayout(self._grid)
        self.hide()

    def show_paths(self, paths: Sequence[Path]) -> None:
        """Show these instead, the first few."""
        clear(self._grid)
        for place, path in enumerate(paths[:SHOWN]):
            name = path.parent.name if path.name == "study.toml" else path.name
            opener = button(_short(name), partial(self.open_requested.emit, path), "link", f"Open {path}")
            self._grid.addWidget(opener, place, 0, Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(ElidedLabel(str(path), "small"), place, 1)
        self.setVisible(bool(paths))


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:16]}...{name[-13:]}"
