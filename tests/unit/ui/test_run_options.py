"""Options of one run, as the command line takes them."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from workbench.cli import parser
from workbench.ui.run_options import RunOptions
from workbench.ui.window import Window


@pytest.fixture
def options(window: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOptions:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    made = RunOptions(window.desk)
    qtbot.addWidget(made)
    return made


def _click(options: RunOptions, name: str) -> None:
    (found,) = [one for one in options.findChildren(QPushButton) if one.accessibleName() == name]
    found.click()


def test_without_a_choice_only_the_folder_is_said(options: RunOptions, tmp_path: Path) -> None:
    assert options.arguments() == ["-o", str(tmp_path / "int8-workbench" / "study")]


def test_the_command_line_understands_every_choice(
    options: RunOptions, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "plan.json"), ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "junit.xml"), ""))
    for name in (
        "Choose the folder for results",
        "Choose a ready plan",
        "Choose an earlier run's folder",
        "Choose a JUnit XML file",
    ):
        with qtbot.waitSignal(options.changed):
            _click(options, name)
    options._quick.setChecked(True)
    options._code.setChecked(True)
    read = parser().parse_args(["run", "study.toml", *options.arguments()])
    assert (read.output, read.plan, read.junit) == (tmp_path / "out", tmp_path / "plan.json", tmp_path / "junit.xml")
    assert (read.quick, read.allow_code, read.baseline) == (True, True, tmp_path / "out")
    assert options.folder == tmp_path / "out"


def test_another_study_starts_without_them_and_a_saved_one_keeps_them(
    options: RunOptions, window: Window, tmp_path: Path
) -> None:
    options._plan.set_path(tmp_path / "plan.json")
    options._quick.setChecked(True)
    window.desk.document.set("rename the study", "x", "name")
    assert "--plan" in options.arguments()
    window.desk.document.new()
    assert options.arguments()[2:] == []


def test_what_lies_in_the_folder_is_shown(options: RunOptions) -> None:
    options.show_place("Holds a finished run.", has_code=True)
    assert not options._kept.isHidden()
    assert not options._code.isHidden()
    options.show_place("", has_code=False)
    assert options._kept.isHidden()
    assert options._code.isHidden()
