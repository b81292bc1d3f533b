"""The way from the command line to the window that imports nothing but Qt: options, missing parts, errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench.errors import MissingPartError, UserError

DESCRIPTION = "Open the window; also what int8-workbench does without a command."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the window."""
    parser.add_argument("path", type=Path, nargs="?", metavar="STUDY|DIR|ZIP", help="opened after the first paint")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="write a picture of every page in both themes")
    parser.add_argument("--print-first-paint", action="store_true", help="print the seconds to the first paint")


def open_window(options: argparse.Namespace) -> int:
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


def main(arguments: Sequence[str]) -> int:
    """Parse the options of `gui` and open the window; a mistake the user can mend is one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="int8-workbench gui", description=DESCRIPTION)
    add_arguments(parser)
    try:
        return open_window(parser.parse_args(arguments))
    except UserError as error:
        sys.stderr.write(f"int8-workbench: {error}\n")
        return 1
