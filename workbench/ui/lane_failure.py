"""Why a cell has no answer, below its lane: reason, remedy, log tail on request, a button that copies all of it."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout

from workbench.ui.errors_view import LogView
from workbench.ui.run_state import NOT_AVAILABLE, Failure
from workbench.ui.theme import Theme, set_role
from workbench.ui.widgets import button, copy_button, label, row, say

LOG_PX, LINE_PX, AROUND_PX = 150, 16, 34
"""Most height of the log; of one line; of its border and scroll bar."""


class LaneFailure(QFrame):
    """One failure.

    Attributes:
        failure: what is shown.
    """

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.failure = Failure("", "")
        self._reason = label("", wrap=True, selectable=True)
        self._remedy = label("", "strong", wrap=True, selectable=True)
        self._log = LogView(f"Last log lines of {name}", 0)
        self._toggle = button("Show log", self._switch_log, "quiet", f"Show or hide the last log lines of {name}")
        copy = copy_button(lambda: self.failure.text, theme, f"what went wrong with {name}")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(12, 6, 6, 8)
        inside.setSpacing(4)
        inside.addLayout(row(self._reason, self._toggle, copy, spacing=4))
        inside.addWidget(self._remedy)
        inside.addWidget(self._log)
        self._log.hide()

    def show_failure(self, failure: Failure) -> None:
        """Show a failure; its log stays folded until asked for."""
        if failure == self.failure:
            return
        self.failure = failure
        set_role(self, "panel-warn" if failure.status == NOT_AVAILABLE else "panel-bad")
        say(self._reason, failure.reason)
        say(self._remedy, failure.remedy)
        self._log.setFixedHeight(min(LOG_PX, LINE_PX * len(failure.log_tail) + AROUND_PX))
        self._log.show_lines(failure.log_tail)
        self._toggle.setVisible(bool(failure.log_tail))

    def _switch_log(self) -> None:
        self._log.setVisible(self._log.isHidden())
        self._toggle.setText("Show log" if self._log.isHidden() else "Hide log")
