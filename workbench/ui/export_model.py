"""Exporting models from the window: choose a folder, the command line writes, a dialog says what lies where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QPushButton, QWidget

from workbench.ui.commands import Bridge, Finished
from workbench.ui.widgets import button, column, label, row

Failed = Callable[[str, Sequence[str]], object]


def export_models(parent: QWidget, bridge: Bridge, folder: Path, failed: Failed) -> None:
    """Ask for a folder and export every runtime's model of a study into it."""
    chosen = QFileDialog.getExistingDirectory(parent, "Export models into a folder")
    if chosen:
        export_into(parent, bridge, folder, Path(chosen), failed)


def export_into(parent: QWidget, bridge: Bridge, folder: Path, out: Path, failed: Failed) -> None:
    """Export every runtime's model into `out` in another process, then show what was written."""

    def finished(done: Finished) -> None:
        if done.ok and isinstance(done.document, dict):
            ExportedDialog(parent, out, done.document["rows"]).open()
        elif not done.cancelled:
            failed(done.error or "The export said nothing.", done.log_tail)

    bridge.run(["export", str(folder), "-o", str(out), "--json"], finished)


class ExportedDialog(QDialog):
    """What was exported, row by row, and a button that opens the folder."""

    def __init__(self, parent: QWidget, out: Path, rows: Sequence[dict[str, Any]]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models exported")
        self.setMinimumWidth(560)
        lines = column(spacing=8)
        for entry in rows:
            lines.addWidget(label(str(entry["name"]), "strong", wrap=True))
            lines.addWidget(label(_said(entry), "muted", wrap=True, selectable=True))
        show = button("Open folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(out))))
        close: QPushButton = button("Close", self.accept, "primary")
        written = sum(bool(entry["folder"]) for entry in rows)
        words = "One folder per row. SHA256SUMS in each lists every file: sha256sum -c SHA256SUMS"
        title = f"{written} of {len(rows)} models written" if rows else "This study has no model to export"
        outside = column(label(title, "heading"), label(words, "small", wrap=True), lines, row(None, show, close))
        outside.setContentsMargins(20, 18, 20, 16)
        self.setLayout(outside)
        close.setDefault(True)


def _said(entry: dict[str, Any]) -> str:
    return f"{entry['folder']}: {', '.join(entry['files'])}" if entry["folder"] else f"not exported: {entry['reason']}"
