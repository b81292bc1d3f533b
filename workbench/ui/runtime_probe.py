"""One runtime's self-test on the Runtimes page: a button, the result in one line, every pattern on request."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget
from shiboken6 import isValid

from workbench.ui.commands import Command, Finished
from workbench.ui.desk import Desk
from workbench.ui.widgets import button, label, row, say

RUNNING = "Comparing its codes with the specification on small graphs..."
STOPPED = "Stopped."
SUMMARY_STRETCH = 100  # it takes the room, an empty place beside the button only what is left
NOT_RUN = "The self-test could not be run."
EQUAL = {"equal", "not_int8"}
"""What a pattern is whose codes are the specification's."""


class RuntimeProbe(QWidget):
    """A runtime's codes on small graphs against the specification's.

    Signals:
        failed: an error line and log lines.
    """

    failed = Signal(str, object)

    def __init__(self, desk: Desk, runtime_id: str, title: str) -> None:
        super().__init__()
        self._desk, self._id = desk, runtime_id
        self._command: Command | None = None
        self._what = f"Compare the codes of {title} with the specification on small graphs"
        self._button = button("Probe", self._switch, tip=self._what)
        self._summary = label("", wrap=True, selectable=True)
        self._patterns = label("", "mono", wrap=True, selectable=True)
        self._toggle = button("Show patterns", self._switch_patterns, "quiet", f"Show or hide the patterns of {title}")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 6, 0, 0)
        inside.setSpacing(4)
        above = row(self._button, self._summary, self._toggle, None, spacing=8)
        above.setStretchFactor(self._summary, SUMMARY_STRETCH)
        inside.addLayout(above)
        inside.addWidget(self._patterns)
        for hidden in (self._summary, self._toggle, self._patterns):
            hidden.hide()

    @property
    def is_running(self) -> bool:
        """Whether the self-test runs now."""
        return self._command is not None

    def _switch(self) -> None:
        """Start the self-test, or stop the one that runs."""
        if self._command is not None:
            self._command.cancel()
            return
        self._show([])
        say(self._summary, RUNNING, "muted")
        self._button.setText("Stop")
        self._command = self._desk.bridge.run(["probe", self._id, "--json"], self._finished)

    def _finished(self, done: Finished) -> None:
        if not isValid(self):
            return  # the window was closed meanwhile
        self._command = None
        self._button.setText("Probe")
        if done.cancelled:
            say(self._summary, STOPPED, "muted")
        elif isinstance(done.document, list) and done.document:
            self.show_result(done.document[0])
        else:
            say(self._summary, NOT_RUN, "bad")
            self.failed.emit(done.error, done.log_tail)

    def show_result(self, document: dict[str, Any]) -> None:
        """Show what the command `probe` printed of this runtime; a departure stands out, it is no error."""
        if not document["ok"]:
            say(self._summary, document["reason"] or NOT_RUN, "warn")
            return
        summary, first = str(document["summary"]), document["first_departure"]
        is_equal = {item["status"] for item in document["patterns"]} <= EQUAL
        self._show(document["patterns"])
        words = f"Departs first at {summary}" if first else summary[:1].upper() + summary[1:]
        say(self._summary, words, "ok" if is_equal else "warn")

    def _show(self, patterns: list[dict[str, Any]]) -> None:
        self._patterns.setText("\n".join(f"{item['pattern']}: {item['text']}" for item in patterns))
        self._patterns.hide()
        self._toggle.setText("Show patterns")
        self._toggle.setVisible(bool(patterns))

    def _switch_patterns(self) -> None:
        self._patterns.setVisible(self._patterns.isHidden())
        self._toggle.setText("Show patterns" if self._patterns.isHidden() else "Hide patterns")
