"""The Data page: both sets of samples, what a scan found in them, preprocessing beside a live sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent

from workbench.files import write_text_atomic
from workbench.ui.commands import Command, Finished
from workbench.ui.data_part import TITLES, DataPart
from workbench.ui.data_sets import Part
from workbench.ui.desk import Desk
from workbench.ui.halves import Halves
from workbench.ui.preprocess_editor import PreprocessEditor
from workbench.ui.sample_view import SampleView
from workbench.ui.tables.rows import Heading, TableRow, text_row
from workbench.ui.tables.view import TablePanel
from workbench.ui.widgets import FORM_PX, Page, card, column, label, say

PARTS: tuple[Part, ...] = ("evaluation", "calibration")
WAIT_MS = 500
SETS_PX, SAMPLE_PX = 820, 800
"""Widths below which the two sets, and the sample and its fields, stand below each other."""
GUESS = "Guessed from the model's shapes: compare it with how the model was trained, and change what is different."
OVERLAP = (
    "samples are also in the calibration set: ranges fitted to them make INT8 look better than it is. "
    "Choose other samples for calibration."
)
LOST_HEADINGS = (
    Heading("Set", right=False),
    Heading("File", right=False),
    Heading("Why it cannot be decoded", right=False),
)


class DataPage(Page):
    """What the answers are judged on.

    Signals:
        failed: an error line and log lines.
    """

    failed = Signal(str, object)

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            "Data",
            "Two sets of samples and what is done to them before the model. Every file is read once.",
            widest_px=FORM_PX,
        )
        self._desk = desk
        self._scanned: dict[str, Any] = {}
        self._command: Command | None = None
        self._parts = {part: DataPart(desk, part) for part in PARTS}
        self._overlap, self._guess = label("", wrap=True), label("", "warn", wrap=True)
        self._lost = TablePanel(desk.theme, "Files that cannot be decoded", grows=True)
        self._editor, self._sample = PreprocessEditor(desk), SampleView(desk)
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._timer.timeout.connect(self._scan)
        self._arrange()
        self.setAcceptDrops(True)
        desk.document.changed.connect(self._refresh)
        self._refresh()

    def show_scan(self, document: dict[str, Any]) -> None:
        """Show what `scan` found."""
        parts = document["parts"]
        for part in PARTS:
            if part in self._scanned:
                self._parts[part].show_scan(parts.get(part))
        self._desk.document.note_fault("data", fault_of(parts))
        self._show_overlap(document["overlap"])
        rows = lost_rows(parts)
        self._lost.set_rows(LOST_HEADINGS, rows)
        self._lost_card.setVisible(bool(rows))
        self._show_samples(parts)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  (Qt's name)
        """Leave drops to the window, except onto one of the two sets."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  (Qt's name)
        """Put a dropped folder or array file into the set under the pointer."""
        urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
        target: Part = next((part for part, box in self._parts.items() if box.underMouse()), "evaluation")
        if urls:
            self._parts[target].take(Path(urls[0].toLocalFile()))
            event.acceptProposedAction()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Look again at sets that could not be read."""
        super().showEvent(event)
        if self._desk.document.fault("data") and self._command is None:
            self._timer.start()

    def _arrange(self) -> None:
        self.body.addWidget(Halves(*(self._parts[part] for part in PARTS), narrow_px=SETS_PX))
        self._overlap.hide()
        self.body.addWidget(self._overlap)
        self._lost_card, inside = card("Files that cannot be decoded")
        inside.addWidget(self._lost)
        self._lost_card.hide()
        frame, below = card("Preprocessing and task")
        below.addWidget(label("Declared, hashed, and done the same way for every runtime.", "muted", wrap=True))
        below.addWidget(self._guess)
        below.addWidget(Halves(self._editor, self._sample, narrow_px=SAMPLE_PX, spacing=28))
        self.body.addLayout(column(frame, self._lost_card))
        self.body.addStretch(1)

    def _refresh(self) -> None:
        data = self._desk.document.value("data", default={})
        for box in self._parts.values():
            box.show_document()
        self._editor.show_document()
        say(self._guess, GUESS if self._desk.document.is_guessed else "")
        self._sample.refresh()
        if data != self._scanned:
            self._scanned = data
            self._stop()
            self._show_overlap(None)
            self._say("Reading...")
            self._timer.start()

    def _scan(self) -> None:
        if not self._scanned:
            self._sample.set_files(Path(), [])
            return
        path = self._desk.bridge.scratch("scan.toml")
        write_text_atomic(path, scan_study(self._scanned))
        self._command = self._desk.bridge.run(["scan", str(path), "--json"], self._done, on_log=self._progress)

    def _stop(self) -> None:
        self._timer.stop()
        if self._command is not None:
            self._command.cancel()
            self._command = None

    def _progress(self, line: str) -> None:
        self._say(f"Reading: {line.strip()}")

    def _say(self, words: str) -> None:
        for part, box in self._parts.items():
            if part in self._scanned:
                box.show_scan(None, words)

    def _done(self, done: Finished) -> None:
        if done.cancelled:
            return
        self._command = None
        if isinstance(done.document, dict):
            self.show_scan(done.document)
        else:
            self.failed.emit(done.error, done.log_tail)

    def _show_overlap(self, overlap: int | None) -> None:
        if overlap is None:
            say(self._overlap, "")
        elif overlap == 0:
            say(self._overlap, "No sample is in both sets.", "ok")
        else:
            say(self._overlap, f"{overlap:,} evaluation {OVERLAP}", "warn")

    def _show_samples(self, parts: dict[str, Any]) -> None:
        for part in PARTS:
            found = parts.get(part)
            if part in self._scanned and found and found.get("kind") == "images" and found["files"]:
                self._sample.set_files(Path(self._scanned[part]["path"]), found["files"])
                return
        self._sample.set_files(Path(), [])


def fault_of(parts: dict[str, Any]) -> str:
    """Return why a set cannot be read, in a line that names it, "" where both can."""
    errors = ((part, (parts.get(part) or {}).get("error", "")) for part in PARTS)
    return next((f"{TITLES[part]}: {error}" for part, error in errors if error), "")


def lost_rows(parts: dict[str, Any]) -> list[TableRow]:
    """Return a row per file that cannot be decoded."""
    return [
        text_row(TITLES[part], file, reason)
        for part in PARTS
        for file, reason in (parts.get(part) or {}).get("undecodable", [])
    ]


def scan_study(data: dict[str, Any]) -> str:
    """Return the study file for a scan: the data tables alone, whatever else is not chosen yet."""
    import tomli_w  # noqa: PLC0415  (only here)

    missing = {} if "evaluation" in data else {"evaluation": data["calibration"]}
    return tomli_w.dumps({"schema_version": 1, "model": {"path": "-"}, "data": {**data, **missing}})
