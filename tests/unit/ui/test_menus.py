"""Menus: keys, saving, undo, theme."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.studies import write_study
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMessageBox

from workbench.execution.study import load_study
from workbench.ui.rail import STEPS
from workbench.ui.window import Window


def actions(window: Window) -> dict[str, QAction]:
    return {action.text().replace("&", ""): action for action in window.findChildren(QAction) if action.text()}


def test_every_step_has_its_key(window: Window) -> None:
    found = actions(window)
    assert len(STEPS) <= 10
    for number, step in enumerate(STEPS, start=1):
        assert found[step.title].shortcut().toString() == f"Ctrl+{number % 10}"
    found["Runtimes"].trigger()
    assert window.rail.buttons["runtimes"].isChecked()
    window.desk.bridge.close()


def test_the_list_of_keys_names_every_shortcut(window: Window) -> None:
    lines = window.menus.keys().splitlines()
    keyed = [action for action in window.menuBar().findChildren(QAction) if not action.shortcut().isEmpty()]
    assert keyed
    for action in keyed:
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        assert f"{key}:  {action.text().replace('&', '')}" in lines
    assert "F5:  Present the comparison" in lines


def test_saving_writes_the_study(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.desk.document.load(write_study(tmp_path))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "other"), ""))
    window.desk.document.set("name", "Mine", "name")
    assert window.windowTitle().startswith("Mine*")
    assert window.menus.save_as()
    assert load_study(tmp_path / "other.toml").name == "Mine"
    assert not window.desk.document.is_modified


def test_what_cannot_be_saved_is_said(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "s.toml"), ""))
    window.desk.document.set("model", {"path": "/m.onnx"}, "model")
    assert not window.menus.save()
    assert "'data' is missing" in window.errors.text()
    assert not (tmp_path / "s.toml").exists()


@pytest.mark.parametrize(("answer", "gone"), [("Discard", True), ("Cancel", False)])
def test_unsaved_changes_are_asked_about(
    window: Window, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool
) -> None:
    monkeypatch.setattr(QMessageBox, "question", lambda *_: getattr(QMessageBox.StandardButton, answer))
    assert window.menus.may_discard()
    window.desk.document.set("name", "x", "name")
    assert window.menus.may_discard() == gone
    assert window.close() == gone


def test_colours_are_chosen_and_remembered(window: Window) -> None:
    actions(window)["Dark colours"].trigger()
    assert window.desk.theme.tokens.name == "dark"
    assert window.desk.settings.mode == "dark"


def test_undo_is_in_the_menu(window: Window) -> None:
    window.desk.document.set("rename", "x", "name")
    next(action for text, action in actions(window).items() if text.startswith("Undo")).trigger()
    assert window.desk.document.value("name") is None


def test_recent_studies_open(window: Window, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    window.desk.settings.add_recent(path)
    window.menus._fill_recent()
    window.menus._recent.actions()[0].trigger()
    assert window.desk.document.path == path.resolve()
    window.desk.bridge.close()
