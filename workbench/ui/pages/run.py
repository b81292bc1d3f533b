"""The Run page: the study's profile and gates, options of one run; the running study as lanes, live rates and log."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QShowEvent

from workbench.errors import UserError
from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.errors_view import LogView
from workbench.ui.gate_editor import GateEditor
from workbench.ui.halves import Halves, half
from workbench.ui.lanes import Lanes
from workbench.ui.live_chart import LiveChart
from workbench.ui.run_options import RunOptions
from workbench.ui.run_place import (
    Planned,
    finished_before,
    is_code,
    kept_text,
    missing_step,
    planned,
    runtime_titles,
)
from workbench.ui.run_state import RunState, duration, elapsed
from workbench.ui.study_card import StudyCard
from workbench.ui.widgets import FORM_PX, Page, button, card, label, say, themed_icon

PAINT_MS = 150
MEASURING_MS = 1000
LOG_PX = 130
SETTINGS_PX = 860
"""Width below which what holds for this run stands below the study."""


class RunPage(Page):
    """Runs the study in another process.

    Signals:
        failed: an error line and log lines; state: the rail's line and colour; result_ready: a study folder;
        goto: another step.
    """

    failed = Signal(str, object)
    state = Signal(str, str)
    result_ready = Signal(object)
    goto = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            "Run",
            "Everything runs on this machine, one runtime after the other. Broken off, it goes on where it was.",
            widest_px=FORM_PX,
        )
        self._desk = desk
        self._command: Command | None = None
        self._run, self._began_s = RunState(), 0.0
        self._titles: dict[str, str] | None = None
        self._planned: Planned | None = None
        self._study, self._options, self._gates = StudyCard(desk), RunOptions(desk), GateEditor(desk)
        self._expected, self._next = self._study.expected, self._study.next
        self._lanes, self._chart = Lanes(desk.theme), LiveChart(desk.theme)
        self._log, self._now = LogView("Log of the run", LOG_PX), label("", wrap=True)
        self._start = themed_icon(button("Run", self.start, "primary"), desk.theme, "run", "on_accent")
        self._cancel = themed_icon(button("Cancel", self.cancel, "danger"), desk.theme, "stop", "bad")
        self._show = button("Show results", self._open_result)
        self._timer = QTimer(self, interval=PAINT_MS)
        self._timer.timeout.connect(self._paint)
        self._arrange()
        self._next.clicked.connect(lambda _on=False: self.goto.emit(self._step_to_mend()))
        self._options.changed.connect(self._refresh)
        desk.document.replaced.connect(self._forget)
        desk.document.changed.connect(self._refresh)
        self._refresh()

    @property
    def options(self) -> RunOptions:
        """What holds for one run."""
        return self._options

    @property
    def is_running(self) -> bool:
        """Whether a study runs now."""
        return self._command is not None

    def announce(self) -> None:
        """Tell the rail the state once somebody listens."""
        self._refresh()

    def start(self) -> None:
        """Run the study, or go on with it."""
        study_file = self._desk.bridge.scratch("run.toml")
        try:
            self._desk.document.write_copy(study_file)
            plan = self._plan()
        except UserError as error:
            self.failed.emit(str(error), ())
            return
        self._planned = plan
        self._run.begin([cell.title for cell in plan.cells], plan.seconds)
        self._chart.begin(plan)
        self._began_s = time.monotonic()
        self._log.clear()
        arguments = ["run", str(study_file), *self._options.arguments(), "--events"]
        self._command = self._desk.bridge.run(arguments, self._finished, self._take, self._log.appendPlainText)
        self._timer.start(PAINT_MS)
        self._refresh()
        self._paint()
        self._cancel.setFocus()

    def press(self) -> None:
        """Press Run, if it can be pressed."""
        if self._start.isVisible() and self._start.isEnabled():
            self.start()

    def cancel(self) -> None:
        """Stop the study; what is finished stays."""
        if self._command is not None:
            say(self._now, "Stopping...")
            self._cancel.setEnabled(False)
            self._command.cancel()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  (Qt's name)
        """Catch up with what came while another page was shown."""
        super().showEvent(event)
        if not self.is_running:
            self._refresh()
        self._show_progress()

    def _arrange(self) -> None:
        for widget in (self._show, self._cancel, self._start):
            self.buttons.addWidget(widget)
        gates, inside = card("Gates")
        inside.addWidget(label("Limits that decide between ship and stop, judged on the interval.", "muted", wrap=True))
        inside.addWidget(self._gates)
        inside.addStretch(1)
        self._settings = Halves(half(self._study, gates, None), half(self._options, None), narrow_px=SETTINGS_PX)
        for part in (self._now, self._settings, self._chart, self._lanes, self._log):
            self.body.addWidget(part)
        self.body.addStretch(1)

    def _plan(self) -> Planned:
        if self._titles is None:
            self._titles = runtime_titles()
        return planned(self._desk.document.study(), self._titles, quick=self._options.quick)

    def _refresh(self) -> None:
        """Show what the document says, and whether it can be run."""
        values = self._desk.document.values
        self._study.show_document()
        self._gates.show_document()
        problem, plan = self._desk.document.problem(), None
        try:
            plan = None if problem else self._plan()
        except UserError as error:
            problem = str(error)
        self._start.setEnabled(plan is not None and not self.is_running)
        self._start.setVisible(not self.is_running)
        self._cancel.setVisible(self.is_running)
        self._cancel.setEnabled(True)
        self._settings.setVisible(not self.is_running)
        self._options.show_place(kept_text(self._options.folder, plan.cells) if plan else "", has_code=is_code(values))
        self._show.setVisible((self._options.folder / "result.json").is_file() and not self.is_running)
        self._show_expected(problem, plan)
        if not self.is_running and not self._log.toPlainText():
            self._preview(plan)
        self._lanes.setVisible(bool(self._run.lanes))
        self._log.setVisible(bool(self._run.lanes) and (self.is_running or bool(self._log.toPlainText())))

    def _preview(self, plan: Planned | None) -> None:
        """Show the cells that would run, and which of them a run before has finished."""
        cells = plan.cells if plan else ()
        before = finished_before(self._options.folder, cells)
        self._run.preview({cell.title: done for cell, done in zip(cells, before, strict=True)})
        self._lanes.show_state(self._run)
        self.state.emit("ready" if plan else "not ready", "ok" if plan else "")

    def _show_expected(self, problem: str, plan: Planned | None) -> None:
        step = self._step_to_mend()
        self._next.setVisible(bool(step))
        self._next.setText(f"Go to {step.title()}")
        self._next.setAccessibleName(f"Go to {step.title()}")
        say(self._expected, plan.text if plan else problem, "muted" if plan else "warn")

    def _step_to_mend(self) -> str:
        """Return the step without which nothing can run, "" where nothing is in the way."""
        document = self._desk.document
        return missing_step(document.values) or document.faulty_step or ""

    def _forget(self) -> None:
        """Another study: nothing of the last run is shown."""
        if not self.is_running:
            self._log.clear()
            self._chart.clear()
            say(self._now, "")

    def _take(self, event: dict[str, Any]) -> None:
        self._run.take(event)
        self._chart.take(event)
        line = log_line(event, time.strftime("%H:%M:%S"))
        if line:
            self._log.appendPlainText(line)

    def _paint(self) -> None:
        """Bring the page up to date; once a second while the clock of a cell runs."""
        self._timer.setInterval(MEASURING_MS if self._run.measuring else PAINT_MS)
        if self.is_running and self._cancel.isEnabled():
            left = self._run.remaining_s
            say(self._now, now_text(time.monotonic() - self._began_s, left, self._planned))
            self.state.emit(f"running, {duration(left)} left" if left else "running", "on")
        self._show_progress()

    def _show_progress(self) -> None:
        """Draw lanes and rates, unless another page is shown."""
        if self.isVisible() or not self.is_running:
            self._lanes.show_state(self._run)
            self._chart.paint(is_over=not self.is_running)

    def _finished(self, done: Finished) -> None:
        self._command = None
        self._timer.stop()
        self._run.end(failed=not done.ok)
        took = duration(time.monotonic() - self._began_s)
        if done.cancelled:
            say(self._now, "Stopped. What was finished is kept; Run goes on from there.")
            self.state.emit("stopped", "warn")
        elif not done.ok:
            say(self._now, "The study did not finish. What was finished is kept; Run goes on from there.")
            self.state.emit("failed", "bad")
            self.failed.emit(done.error, done.log_tail)
        else:
            lost = len(self._run.failed)
            say(self._now, finished_text(took, lost, len(self._run.lanes) - 1))
            words = f"finished, {lost} without answers" if lost else f"finished in {took}"
            self.state.emit(words, "ok" if done.exit_code == 0 else "warn")
        self._refresh()
        self._show_progress()
        if self._start.isEnabled() and self.isVisible():
            self._start.setFocus()
        if done.ok:
            self._open_result()

    def _open_result(self) -> None:
        folder = self._options.folder
        if (folder / "result.json").is_file():
            self.result_ready.emit(folder)


def log_line(event: dict[str, Any], clock: str) -> str:
    """Return a stage event as a line of the log, "" for any other event."""
    if event.get("event") != "stage":
        return ""
    words = {"start": "", "kept": "kept from before", "done": "done", "failed": "failed"}
    state, text = words.get(str(event.get("state")), str(event.get("state"))), str(event.get("text") or "")
    return "  ".join(part for part in (clock, str(event["name"]), state, text) if part)


def now_text(spent_s: float, left_s: float | None, plan: Planned | None) -> str:
    """Return how long it runs and will run; before the cells what they will take, since preparing is not estimated."""
    spent = f"Running for {elapsed(spent_s)}"
    if left_s:
        return f"{spent}, about {duration(left_s)} left."
    if plan is None:
        return f"{spent}."
    cells = "1 cell" if len(plan.cells) == 1 else f"{len(plan.cells)} cells"
    return f"{spent}. After the preparation {cells} will take about {duration(plan.expected_s)} and their samples."


def finished_text(took: str, lost: int, cells: int) -> str:
    """Return how the run ended, and how many cells gave no answer."""
    if not lost:
        return f"Finished in {took}."
    verb = "has no answer: the reason stands" if lost == 1 else "have no answer: the reasons stand"
    return f"Finished in {took}. {lost} of {cells} cells {verb} below. Run tries again and keeps the rest."
