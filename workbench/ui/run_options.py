"""The card of the Run page for what holds for one run and is no part of the study: folder, plan, JUnit, quick, code."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QFrame, QGridLayout, QVBoxLayout, QWidget

from workbench.ui.desk import Desk
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.file_choice import FileChoice
from workbench.ui.run_place import result_folder
from workbench.ui.widgets import button, label, row, say

QUICK = "Quick: 5 s per cell, whatever the profile says"
CODE = "Allow the model's code to run"


class RunOptions(QFrame):
    """Options of the command `run`; another study starts with none.

    Signals:
        changed: one of them is another.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._desk = desk
        self._chosen: Path | None = None
        self._place, self._kept = ElidedLabel(), label("", "muted", wrap=True)
        self._plan = FileChoice("a ready plan", "made from the calibration set", "Plans (*.json)")
        self._junit = FileChoice("a JUnit XML file", "not written", "JUnit (*.xml)", saves=True)
        self._baseline = FileChoice("an earlier run's folder", "compared with no earlier run", "")
        self._quick, self._code = QCheckBox(QUICK), QCheckBox(CODE)
        self._arrange()
        for choice in (self._plan, self._baseline, self._junit):
            choice.changed.connect(self.changed)
        for box in (self._quick, self._code):
            box.setAccessibleName(box.text())
            box.toggled.connect(lambda _on: self.changed.emit())
        desk.document.replaced.connect(self._reset)

    @property
    def folder(self) -> Path:
        """Where results go."""
        return self._chosen or result_folder(self._desk.document.path, self._desk.document.values)

    @property
    def quick(self) -> bool:
        """Whether each cell is timed for 5 s only."""
        return self._quick.isChecked()

    def arguments(self) -> list[str]:
        """Return the options as the command line takes them."""
        found = ["-o", str(self.folder)]
        found += ["--quick"] if self.quick else []
        found += ["--plan", str(self._plan.path)] if self._plan.path else []
        found += ["--baseline", str(self._baseline.path)] if self._baseline.path else []
        found += ["--junit", str(self._junit.path)] if self._junit.path else []
        return found + (["--allow-code"] if self._code.isChecked() else [])

    def show_place(self, kept: str, *, has_code: bool) -> None:
        """Show where results go, what lies there already, and whether code must be allowed."""
        self._place.setText(str(self.folder))
        say(self._kept, kept)
        self._code.setVisible(has_code)

    def _arrange(self) -> None:
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 14, 16, 14)
        inside.setSpacing(8)
        inside.addLayout(row(label("This run", "heading"), label("not part of the study file", "small"), None))
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        change = button("Change...", self._choose_folder, tip="Choose the folder for results")
        folder = QWidget()
        folder.setLayout(row(self._place, change, spacing=8))
        for number, (title, field) in enumerate(
            (
                ("Results go to", folder),
                ("Plan", self._plan),
                ("Baseline", self._baseline),
                ("JUnit XML", self._junit),
            )
        ):
            grid.addWidget(label(title, "muted"), 2 * number, 0)
            grid.addWidget(field, 2 * number, 1)
        grid.addWidget(self._kept, 1, 1)
        inside.addLayout(grid)
        inside.addWidget(self._quick)
        inside.addWidget(self._code)
        inside.addStretch(1)

    def set_folder(self, folder: Path) -> None:
        """Let results go to another folder."""
        self._chosen = folder
        self.changed.emit()

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for results", str(self.folder.parent))
        if name:
            self.set_folder(Path(name))

    def _reset(self) -> None:
        self._chosen = None
        for choice in (self._plan, self._baseline, self._junit):
            choice.set_path(None)
        for box in (self._quick, self._code):
            box.setChecked(False)
        self.changed.emit()
