"""Where a candidate comes from."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.words import words_of
from PySide6.QtWidgets import QFileDialog, QInputDialog, QPushButton
from pytestqt.qtbot import QtBot

from workbench.ui.candidate_source import OF_STUDY, CandidateSource
from workbench.ui.theme import Theme


@pytest.fixture
def source(theme: Theme, qtbot: QtBot) -> CandidateSource:
    made = CandidateSource()
    qtbot.addWidget(made)
    return made


def _choose(source: CandidateSource, text: str) -> None:
    (found,) = [one for one in source.findChildren(QPushButton) if one.menu() is not None]
    (action,) = [one for one in found.menu().actions() if one.text() == text]
    action.trigger()


def test_a_file_a_factory_or_the_model_of_the_study(
    source: CandidateSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    source.model_chosen.connect(told.append)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "small.onnx"), ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: (" pkg:make ", True))
    for text in ("A model file...", "A Python factory...", "The study's model"):
        _choose(source, text)
    assert told == [{"path": str(tmp_path / "small.onnx")}, {"factory": "pkg:make"}, None]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("pkg:make", False))
    _choose(source, "A model file...")
    _choose(source, "A Python factory...")
    assert len(told) == 3


def test_a_plan_comes_and_goes_and_showing_one_tells_nothing(
    source: CandidateSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    source.plan_chosen.connect(told.append)
    assert OF_STUDY in words_of(source)
    source.show_candidate({"name": "a", "model": {"factory": "pkg:make"}, "plan": "/p/plan.json"})
    assert {"pkg:make", "/p/plan.json"} <= set(words_of(source).splitlines())
    assert told == []
    source._plan._remove.click()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "plan.json"), ""))
    source._plan._choose.click()
    assert told == [None, str(tmp_path / "plan.json")]


def test_the_state_is_part_of_the_candidates_own_model(source: CandidateSource) -> None:
    told: list[object] = []
    source.model_chosen.connect(told.append)
    source.show_candidate({"name": "a"})
    assert source._state.isHidden()
    assert not source._recurrent.isEnabled()
    assert not source._state.toggle.isWindow()
    source.show_candidate({"name": "a", "model": {"path": "/m.onnx"}})
    _choose(source, "It is recurrent...")
    assert not source._state.isHidden()
    source._state.edited.emit({"h": "h_out"})
    source.show_candidate({"name": "a", "model": {"path": "/m.onnx", "state": {"h": "h_out"}}})
    source._state.edited.emit(None)
    assert told == [{"path": "/m.onnx", "state": {"h": "h_out"}}, {"path": "/m.onnx"}]
