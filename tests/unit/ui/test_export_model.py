"""Exporting from the window: the command line writes, the dialog says where, a failure is told."""

from __future__ import annotations

from pathlib import Path

from helpers.study_folder import make_study_folder
from helpers.words import words_of
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from workbench.ui.commands import Bridge
from workbench.ui.export_model import ExportedDialog, export_into, export_models
from workbench.ui.theme import Theme


def _parent(qtbot: QtBot) -> QWidget:
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


def test_models_are_written_and_the_dialog_names_them(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    make_study_folder(tmp_path / "study")
    parent, bridge, told = _parent(qtbot), Bridge(), []
    export_into(parent, bridge, tmp_path / "study", tmp_path / "out", lambda *problem: told.append(problem))
    qtbot.waitUntil(lambda: bool(parent.findChildren(ExportedDialog)), timeout=20_000)
    (dialog,) = parent.findChildren(ExportedDialog)
    words = words_of(dialog)
    assert "2 of 4 models written" in words
    assert "not exported: Core ML needs macOS; the package is built here" in words
    assert (tmp_path / "out" / "OpenVINO" / "SHA256SUMS").is_file()
    assert told == []
    dialog.close()


def test_a_failure_is_told_in_one_line(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    bridge, told = Bridge(), []
    export_into(_parent(qtbot), bridge, tmp_path, tmp_path / "out", lambda text, log: told.append(text))
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert "holds no result.json" in told[0]


def test_nothing_happens_without_a_folder(qtbot: QtBot, theme: Theme, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    bridge = Bridge()
    export_models(_parent(qtbot), bridge, tmp_path, lambda *_: None)
    assert bridge.running == 0
