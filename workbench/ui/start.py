"""The way from the command line to the window that imports nothing but Qt: options, missing parts, display, errors."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from workbench.errors import MissingPartError, UserError
from workbench.parts import install_line

DESCRIPTION = "Open the window; also what int8-workbench does without a command."
PROBE = "from PySide6.QtWidgets import QApplication; QApplication([])"
PROBE_MOST_S = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the window."""
    parser.add_argument("path", type=Path, nargs="?", metavar="STUDY|DIR|ZIP", help="opened after the first paint")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="write a picture of every page in both themes")
    parser.add_argument("--print-first-paint", action="store_true", help="print the seconds to the first paint")


def open_window(options: argparse.Namespace) -> int:
    """Open the window. Raises MissingPartError: no display, Qt is not installed, or a system library is absent."""
    if options.screenshots is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif not has_display() and "QT_QPA_PLATFORM" not in os.environ:
        raise MissingPartError(
            "There is no display for the window",
            how="Use the commands (int8-workbench --help), or gui --screenshots DIR for pictures of the pages.",
        )
    try:
        from workbench.ui.app import WindowArguments, run_window  # noqa: PLC0415  (Qt is an optional part)
    except ImportError as error:
        raise MissingPartError(
            "The window cannot be opened", why=str(error), how=f"Install it: {install_line('gui')}"
        ) from error
    arguments = WindowArguments(options.path, options.screenshots, print_first_paint=options.print_first_paint)
    return run_window(arguments)


def has_display() -> bool:
    """Whether a window would be seen: always on Windows and macOS, elsewhere where a display server is named."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def window_problem() -> str:
    """Return in a line why no window can be opened here, "" where it can.

    Qt ends the process where it cannot reach the display, so another process tries.
    """
    if find_spec("PySide6") is None:
        return f"it is not installed; this adds it: {install_line('gui')}"
    try:
        command = [sys.executable, "-c", PROBE]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PROBE_MOST_S)
    except subprocess.TimeoutExpired:
        return "the display does not answer"
    if found.returncode == 0:
        return ""
    lines = [line for line in found.stderr.splitlines() if line.strip()]
    named = [line for line in lines if ".so" in line or "display" in line or "is needed" in line]
    return (named or lines[-1:] or ["Qt said nothing"])[0].strip()


def main(arguments: Sequence[str]) -> int:
    """Parse the options of `gui` and open the window; a mistake the user can mend is one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="int8-workbench gui", description=DESCRIPTION)
    add_arguments(parser)
    try:
        return open_window(parser.parse_args(arguments))
    except UserError as error:
        sys.stderr.write(f"int8-workbench: {error}\n")
        return 1
