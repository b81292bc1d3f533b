"""The Tune page: which layers to leave in float so that a target is met, the whole path of points, adopting one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QProgressBar

from workbench.errors import UserError
from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.errors_view import LogView
from workbench.ui.lanes import lane_text
from workbench.ui.next_step import NextStep
from workbench.ui.pages.tune_result import TuneResult
from workbench.ui.run_place import is_code, missing_step, result_folder
from workbench.ui.run_state import PREPARATION, RunState, duration, elapsed
from workbench.ui.states import tune_state
from workbench.ui.tune_options import TuneOptions
from workbench.ui.tune_plan import (
    NOTHING_QUANTIZED,
    adopted,
    arguments,
    place_in_study,
    targets_absent,
    tunable,
    tune_folder,
    why_not_adopted,
)
from workbench.ui.tune_words import layers_words
from workbench.ui.tuned import FILE, Tuned, read_tuned
from workbench.ui.widgets import Page, button, card, label, row, say, themed_icon

if TYPE_CHECKING:
    from workbench.execution.result import Result

PAINT_MS, LOG_PX, BAR_STEPS = 150, 130, 1000
WORDS = (
    "Finds the fewest layers to leave in float so that a target is met. All figures here are simulated; the runtimes' "
    "own come from running the study."
)
NOTHING = "Nothing to tune yet"
NOTHING_BELOW = "Set up a study, or open a finished one whose accuracy is not good enough."
NOT_TUNED = "Not tuned yet. Tune measures every layer alone, then leaves the best ones in float one by one."
BROKEN_OFF = "What was finished is kept; Tune goes on from there."


class TunePage(Page):
    """Tunes one candidate in another process and shows what was found.

    Signals:
        failed: an error line and log lines; state: the rail's line and colour; goto: another step;
        open_requested: a study folder.
    """

    failed = Signal(str, object)
    state = Signal(str, str)
    goto = Signal(str)
    open_requested = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__("Tune", WORDS)
        self._desk = desk
        self._command: Command | None = None
        self._run, self._began_s = RunState(), 0.0
        self._folder: Path | None = None
        self._into = Path()
        self._found: Tuned | None = None
        self.next_step = NextStep(NOTHING, NOTHING_BELOW, "model", "Choose a model", opens=True)
        self.options, self.result = TuneOptions(), TuneResult(desk.theme)
        self._problem, self._next = label("", "warn", wrap=True), button("", role="link")
        self._now, self._stage, self._bar = label("", wrap=True), label("", "muted", wrap=True), QProgressBar()
        self._log = LogView("Log of the tuning", LOG_PX)
        self._start = themed_icon(button("Tune", self.start, "primary"), desk.theme, "tune", "on_accent")
        self._cancel = themed_icon(button("Cancel", self.cancel, "danger"), desk.theme, "stop", "bad")
        self._timer = QTimer(self, interval=PAINT_MS)
        self._timer.timeout.connect(self._paint)
        self._arrange()
        self._connect()
        self._forget()

    @property
    def is_running(self) -> bool:
        """Whether a tuning runs now."""
        return self._command is not None

    @property
    def is_ready(self) -> bool:
        """Whether nothing is left to draw."""
        return True

    def announce(self) -> None:
        """Tell the rail the state once somebody listens."""
        self._refresh()

    def show_result(self, _result: Result | None, folder: Path | None) -> None:
        """Show the tuning that lies in a study's folder or beside it; None for the folder of the study edited."""
        self._folder = folder
        if not self.is_running:
            self._load()

    def show_found(self, found: Tuned | None) -> None:
        """Show a tuning, or that there is none."""
        self._found = found
        if found is not None:
            self.options.show_target(found.target)
        self._refresh()

    def start(self) -> None:
        """Tune, or go on with it."""
        study_file = self._desk.bridge.scratch("tune.toml")
        try:
            self._desk.document.write_copy(study_file)
        except UserError as error:
            self.failed.emit(str(error), ())
            return
        self._run.begin([])
        self._began_s = time.monotonic()
        self._log.clear()
        self._into, options = self._tune_folder(), self.options
        asked = arguments(study_file, self._into, options.candidate, options.target, options.most.value(),
                          options.budget.value(), allows_code=options.code.isChecked())  # fmt: skip
        self._command = self._desk.bridge.run(asked, self._finished, self._run.take, self._log.appendPlainText)
        self._timer.start()
        self._refresh()
        self._paint()
        self._cancel.setFocus()

    def cancel(self) -> None:
        """Stop the tuning; what is finished stays."""
        if self._command is not None:
            say(self._now, "Stopping...")
            self._cancel.setEnabled(False)
            self._command.cancel()

    def _arrange(self) -> None:
        for widget in (self._cancel, self._start):
            self.buttons.addWidget(widget)
        self._bar.setRange(0, BAR_STEPS)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress of the tuning")
        self._progress, inside = card()
        for part in (self._stage, self._bar, self._log):
            inside.addWidget(part)
        self._not_tuned, inside = card()
        inside.addWidget(label(NOT_TUNED, "muted", wrap=True))
        self.body.addWidget(self.next_step)
        self.body.addWidget(self.options)
        self.body.addLayout(row(self._problem, self._next, spacing=8))
        for shown in (self._now, self._progress, self._not_tuned, self.result):
            self.body.addWidget(shown)
        self.body.addStretch(1)

    def _connect(self) -> None:
        self.next_step.goto.connect(self.goto)
        self.next_step.open_requested.connect(self.open_requested)
        self.result.goto.connect(self.goto)
        self.result.adopt.connect(self._adopt)
        self._next.clicked.connect(lambda _on=False: self.goto.emit(self._missing_step()))
        self._desk.document.replaced.connect(self._forget)
        self._desk.document.changed.connect(self._refresh)

    def _forget(self) -> None:
        """Another study: nothing of the last one is shown."""
        self._folder = None
        if not self.is_running:
            self._log.clear()
            say(self._now, "")
            self.options.reset()
            self._load()

    def _results(self) -> Path:
        return self._folder or result_folder(self._desk.document.path, self._desk.document.values)

    def _tune_folder(self) -> Path:
        return tune_folder(self._results())

    def _load(self) -> None:
        """Read the tuning of the study shown, if there is one."""
        path, found = self._tune_folder() / FILE, None
        if path.is_file() and (self._folder is not None or not self._desk.document.is_empty):
            try:
                found = read_tuned(path)
            except UserError as error:
                self.failed.emit(str(error), ())
        self.show_found(found)

    def _missing_step(self) -> str:
        """Return the step without which nothing can be tuned, "" where none is missing."""
        values = self._desk.document.values
        return missing_step(values) or self._desk.document.faulty_step or ("" if tunable(values) else "scheme")

    def _refresh(self) -> None:
        """Show what the document says, whether it can be tuned, and what was found."""
        document, found = self._desk.document, self._found
        values = document.values
        names = tunable(values)
        problem = document.problem() or ("" if names else NOTHING_QUANTIZED)
        is_empty, is_running = document.is_empty and found is None, self.is_running
        self.next_step.setVisible(is_empty)
        self.options.setVisible(not is_empty and not is_running)
        self.options.show_candidates(names, targets_absent(values, found), has_code=is_code(values))
        self._start.setVisible(not is_running)
        self._start.setEnabled(not problem and not is_running)
        self._cancel.setVisible(is_running)
        self._cancel.setEnabled(True)
        self._show_problem("" if is_empty or is_running else problem)
        log = self._log.toPlainText()
        self._progress.setVisible(is_running or bool(log))
        for part in (self._stage, self._bar):
            part.setVisible(is_running)
        self._not_tuned.setVisible(found is None and not (is_empty or is_running or problem or log))
        self.result.setVisible(found is not None and not is_running)
        if found is not None:
            self.result.show_found(found, place_in_study(values, found), why_not_adopted(values, found))
        if not is_running:
            self.state.emit(*tune_state(found))

    def _show_problem(self, problem: str) -> None:
        step = self._missing_step() if problem else ""
        say(self._problem, problem)
        self._next.setVisible(bool(step))
        self._next.setText(f"Go to {step.title()}")
        self._next.setAccessibleName(f"Go to {step.title()}")

    def _paint(self) -> None:
        """Bring progress and remaining time up to date."""
        if not (self.is_running and self._cancel.isEnabled()):
            return
        left, spent = self._run.remaining_s, time.monotonic() - self._began_s
        after = f", about {duration(left)} left" if left else ""
        say(self._now, f"Tuning for {elapsed(spent)}{after}.")
        self.state.emit(f"running, {duration(left)} left" if left else "running", "on")
        lane = self._run.lanes[PREPARATION]
        say(self._stage, lane_text(lane) or "Starting")
        self._bar.setValue(round(BAR_STEPS * (lane.share or 0.0)))

    def _finished(self, done: Finished) -> None:
        self._command = None
        self._timer.stop()
        took = duration(time.monotonic() - self._began_s)
        if done.ok:
            self._log.clear()
            say(self._now, f"Finished in {took}.")
            self._take_found()
            return
        words = "Stopped." if done.cancelled else "The tuning did not finish."
        say(self._now, f"{words} {BROKEN_OFF}")
        self._refresh()
        self.state.emit(*(("stopped", "warn") if done.cancelled else ("failed", "bad")))
        if not done.cancelled:
            self.failed.emit(done.error, done.log_tail)
        if self._start.isEnabled() and self.isVisible():
            self._start.setFocus()

    def _take_found(self) -> None:
        """Show what the command wrote."""
        try:
            self.show_found(read_tuned(self._into / FILE))
        except UserError as error:
            self._refresh()
            self.failed.emit(str(error), ())

    def _adopt(self, place: int) -> None:
        """Leave a point's nodes in float in the study, as one undoable step."""
        if self._found is None:
            return
        point = self._found.points[place]
        tables = adopted(self._desk.document.values, self._found, point)
        if tables:
            self._desk.document.update(f"adopt {layers_words(len(point.float_nodes)).lower()} in float", tables)
