"""Starts the window: application, theme, settings, first paint; then whatever was asked to be opened."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from workbench.ui.errors_view import install_crash_dialog
from workbench.ui.settings import Settings
from workbench.ui.theme import Theme
from workbench.ui.window import Window


@dataclass(frozen=True)
class WindowArguments:
    """What the `gui` command was asked for.

    Attributes:
        path: a model, data, study, study folder or zip to open. screenshots: render every page into this folder.
        print_first_paint: print the seconds from the start of the process to the first paint.
    """

    path: Path | None = None
    screenshots: Path | None = None
    print_first_paint: bool = False


def run_window(arguments: WindowArguments) -> int:
    """Show the window until it is closed, or write the screenshots; returns the exit code."""
    application = make_application()
    settings = Settings()
    theme = Theme(application, settings.mode)
    if arguments.screenshots is not None:
        from workbench.ui.screenshots import write_screenshots  # noqa: PLC0415  (only here)

        return write_screenshots(theme, arguments.screenshots, arguments.path)
    install_crash_dialog(theme, application)
    window = Window(theme, settings)
    if settings.geometry is not None:
        window.restoreGeometry(settings.geometry)
    window.show()
    QTimer.singleShot(0, lambda: _after_first_paint(window, arguments))
    return application.exec()


def make_application() -> QApplication:
    """Return the application object with its names."""
    found = QApplication.instance()
    application = found if isinstance(found, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("int8-workbench")
    application.setApplicationDisplayName("INT8 Workbench")
    return application


def process_age_s() -> float:
    """Return the seconds since this process started, to a hundredth on Linux."""
    stat = Path("/proc/self/stat")
    if stat.is_file() and hasattr(time, "CLOCK_BOOTTIME"):
        # Field 22 of proc(5), counted behind the name in brackets: start in clock ticks since boot.
        ticks = int(stat.read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    import psutil  # noqa: PLC0415  (only when asked for)

    return time.time() - float(psutil.Process(os.getpid()).create_time())


def _after_first_paint(window: Window, arguments: WindowArguments) -> None:
    if arguments.print_first_paint:
        sys.stderr.write(f"first paint after {process_age_s():.3f} s\n")
    window.start_preloading()
    if arguments.path is not None:
        window.open_path(arguments.path)
