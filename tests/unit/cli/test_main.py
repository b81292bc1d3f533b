"""The one place that turns errors into a line and an exit code."""

from __future__ import annotations

import argparse
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.small_studies import run_command

import workbench
from workbench import cli
from workbench.__main__ import main as program
from workbench.errors import (
    JobCancelledError,
    JobFailedError,
    ModelError,
    RuntimeUnavailableError,
    UserError,
)

COMMANDS = (
    "run",
    "demo",
    "doctor",
    "runtimes",
    "probe",
    "inspect",
    "calibrate",
    "quantize",
    "parity",
    "sheet",
    "check",
    "compare",
)
Install = Callable[[BaseException | None], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give a function that makes `probe` the only command, ending in an error."""

    def make(error: BaseException | None) -> None:
        def command(_: argparse.Namespace) -> int:
            if error is not None:
                raise error
            return 0

        def add_to(commands: Any) -> None:
            for name in ("probe", "run"):
                commands.add_parser(name).set_defaults(run_command=command)

        monkeypatch.setattr(cli, "COMMANDS", (add_to,))

    return make


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("x is wrong", why="of y", how="Mend y."), 1, "int8-workbench: x is wrong: of y. Mend y."),
        (ModelError("two\nlines"), 1, "int8-workbench: two lines"),
        (JobFailedError("ValueError", "it broke\nhere", "Traceback ..."), 1, "int8-workbench: it broke here"),
        (RuntimeUnavailableError("no device"), 1, "int8-workbench: no device"),
        (JobCancelledError("stopped"), 130, "int8-workbench: cancelled."),
        (KeyboardInterrupt(), 130, "int8-workbench: cancelled."),
        (None, 0, ""),
    ],
)
def test_every_error_is_one_line_and_a_code(
    install: Install, capsys: pytest.CaptureFixture[str], error: BaseException | None, code: int, line: str
) -> None:
    install(error)
    assert cli.main(["probe"]) == code
    shown = capsys.readouterr()
    assert shown.err.strip() == line
    assert shown.out == ""


def test_only_a_study_says_that_it_resumes(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(JobCancelledError("stopped"))
    cli.main(["run"])
    assert "the same command resumes" in capsys.readouterr().err
    cli.main(["probe"])
    assert "resumes" not in capsys.readouterr().err


def test_a_bug_is_not_hidden(install: Install) -> None:
    install(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


@pytest.mark.parametrize(("name", "said"), [("/data/x", "/data/x"), (None, "What was found")])
def test_a_full_disk_is_one_line(
    install: Install,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
    said: str,
) -> None:
    monkeypatch.setattr(cli, "_close_output", lambda: None)
    install(OSError(errno.ENOSPC, "No space left on device", name))
    assert cli.main(["probe"]) == 1
    line = f"int8-workbench: {said} cannot be written: No space left on device. Make room, or write elsewhere.\n"
    assert capsys.readouterr().err == line
    install(OSError(errno.EINVAL, "Invalid argument"))
    with pytest.raises(OSError, match="Invalid argument"):
        cli.main(["probe"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_to_a_full_disk_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "claim.toml").write_text('schema_version = 1\nname = "vendor"\n', encoding="utf-8")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "workbench", "check", tmp_path / "claim.toml"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("int8-workbench: What was found cannot be written: No space left on device.")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode there")
@pytest.mark.parametrize("place", ["study", "output", "folder above"])
def test_a_name_that_is_not_utf_8_is_refused_before_anything(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    bad = os.fsdecode(b"odd\xff")
    if place == "folder above":
        (tmp_path / bad).mkdir()
        monkeypatch.chdir(tmp_path / bad)
    names = {"study": [bad, "-o", "out"], "output": ["s.toml", "-o", bad], "folder above": ["s.toml", "-o", "out"]}
    assert run_command(["run", *names[place]]) == 1
    line = capsys.readouterr().err
    assert r"odd\udcff" in line
    assert "has a name that is not UTF-8. Rename it, or give another place." in line
    assert line.count("\n") == 1


def test_names_in_any_script_are_fine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run_command(["run", tmp_path / "\N{GREEK SMALL LETTER ALPHA} \u00e9 \u200b.toml", "-o", tmp_path / "o"]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_the_cause_is_shown_when_asked(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install(JobFailedError("ValueError", "it broke", "remote traceback"))
    caplog.set_level("DEBUG", logger="workbench")
    assert cli.main(["--verbose", "probe"]) == 1
    assert "remote traceback" in caplog.text


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        (["rnu"], "Did you mean run?"),
        (["calibrat"], "Did you mean calibrate?"),
        (["run", "study.toml", "-o", "out", "--profile", "qick"], "Did you mean quick?"),
    ],
)
def test_a_mistyped_word_gets_the_nearest(capsys: pytest.CaptureFixture[str], typed: list[str], near: str) -> None:
    assert run_command(typed) == 2
    assert capsys.readouterr().err.strip().endswith(near)


def test_an_unrelated_word_gets_no_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["zzzzzz"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


def test_help_explains_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    text = capsys.readouterr().out
    assert "exit codes" in text
    for name in COMMANDS:
        assert f"\n    {name}" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"int8-workbench {workbench.__version__}"


def test_ctrl_c_while_the_command_line_is_loaded_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    monkeypatch.setattr(sys, "argv", ["int8-workbench", "doctor"])
    assert program() == 130
    assert capsys.readouterr().err == "\nint8-workbench: cancelled.\n"
