"""The lanes of a running study: name, stage, counts, bar; painted at most ten times a second, once while measuring."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar

from workbench.ui.run_state import PREPARATION, Lane, RunState
from workbench.ui.theme import set_role
from workbench.ui.widgets import label

STEPS = 1000
CHIPS = {"waiting": "chip", "running": "chip", "done": "chip-ok", "failed": "chip-bad"}


class Lanes(QFrame):
    """A row per lane, in the order of the study."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(16, 12, 16, 12)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(8)
        for column in (0, 1):
            self._grid.setColumnStretch(column, 1)
        self._rows: dict[str, tuple[QLabel, QLabel, QProgressBar]] = {}

    def show_state(self, state: RunState) -> None:
        """Bring every row up to date."""
        if list(self._rows) != list(state.lanes):
            self._remake(list(state.lanes))
        for lane in state.lanes.values():
            self._show_lane(lane)

    def _remake(self, names: list[str]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        self._rows = {}
        for number, name in enumerate(names):
            chip, stage, bar = label("", "chip"), label("", "muted", wrap=True), QProgressBar()
            bar.setRange(0, STEPS)
            bar.setTextVisible(False)
            bar.setFixedWidth(180)
            bar.setAccessibleName(f"Progress of {name}")
            title = label(name, "strong" if name == PREPARATION else "", wrap=True)
            title.setMinimumWidth(200)
            for column, widget in enumerate((title, stage, bar, chip)):
                self._grid.addWidget(widget, number, column)
            self._rows[name] = (chip, stage, bar)

    def _show_lane(self, lane: Lane) -> None:
        chip, stage, bar = self._rows[lane.name]
        chip.setText(lane.kind)
        set_role(chip, CHIPS[lane.kind])
        stage.setText(lane_text(lane))
        bar.setVisible(lane.kind == "running" and lane.share is not None)
        if lane.share is not None:
            bar.setValue(round(STEPS * lane.share))


def lane_text(lane: Lane) -> str:
    """Return the lane's stage with its counts."""
    counts = f"{lane.done:,} of {lane.total:,}" if lane.kind == "running" and lane.total else ""
    return " · ".join(part for part in (lane.stage, counts, lane.text if lane.kind == "failed" else "") if part)
