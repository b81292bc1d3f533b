"""gui: opens the window, or renders its pages into pictures without a display."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from workbench.errors import MissingPartError


def add_to(commands: Any) -> None:
    """Add this module's command to the parser."""
    gui = commands.add_parser("gui", help="open the window; also what int8-workbench does without a command")
    add_arguments(gui)
    gui.set_defaults(run_command=run_gui)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the window."""
    parser.add_argument("path", type=Path, nargs="?", metavar="STUDY|DIR|ZIP", help="opened after the first paint")
    parser.add_argument(
        "--screenshots", type=Path, metavar="DIR", help="write a picture of every page in both themes and end"
    )
    parser.add_argument("--print-first-paint", action="store_true", help="print the seconds to the first paint")


def run_gui(options: argparse.Namespace) -> int:
    """Open the window. Raises MissingPartError: Qt is not installed, or a system library it needs is absent."""
    if options.screenshots is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        from workbench.ui.app import WindowArguments, run_window  # noqa: PLC0415  (Qt is an optional part)
    except ImportError as error:
        raise MissingPartError(
            "The window cannot be opened", why=str(error), how='Install it with pip install "int8-workbench[gui]".'
        ) from error
    arguments = WindowArguments(options.path, options.screenshots, print_first_paint=options.print_first_paint)
    return run_window(arguments)
