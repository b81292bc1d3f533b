"""The Run page: profile, gates, folder; the running study as lanes with remaining time, log tail and Cancel."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFileDialog, QHBoxLayout, QWidget

from workbench.errors import UserError
from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.errors_view import LogView
from workbench.ui.gate_editor import GateEditor
from workbench.ui.lanes import Lanes
from workbench.ui.run_place import PROFILES, expected_text, missing_step, result_folder
from workbench.ui.run_state import RunState, duration
from workbench.ui.widgets import Page, button, card, label, row, say, themed_icon, without_buttons

PAINT_MS = 150
MEASURING_MS = 1000


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
            "Run", "Everything runs on this machine, one runtime after the other. Broken off, it goes on where it was."
        )
        self._desk = desk
        self._command: Command | None = None
        self._run, self._began_s = RunState(), 0.0
        self._chosen: Path | None = None
        self._profile, self._budget, self._code = (
            QComboBox(),
            without_buttons(QDoubleSpinBox()),
            QCheckBox("allow the model's code to run"),
        )
        self._expected, self._place = label("", "muted", wrap=True), ElidedLabel()
        self._next = button("", lambda: self.goto.emit(missing_step(desk.document.values)), "link")
        self._gates, self._lanes, self._log = GateEditor(desk), Lanes(), LogView("Log of the run", 130)
        self._now = label("", wrap=True)
        self._start = themed_icon(button("Run", self.start, "primary"), desk.theme, "run", "on_accent")
        self._cancel = themed_icon(button("Cancel", self.cancel, "danger"), desk.theme, "stop", "bad")
        self._show = button("Show results", self._open_result)
        self._timer = QTimer(self, interval=PAINT_MS)
        self._timer.timeout.connect(self._paint)
        self._arrange()
        self._connect()
        self._refresh()

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
            cells = self._cells()
        except UserError as error:
            self.failed.emit(str(error), ())
            return
        self._run.begin(cells)
        self._began_s = time.monotonic()
        arguments = ["run", str(study_file), "-o", str(self._target()), "--events"]
        arguments += ["--allow-code"] if self._code.isChecked() else []
        self._log.clear()
        self._command = self._desk.bridge.run(arguments, self._finished, self._take, self._log.appendPlainText)
        self._timer.start(PAINT_MS)
        self._refresh()
        self._paint()

    def cancel(self) -> None:
        """Stop the study; what is finished stays."""
        if self._command is not None:
            say(self._now, "Stopping...")
            self._cancel.setEnabled(False)
            self._command.cancel()

    def _arrange(self) -> None:
        for widget in (self._show, self._cancel, self._start):
            self.buttons.addWidget(widget)
        upper = QHBoxLayout()
        upper.setSpacing(12)
        upper.addWidget(self._settings_card(), 1)
        gates, inside = card("Gates")
        inside.addWidget(label("Limits that decide between ship and stop, judged on the interval.", "muted", wrap=True))
        inside.addWidget(self._gates)
        inside.addStretch(1)
        upper.addWidget(gates, 1)
        self.body.addLayout(upper)
        self.body.addWidget(self._now)
        self.body.addWidget(self._lanes)
        self.body.addWidget(self._log)
        self.body.addStretch(1)

    def _settings_card(self) -> QWidget:
        frame, inside = card("Measure")
        for key, text in PROFILES.items():
            self._profile.addItem(text, key)
        self._profile.setAccessibleName("Profile")
        self._budget.setRange(0, 1e6)
        self._budget.setDecimals(0)
        self._budget.setSuffix(" s")
        self._budget.setSpecialValueText("no limit")
        self._budget.setAccessibleName("Most seconds for the speed of all cells")
        inside.addLayout(row(label("Profile", "muted"), self._profile, None, label("At most", "muted"), self._budget))
        inside.addLayout(row(self._expected, self._next, spacing=8))
        inside.addWidget(label("Results go to", "muted"))
        choose = button("Change...", self._choose_folder, tip="Choose the folder for results")
        inside.addLayout(row(self._place, choose))
        inside.addWidget(self._code)
        inside.addStretch(1)
        return frame

    def _connect(self) -> None:
        set_ = self._desk.document.set
        self._profile.activated.connect(
            lambda _place: set_("change the profile", self._profile.currentData(), "measure", "profile")
        )
        self._budget.valueChanged.connect(
            lambda value: set_("change the time limit", value or None, "measure", "budget_s")
        )
        self._desk.document.changed.connect(self._refresh)

    def _refresh(self) -> None:
        """Show what the document says, and whether it can be run."""
        values = self._desk.document.values
        measure = values.get("measure") or {}
        self._profile.setCurrentIndex(self._profile.findData(measure.get("profile", "quick")))
        self._budget.blockSignals(True)
        self._budget.setValue(measure.get("budget_s") or 0)
        self._budget.blockSignals(False)
        self._gates.show_document()
        self._code.setVisible(_is_code(values))
        problem = self._desk.document.problem()
        self._start.setEnabled(not problem and not self.is_running)
        self._start.setVisible(not self.is_running)
        self._cancel.setVisible(self.is_running)
        self._cancel.setEnabled(True)
        if not self.is_running and not self._log.toPlainText():
            self._preview(problem)
        self._lanes.setVisible(bool(self._run.lanes))
        self._log.setVisible(bool(self._run.lanes) and (self.is_running or bool(self._log.toPlainText())))
        folder = self._target()
        self._place.setText(str(folder))
        self._show.setVisible((folder / "result.json").is_file() and not self.is_running)
        self._show_forecast(problem)

    def _preview(self, problem: str) -> None:
        """Show the cells that would run."""
        self._run.begin(self._cells() if not problem else [])
        if problem:
            self._run.lanes.clear()
        self._lanes.show_state(self._run)

    def _show_forecast(self, problem: str) -> None:
        step = missing_step(self._desk.document.values)
        self._next.setVisible(bool(step))
        self._next.setText(f"Go to {step.title()}")
        self._next.setAccessibleName(f"Go to {step.title()}")
        if problem:
            say(self._expected, problem, "warn")
        else:
            try:
                say(self._expected, expected_text(self._desk.document.study()), "muted")
            except UserError as error:
                say(self._expected, str(error), "warn")
        if not self.is_running and not self._log.toPlainText():
            self.state.emit("ready" if not problem else "not ready", "ok" if not problem else "")

    def _take(self, event: dict[str, Any]) -> None:
        self._run.take(event)
        line = log_line(event, time.strftime("%H:%M:%S"))
        if line:
            self._log.appendPlainText(line)

    def _paint(self) -> None:
        """Bring lanes and remaining time up to date; once a second while the clock of a cell runs."""
        self._timer.setInterval(MEASURING_MS if self._run.measuring else PAINT_MS)
        self._lanes.show_state(self._run)
        if self.is_running and self._cancel.isEnabled():
            left = self._run.remaining_s
            spent = duration(time.monotonic() - self._began_s)
            text = f"{spent} so far, about {duration(left)} left" if left else f"{spent} so far"
            say(self._now, f"Running: {text}.")
            self.state.emit(f"running, {duration(left)} left" if left else "running", "on")

    def _finished(self, done: Finished) -> None:
        self._command = None
        self._timer.stop()
        self._run.end(failed=not done.ok)
        self._lanes.show_state(self._run)
        took = duration(time.monotonic() - self._began_s)
        if done.cancelled:
            say(self._now, "Stopped. What was finished is kept; Run goes on from there.")
            self.state.emit("stopped", "warn")
        elif not done.ok:
            say(self._now, "The study did not finish.")
            self.state.emit("failed", "bad")
            self.failed.emit(done.error, done.log_tail)
        else:
            say(self._now, f"Finished in {took}.")
            self.state.emit(f"finished in {took}", "ok" if done.exit_code == 0 else "warn")
        self._refresh()
        if done.ok:
            self._open_result()

    def _open_result(self) -> None:
        folder = self._target()
        if (folder / "result.json").is_file():
            self.result_ready.emit(folder)

    def _target(self) -> Path:
        return self._chosen or result_folder(self._desk.document.path, self._desk.document.values)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for results", str(self._target().parent))
        if name:
            self._chosen = Path(name)
            self._refresh()

    def _cells(self) -> list[str]:
        from workbench.execution.cells import cells_of  # noqa: PLC0415  (not before the first paint)
        from workbench.execution.discovery import discover  # noqa: PLC0415  (with the above)
        from workbench.execution.study import with_row_names  # noqa: PLC0415  (with the above)

        titles = {manifest.id: manifest.title for manifest, _, _ in discover() if manifest}
        return [cell.title for cell in cells_of(with_row_names(self._desk.document.study(), titles))]


def log_line(event: dict[str, Any], clock: str) -> str:
    """Return a stage event as a line of the log, "" for any other event."""
    if event.get("event") != "stage":
        return ""
    words = {"start": "", "kept": "kept from before", "done": "done", "failed": "failed"}
    state, text = words.get(str(event.get("state")), str(event.get("state"))), str(event.get("text") or "")
    return "  ".join(part for part in (clock, str(event["name"]), state, text) if part)


def _is_code(values: dict[str, Any]) -> bool:
    """Whether one of the models is code: a factory, or a PyTorch file."""
    models = [values.get("model") or {}, *((item.get("model") or {}) for item in values.get("candidates", []))]
    return any(model.get("factory") or str(model.get("path", "")).endswith((".pt", ".pt2", ".pth")) for model in models)
