"""Bundles and results from the window: the command line does the work, a dialog says what to do with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.words import words_of
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from workbench.execution.elsewhere.merge import LONGEST_NAME
from workbench.ui.commands import Bridge, Finished
from workbench.ui.elsewhere import RUN_FIRST, BundledDialog, NameDialog, can_be_bundled, choose_and_import, make_bundle
from workbench.ui.theme import Theme

MADE = {"path": "/there/coreml.zip", "models": ["Core ML · S1 · int8"], "left_out": {"fp16": "no such thing"}, "n": 24}


class Commands:
    """Takes commands in place of the bridge and answers when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arguments: list[str] = []
        self.finish: Callable[[Finished], object] = lambda _done: None
        monkeypatch.setattr(Bridge, "run", self._run)

    def _run(self, arguments: list[str], on_finished: Callable[[Finished], object]) -> None:
        self.arguments, self.finish = list(arguments), on_finished

    def answer(self, document: Any, error: str = "") -> None:
        """End the command, with what it printed or with its one line."""
        self.finish(Finished(1 if error else 0, False, False, document, error, ("log",) if error else ()))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(monkeypatch)


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "result.json").write_text("{}")
    return tmp_path


def test_the_window_offers_what_the_plugins_say_of_themselves() -> None:
    ids = ("ort_cpu", "openvino", "coreml", "tensorrt", "coreml_evaluator", "nncf", "no_such", "")
    assert [name for name in ids if can_be_bundled(name)] == ["ort_cpu", "openvino", "coreml", "tensorrt"]


def test_a_bundle_is_made_and_the_dialog_says_what_to_type_there(
    parent: QWidget, theme: Theme, folder: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/there/coreml", ""))
    told: list[Any] = []
    make_bundle(parent, Bridge(), theme, folder, "coreml", lambda text, log: told.append(text))
    assert commands.arguments == ["bundle", str(folder), "--runtime", "coreml", "-o", "/there/coreml.zip", "--json"]
    commands.answer(MADE)
    (dialog,) = parent.findChildren(BundledDialog)
    words = words_of(dialog)
    assert 'python3 -m zipfile -e "coreml.zip" job\npython3 job/runner.py -o result.zip' in words
    assert "Left out: fp16: no such thing" in words
    assert told == []
    dialog.close()


def test_a_bundle_that_cannot_be_made_is_told(
    parent: QWidget, theme: Theme, folder: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/there/x.zip", ""))
    told: list[Any] = []
    make_bundle(parent, Bridge(), theme, folder, "coreml", lambda text, log: told.append((text, log)))
    commands.answer(None, "Nothing of Core ML can be bundled")
    assert told == [("Nothing of Core ML can be bundled", ("log",))]


def test_without_a_finished_study_nothing_is_asked(
    parent: QWidget, theme: Theme, tmp_path: Path, commands: Commands
) -> None:
    told: list[Any] = []
    make_bundle(parent, Bridge(), theme, tmp_path, "coreml", lambda text, log: told.append(text))
    assert told == [RUN_FIRST]
    assert commands.arguments == []


def test_a_result_is_imported_under_the_name_given(
    parent: QWidget, folder: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/there/result.zip", ""))
    taken: list[Path] = []
    told: list[str] = []
    choose_and_import(parent, Bridge(), folder, lambda text, log: told.append(text), taken.append)
    (dialog,) = parent.findChildren(NameDialog)
    assert "result.zip" in words_of(dialog)
    assert commands.arguments == []
    dialog.name.setText(" MacBook ")
    dialog.accept()
    expected = ["import-result", "/there/result.zip", str(folder), "--name", "MacBook", "--json"]
    assert commands.arguments == expected
    commands.answer({"machine": "m"})
    assert taken == [folder]
    commands.answer(None, "result.zip was changed")
    assert told == ["result.zip was changed"]


def test_an_import_can_be_given_up(
    parent: QWidget, folder: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/there/result.zip", ""))
    choose_and_import(parent, Bridge(), folder, lambda *_: None, lambda _folder: None)
    (dialog,) = parent.findChildren(NameDialog)
    dialog.reject()
    assert commands.arguments == []


def test_a_name_is_at_most_as_long_as_the_import_takes_one(parent: QWidget) -> None:
    dialog = NameDialog(parent, "result.zip")
    dialog.name.setText("x" * 100)
    assert len(dialog.name.text()) == LONGEST_NAME
