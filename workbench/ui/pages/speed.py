"""The Speed page: how far each rate can be trusted, rates over time, latencies, first 5 s against sustained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from workbench.execution.result import Result, Run
from workbench.ui.charts.bars import burst_figure
from workbench.ui.charts.latency import latency_figure
from workbench.ui.charts.samples import CellSamples, read_samples, timed_runs
from workbench.ui.charts.throughput import throughput_figure
from workbench.ui.halves import Halves
from workbench.ui.next_step import NextStep
from workbench.ui.pages.chart_slot import ChartSlot
from workbench.ui.pages.speed_rows import HEADINGS, NO_RESULT, conditions, findings, table_rows, trust_rows
from workbench.ui.tab_order import set_tab_order
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme
from workbench.ui.turns import Turns
from workbench.ui.widgets import Page, card, clear, column, label, row

BUDGET_S = 0.012
CHIP_PX = 22
NO_RAW = (
    "The raw latency samples do not lie beside this result, so their distribution cannot be drawn. "
    "They are part of the study folder."
)
TRUST, NO_TRUST = "How far each rate can be trusted", "What became of each run"
NO_WINDOWS = "No one-second window is on record."


class SpeedPage(Page):
    """Speed of one study; nothing is measured here.

    Attributes:
        ready: emitted when all raw samples are read and drawn. goto: another step. open_requested: a study folder.
    """

    ready = Signal()
    goto = Signal(str)
    open_requested = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__("Speed", "")
        self._result: Result | None = None
        self._folder: Path | None = None
        self._waiting: list[Run] = []
        self._cells: list[CellSamples] = []
        self._turns = Turns(self)
        self.findings = label("", "strong", wrap=True)
        self.next_step = NextStep("No result yet", NO_RESULT, "run", "Go to Run", opens=True)
        self.next_step.goto.connect(self.goto)
        self.next_step.open_requested.connect(self.open_requested)
        self._trust_card, inside = card()
        self._trust, self._trust_title = QGridLayout(), label("", "heading")
        inside.addWidget(self._trust_title)
        inside.addLayout(self._trust)
        self.throughput = ChartSlot(theme, "throughput over time", height_px=320)
        self.latency = ChartSlot(theme, "latency distribution")
        self.burst = ChartSlot(theme, "first 5 s against sustained")
        self.table = TablePanel(theme, "speed", grows=True)
        self._table_card, inside = card("Speed of every timed run")
        inside.addWidget(self.table)
        self._arrange()
        self.show_result(None, None)

    @property
    def is_ready(self) -> bool:
        """Whether all raw samples are read and drawn."""
        return self._turns.is_done

    def show_result(self, result: Result | None, folder: Path | None) -> None:
        """Show a study's result with the raw samples of its folder, part by part; None where there is none."""
        self._turns.stop()
        self._result, self._folder, self._cells, self._waiting = result, folder, [], []
        if result is None:
            self.set_title("Speed", "")
            self._show_parts(has_result=False, has_speed=False)
            return
        runs = timed_runs(result)
        self.set_title("Speed", conditions(result))
        self.findings.setText("\n".join(findings(result)))
        self._fill_trust(result)
        self._trust_title.setText(TRUST if runs else NO_TRUST)
        self._show_parts(has_result=True, has_speed=bool(runs))
        self._waiting = list(runs)
        self._turns.begin([self._read_some, *self._pieces(result)])

    def _pieces(self, result: Result) -> list[Callable[[], object]]:
        """Return what is drawn once the raw samples are read, from top to bottom."""
        return [
            self.throughput.made_chart,
            lambda: self.throughput.show_figure(throughput_figure(self._cells), NO_WINDOWS),
            self.latency.made_chart,
            lambda: self.latency.show_figure(latency_figure(self._cells), NO_RAW),
            self.burst.made_chart,
            lambda: self.burst.show_figure(burst_figure(result), NO_WINDOWS),
            lambda: self.table.set_rows(HEADINGS, table_rows(result)),
            self._end,
        ]

    def _read_some(self) -> None:
        """Read raw samples for a moment and go on after the next events."""
        until = perf_counter() + BUDGET_S
        assert self._result is not None
        while self._waiting:
            self._cells.append(read_samples(self._waiting.pop(0), self._result, self._folder))
            if perf_counter() > until:
                break
        if self._waiting:
            self._turns.begin([self._read_some, *self._pieces(self._result)])

    def _end(self) -> None:
        set_tab_order(self)
        self.ready.emit()

    def _arrange(self) -> None:
        self._halves = Halves(self.latency, self.burst)
        self.body.addWidget(self.findings)
        self.body.addWidget(self.next_step)
        for part in self._parts():
            self.body.addWidget(part)
        self.body.addStretch(1)

    def _parts(self) -> tuple[QWidget, ...]:
        return (self._trust_card, self.throughput, self._halves, self._table_card)

    def _show_parts(self, *, has_result: bool, has_speed: bool) -> None:
        self.next_step.setVisible(not has_result)
        self.findings.setVisible(has_result and bool(self.findings.text()))
        for part in self._parts():
            part.setVisible(has_result and (has_speed or part is self._trust_card))
        if has_result and self._trust.count() == 0:
            self._trust_card.hide()

    def _fill_trust(self, result: Result) -> None:
        clear(self._trust)
        self._trust.setHorizontalSpacing(14)
        self._trust.setVerticalSpacing(6)
        self._trust.setColumnStretch(2, 1)
        middle = Qt.AlignmentFlag.AlignVCenter
        for number, entry in enumerate(trust_rows(result)):
            chip = label(entry.word, entry.role)
            chip.setMinimumHeight(CHIP_PX)
            self._trust.addLayout(row(chip, None, spacing=0), number, 0, middle)
            self._trust.addLayout(column(label(entry.name, "strong"), spacing=0), number, 1, middle)
            self._trust.addWidget(label(entry.reason, "muted", wrap=True), number, 2, middle)
