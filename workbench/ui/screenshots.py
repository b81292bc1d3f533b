"""Renders every page in both themes and two sizes into a folder, without a display: `gui --screenshots DIR`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEventLoop
from PySide6.QtWidgets import QApplication

from workbench.errors import OutputError
from workbench.ui.opening import classify
from workbench.ui.rail import STEPS
from workbench.ui.settings import Settings
from workbench.ui.theme import Theme
from workbench.ui.tokens import TABLES
from workbench.ui.window import Window

SIZES = ((1280, 800), (1920, 1080))
MOST_S = 60.0
QUIET_S = 0.8


def write_screenshots(theme: Theme, folder: Path, path: Path | None) -> int:
    """Write PAGE-THEME-WIDTHxHEIGHT.png for every page; 1 when `path` could not be opened, else 0.

    Args:
        path: what to show, as on the command line; without it every page is empty.

    Raises:
        UserError: the folder cannot be made, or `path` is nothing that opens.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder.name} cannot be made", why=error.strerror or str(error)) from error
    if path is not None:
        classify(path)
    # The user's own settings stay as they are: a file in the folder takes their place, and goes again.
    settings = Settings(folder / ".window.ini")
    window = Window(theme, settings)
    window.show()
    if path is not None:
        window.open_path(path)
    for name in TABLES:
        theme.set_mode("dark" if name == "dark" else "light")
        _write_pages(window, folder, name)
    window.desk.document.undo_stack.setClean()
    window.close()
    (folder / ".window.ini").unlink(missing_ok=True)
    return 1 if window.errors.isVisible() else 0


def _write_pages(window: Window, folder: Path, theme_name: str) -> None:
    for width, height in SIZES:
        window.resize(width, height)
        for step in STEPS:
            window.show_page(step.key)
            settle(window)
            picture = folder / f"{step.key}-{theme_name}-{width}x{height}.png"
            if not window.grab().save(str(picture)):
                raise OutputError(f"{picture.name} cannot be written", how="Choose a writable folder.")
            sys.stderr.write(f"{picture.name}\n")


def settle(window: Window) -> None:
    """Let the page come to rest: no command runs and nothing happened for a moment; a minute at most."""
    end_s = time.monotonic() + MOST_S
    quiet_s = time.monotonic() + QUIET_S
    while time.monotonic() < min(end_s, quiet_s):
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        QCoreApplication.sendPostedEvents()
        time.sleep(0.005)
        if window.desk.bridge.running:
            quiet_s = time.monotonic() + QUIET_S
