"""The lanes of a running study: name, stage, counts, bar; below a lane why it failed."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar

from workbench.report import numbers
from workbench.ui.lane_failure import LaneFailure
from workbench.ui.run_state import NOT_AVAILABLE, PREPARATION, Failure, Lane, RunState
from workbench.ui.runtime_row import PRECISIONS
from workbench.ui.theme import Theme, set_role
from workbench.ui.widgets import clear, label

STEPS = 1000
BAR_PX, NAME_PX, CHIP_PX = 150, 200, 72
CHIPS = {
    "planned": "chip",
    "waiting": "chip",
    "running": "chip",
    "done": "chip-ok",
    "failed": "chip-bad",
    "stopped": "chip-warn",
}
SAME = "for the same reason"


@dataclass
class Row:
    """The widgets of one lane; `failure` is made when it is needed."""

    chip: QLabel
    stage: QLabel
    bar: QProgressBar
    failure: LaneFailure | None = None


class Lanes(QFrame):
    """A row per lane, in the order of the study.

    Attributes:
        rows: by the lane's name.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._theme = theme
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(16, 12, 16, 12)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(1, 3)
        self.rows: dict[str, Row] = {}

    def show_state(self, state: RunState) -> None:
        """Bring every row up to date."""
        if list(self.rows) != list(state.lanes):
            self._remake(list(state.lanes))
        before: Failure | None = None
        for number, lane in enumerate(state.lanes.values()):
            is_same = lane.failure is not None and lane.failure == before
            self._show_lane(lane, is_same=is_same)
            self._show_failure(2 * number + 1, lane, is_same=is_same)
            before = lane.failure

    def _remake(self, names: list[str]) -> None:
        clear(self._grid)
        self.rows = {}
        for number, name in enumerate(names):
            made = Row(label("", "chip"), label("", "muted", wrap=True), QProgressBar())
            made.bar.setRange(0, STEPS)
            made.bar.setTextVisible(False)
            made.bar.setFixedWidth(BAR_PX)
            _keep_place(made.bar)
            made.chip.setMinimumWidth(CHIP_PX)
            made.chip.setAlignment(Qt.AlignmentFlag.AlignCenter)
            made.bar.setAccessibleName(f"Progress of {shown_name(name)}")
            title = label(shown_name(name), "strong" if name == PREPARATION else "", wrap=True)
            title.setMinimumWidth(NAME_PX)
            for column, widget in enumerate((title, made.stage, made.bar, made.chip)):
                self._grid.addWidget(widget, 2 * number, column)
            self.rows[name] = made

    def _show_lane(self, lane: Lane, *, is_same: bool) -> None:
        shown = self.rows[lane.name]
        shown.chip.setText(lane.failure.word if lane.failure else lane.kind)
        is_absent = lane.failure is not None and lane.failure.status == NOT_AVAILABLE
        set_role(shown.chip, "chip-warn" if is_absent else CHIPS[lane.kind])
        shown.stage.setText(" ".join(part for part in (lane_text(lane), SAME if is_same else "") if part))
        shown.bar.setVisible(lane.kind == "running" and lane.share is not None)
        if lane.share is not None:
            shown.bar.setValue(round(STEPS * lane.share))

    def _show_failure(self, place: int, lane: Lane, *, is_same: bool) -> None:
        shown = self.rows[lane.name]
        if lane.failure is None or is_same:
            if shown.failure is not None:
                shown.failure.hide()
            return
        if shown.failure is None:
            shown.failure = LaneFailure(self._theme, shown_name(lane.name))
            self._grid.addWidget(shown.failure, place, 0, 1, 4)
        shown.failure.show_failure(lane.failure)
        shown.failure.show()


def _keep_place(bar: QProgressBar) -> None:
    """Let nothing move when the bar comes or goes."""
    policy = bar.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    bar.setSizePolicy(policy)


def shown_name(name: str) -> str:
    """Return a lane's name with its precision spelled as everywhere else in the window."""
    head, dot, precision = name.rpartition(" \N{MIDDLE DOT} ")
    return f"{head}{dot}{precision.upper()}" if precision in PRECISIONS else name


def lane_text(lane: Lane) -> str:
    """Return the lane's stage with its counts, or more about it, and the rate while its clock runs."""
    if lane.kind != "running":
        return lane.stage
    unit = f" {lane.unit}" if lane.unit else ""
    digits = 1 if lane.unit and lane.total < 20 else 0
    ends = [numbers.number(value, digits) for value in (lane.done, lane.total)]
    counts = f"{ends[0]} of {ends[1]}{unit}" if lane.total else lane.text
    rate = f"{numbers.significant(lane.per_s)} per s" if lane.per_s is not None else ""
    return " · ".join(part for part in (lane.stage, counts, rate) if part)
