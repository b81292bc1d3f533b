"""From the command line to the window."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import MissingPartError
from workbench.ui import start
from workbench.ui.start import add_arguments, has_display, main, open_window, window_problem


def test_options_are_known() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args(["study.toml", "--screenshots", "out"])
    assert (options.path, options.screenshots) == (Path("study.toml"), Path("out"))


def test_without_qt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "workbench.ui.app", None)
    options = argparse.Namespace(path=None, screenshots=None, print_first_paint=False)
    with pytest.raises(MissingPartError, match=r'pip install "pyside6-essentials=='):
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


def test_a_display_is_named_or_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display()
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert has_display()


def test_a_window_that_opens_has_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert window_problem() == ""
    monkeypatch.setattr(start, "find_spec", lambda _name: None)
    assert "pyside6-essentials==" in window_problem()


@pytest.mark.skipif(sys.platform != "linux", reason="a wrong display is possible with X11 alone")
def test_what_keeps_it_from_opening_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setenv("DISPLAY", ":4242")
    problem = window_problem()
    assert problem
    assert "\n" not in problem
