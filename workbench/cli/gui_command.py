"""gui: opens the window, or renders its pages into pictures without a display."""

from __future__ import annotations

from typing import Any

from workbench.ui.start import add_arguments, open_window


def add_to(commands: Any) -> None:
    """Add this module's command to the parser."""
    gui = commands.add_parser("gui", help="open the window; also what int8-workbench does without a command")
    add_arguments(gui)
    gui.set_defaults(run_command=open_window)
