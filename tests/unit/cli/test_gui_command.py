"""gui is a command like the others."""

from __future__ import annotations

from workbench.cli import parser
from workbench.ui.start import open_window


def test_gui_is_known_with_its_options() -> None:
    options = parser().parse_args(["gui", "study.toml", "--screenshots", "out"])
    assert options.run_command is open_window
    assert str(options.path) == "study.toml"
