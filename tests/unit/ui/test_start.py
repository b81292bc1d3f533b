"""From the command line to the window."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import MissingPartError
from workbench.ui.start import add_arguments, main, open_window


def test_options_are_known() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args(["study.toml", "--screenshots", "out"])
    assert (options.path, options.screenshots) == (Path("study.toml"), Path("out"))


def test_without_qt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "workbench.ui.app", None)
    options = argparse.Namespace(path=None, screenshots=None, print_first_paint=False)
    with pytest.raises(MissingPartError, match=r'pip install "int8-workbench\[gui\]"'):
        open_window(options)


def test_a_mistake_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "workbench.ui.app", None)
    assert main([]) == 1
    assert capsys.readouterr().err.startswith("int8-workbench: The window cannot be opened")


def test_the_short_way_loads_no_engine() -> None:
    code = "import sys, workbench.ui.start as _; print('workbench.cli' in sys.modules, 'onnx' in sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.stdout.split() == ["False", "False"], outcome.stderr


def test_without_a_display_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert main([]) == 1
    assert "no display" in capsys.readouterr().err
