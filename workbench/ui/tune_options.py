"""The card of the Tune page that says what to reach: targets, candidate, most float layers, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFrame, QGridLayout, QLabel, QSpinBox, QVBoxLayout

from workbench.ui.gate_editor import LIMIT_PX, TITLES
from workbench.ui.run_options import CODE
from workbench.ui.widgets import column, label, row, say, without_buttons

Absent = tuple[frozenset[str], str]
"""Names of targets that cannot be asked for, and why."""
MOST_NODES, BUDGET_MOST_S = 8, 1e6


@dataclass(frozen=True)
class TargetField:
    """One target: its name in `tune.json`, title, unit, first value, range, and what divides it for the command."""

    key: str
    title: str
    unit: str
    first: float
    low: float
    high: float
    divisor: float = 1.0


TARGETS = (
    TargetField("sqnr_db", TITLES["min_sqnr_db"], " dB", 20.0, -100.0, 200.0),
    TargetField("agreement", TITLES["min_top1_agreement"], " %", 99.0, 0.0, 100.0, 100.0),
    TargetField("max_drop_points", TITLES["max_accuracy_drop_points"], " points", 1.0, 0.0, 100.0),
)


class TuneOptions(QFrame):
    """Options of the command `tune`; none of them is part of the study."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.boxes: dict[str, QCheckBox] = {}
        self.fields: dict[str, QDoubleSpinBox] = {}
        self._why_absent = label("", "small", wrap=True)
        self._candidate, self._candidate_title = QComboBox(), label("Candidate", "muted")
        self._candidate.setAccessibleName("Candidate to tune")
        self.most = without_buttons(QSpinBox(minimum=0, maximum=10_000, value=MOST_NODES))
        self.most.setAccessibleName("Most layers left in float")
        self.budget = without_buttons(QDoubleSpinBox(minimum=0, maximum=BUDGET_MOST_S, decimals=0, suffix=" s"))
        self.budget.setSpecialValueText("no limit")
        self.budget.setAccessibleName("Most seconds for tuning")
        self.code = QCheckBox(CODE)
        self.code.setAccessibleName(CODE)
        self._arrange()

    @property
    def candidate(self) -> str:
        """The candidate to tune, "" where there is none."""
        return str(self._candidate.currentText())

    @property
    def target(self) -> dict[str, float]:
        """The targets asked for, in the units of `tune.json`."""
        asked = [field for field in TARGETS if self.boxes[field.key].isChecked() and self.boxes[field.key].isEnabled()]
        return {field.key: round(self.fields[field.key].value() / field.divisor, 6) for field in asked}

    def show_candidates(self, names: Sequence[str], absent: Absent, *, has_code: bool = False) -> None:
        """Show which candidates can be tuned, absent targets with their reason, and whether code must be allowed."""
        if names != [self._candidate.itemText(place) for place in range(self._candidate.count())]:
            before = self.candidate
            self._candidate.clear()
            self._candidate.addItems(list(names))
            self._candidate.setCurrentIndex(max(self._candidate.findText(before), 0) if names else -1)
        for widget in (self._candidate, self._candidate_title):
            widget.setVisible(bool(names))
        keys, why = absent
        for key, box in self.boxes.items():
            box.setEnabled(key not in keys)
            self._follow(key)
        say(self._why_absent, why)
        self.code.setVisible(has_code)

    def show_target(self, target: Mapping[str, float]) -> None:
        """Show the target of a tuning, in the units of `tune.json`."""
        for field in TARGETS:
            self.boxes[field.key].setChecked(field.key in target)
            if field.key in target:
                self.fields[field.key].setValue(target[field.key] * field.divisor)

    def reset(self) -> None:
        """Another study: no target is set."""
        for field in TARGETS:
            self.boxes[field.key].setChecked(False)
            self.fields[field.key].setValue(field.first)
        self.most.setValue(MOST_NODES)
        self.budget.setValue(0)
        self.code.setChecked(False)

    def _arrange(self) -> None:
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 14, 16, 14)
        inside.setSpacing(8)
        targets, limits = QGridLayout(), QGridLayout()
        for grid in (targets, limits):
            grid.setHorizontalSpacing(14)
            grid.setVerticalSpacing(6)
        for number, field in enumerate(TARGETS):
            self._add_target(targets, number, field)
        targets.addWidget(self._why_absent, len(TARGETS), 0, 1, 2)
        targets.setColumnStretch(2, 1)
        rows: tuple[tuple[QLabel, QComboBox | QSpinBox | QDoubleSpinBox], ...] = (
            (label("Float layers, at most", "muted"), self.most),
            (label("Time, at most", "muted"), self.budget),
            (self._candidate_title, self._candidate),
        )
        for number, (title, widget) in enumerate(rows):
            widget.setFixedWidth(LIMIT_PX)
            limits.addWidget(title, number, 0)
            limits.addWidget(widget, number, 1)
        limits.setColumnStretch(2, 1)
        words = label("Without a target the whole path is measured, and you choose a point.", "muted", wrap=True)
        halves = row(
            column(label("Target", "heading"), targets, words, None, spacing=8),
            column(label("Limits", "heading"), limits, self.code, None, spacing=8),
            spacing=28,
        )
        halves.setStretch(0, 3)
        halves.setStretch(1, 2)
        inside.addLayout(halves)

    def _add_target(self, grid: QGridLayout, number: int, target: TargetField) -> None:
        box = QCheckBox(target.title)
        box.setAccessibleName(f"Set a target: {target.title}")
        value = without_buttons(QDoubleSpinBox(minimum=target.low, maximum=target.high, decimals=1, suffix=target.unit))
        value.setValue(target.first)
        value.setAccessibleName(target.title)
        value.setFixedWidth(LIMIT_PX)
        self.boxes[target.key], self.fields[target.key] = box, value
        box.toggled.connect(lambda _on: self._follow(target.key))
        grid.addWidget(box, number, 0)
        grid.addWidget(value, number, 1, Qt.AlignmentFlag.AlignRight)
        self._follow(target.key)

    def _follow(self, key: str) -> None:
        box = self.boxes[key]
        self.fields[key].setEnabled(box.isEnabled() and box.isChecked())
