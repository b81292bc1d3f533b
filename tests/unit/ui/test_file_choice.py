"""One file that may be chosen."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.words import words_of
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from workbench.ui.file_choice import FileChoice


@pytest.mark.parametrize(("saves", "dialog"), [(False, "getOpenFileName"), (True, "getSaveFileName")])
def test_choose_and_do_without(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: bool, dialog: str
) -> None:
    choice = FileChoice("a ready plan", "made from samples", "Plans (*.json)", saves=saves)
    qtbot.addWidget(choice)
    assert choice._remove.isHidden()
    assert "made from samples" in words_of(choice)
    asked: list[str] = []

    def answer(_parent: object, title: str, *_: object) -> tuple[str, str]:
        asked.append(title)
        return (str(tmp_path / "a.json") if len(asked) == 1 else "", "")

    monkeypatch.setattr(QFileDialog, dialog, answer)
    with qtbot.waitSignal(choice.changed):
        choice._choose.click()
    assert choice.path == tmp_path / "a.json"
    assert not choice._remove.isHidden()
    choice._choose.click()
    assert choice.path == tmp_path / "a.json"
    assert asked == ["A ready plan"] * 2
    with qtbot.waitSignal(choice.changed):
        choice._remove.click()
    assert choice.path is None
    with qtbot.assertNotEmitted(choice.changed):
        choice.set_path(None)


def test_a_folder_is_chosen_where_no_kind_of_file_is_named(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = FileChoice("an earlier run", "none", "")
    qtbot.addWidget(choice)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    with qtbot.waitSignal(choice.changed):
        choice._choose.click()
    assert choice.path == tmp_path
