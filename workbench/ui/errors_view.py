"""Errors as a person wants them: the line with its remedy, the last log lines, a copy button; a dialog for crashes."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from PySide6.QtCore import Qt, QTimer, qVersion
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QFrame, QPlainTextEdit, QVBoxLayout, QWidget

import workbench
from workbench.ui.theme import Theme
from workbench.ui.widgets import button, column, copy_button, label, row

LOG_HEIGHT_PX = 150
PACKAGES = ("PySide6-Essentials", "pyqtgraph", "numpy", "onnx")


class LogView(QPlainTextEdit):
    """Log lines in a box that scrolls; keeps its end in view while the user has not scrolled up."""

    def __init__(self, name: str, height_px: int = LOG_HEIGHT_PX) -> None:
        super().__init__()
        self.setProperty("role", "log")
        self.setReadOnly(True)
        self.setMaximumBlockCount(5000)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setMinimumHeight(height_px)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)

    def show_lines(self, lines: Sequence[str]) -> None:
        """Replace the text."""
        self.setPlainText("\n".join(lines))
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())


class ErrorPanel(QFrame):
    """One error above the page: what, why and how in a line, log lines on request, copy and close."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "panel-error")
        self.setAccessibleName("Error")
        self._text = label("", wrap=True, selectable=True)
        self._log = LogView("Last log lines")
        self._toggle = button("Show log", self._switch_log, "quiet")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(14, 8, 8, 8)
        close = button("Close", self.hide, "quiet", "Close this message (Escape)")
        # Works from everywhere in the window, and only while the message is there.
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.hide)
        inside.addLayout(row(self._text, self._toggle, copy_button(self.text, theme, "the error"), close, spacing=4))
        inside.addWidget(self._log)
        self.hide()

    def show_error(self, text: str, log_tail: Sequence[str] = ()) -> None:
        """Show an error; log lines stay folded until asked for."""
        self._text.setText(text)
        self._log.show_lines(log_tail)
        self._log.hide()
        self._toggle.setText("Show log")
        self._toggle.setVisible(len(log_tail) > 1)
        self.show()

    def text(self) -> str:
        """Return everything that is worth pasting into a report."""
        return "\n".join(part for part in (self._text.text(), self._log.toPlainText()) if part)

    def _switch_log(self) -> None:
        self._log.setVisible(self._log.isHidden())
        self._toggle.setText("Show log" if self._log.isHidden() else "Hide log")


class CrashDialog(QDialog):
    """A fault of the window itself: what happened, versions, the traceback, a copy button. Work goes on."""

    def __init__(self, theme: Theme, report: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Something went wrong")
        self.setMinimumSize(720, 420)
        text = LogView("Report", 240)
        text.show_lines(report.splitlines())
        words = "This is a fault of the program, not yours. Your study on the disk is untouched; save and go on."
        buttons = row(None, copy_button(lambda: report, theme, "the report"), button("Go on", self.accept, "primary"))
        title, below = label("Something went wrong in the window", "heading"), label(words, "muted", wrap=True)
        inside = column(title, below, text, buttons)
        inside.setContentsMargins(20, 18, 20, 16)
        self.setLayout(inside)


def versions() -> str:
    """Return the versions worth knowing in a report, one per line."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (not before the first paint)

    found = {"int8-workbench": workbench.__version__, "Python": platform.python_version(), "Qt": qVersion()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    found["system"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    return "\n".join(f"{name} {value}" for name, value in found.items())


def install_crash_dialog(theme: Theme, application: QApplication) -> None:
    """Show a dialog for every fault that nobody caught, once at a time; the traceback also goes to standard error."""
    shown: list[CrashDialog] = []

    def caught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if issubclass(kind, KeyboardInterrupt):
            application.quit()
            return
        if not shown:
            report = f"{versions()}\n\n{''.join(traceback.format_exception(kind, error, trace))}"
            # After the event that failed is over: a dialog inside a paint event would not return.
            QTimer.singleShot(0, lambda: _show(shown, CrashDialog(theme, report, application.activeWindow())))

    sys.excepthook = caught


def _show(shown: list[CrashDialog], dialog: CrashDialog) -> None:
    shown.append(dialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.finished.connect(lambda _code: shown.clear())
    dialog.open()
