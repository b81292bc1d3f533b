"""The card of an empty page."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.words import nameless, words_of
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from workbench.ui.next_step import NextStep
from workbench.ui.theme import Theme


@pytest.fixture
def made(theme: Theme, qtbot: QtBot) -> NextStep:
    card = NextStep("No result yet", "It stands here.", "run", "Go to Run", opens=True)
    qtbot.addWidget(card)
    card.show()
    return card


def test_it_goes_to_the_step_it_names(made: NextStep, qtbot: QtBot) -> None:
    assert words_of(made).splitlines()[:3] == ["No result yet", "It stands here.", "Go to Run"]
    with qtbot.waitSignal(made.goto) as told:
        made.action.click()
    assert told.args == ["run"]
    made.say("No runtime", "Choose one.", "runtimes", "Choose runtimes")
    with qtbot.waitSignal(made.goto) as told:
        made.action.click()
    assert told.args == ["runtimes"]
    assert made.action.accessibleName() == "Choose runtimes"
    assert nameless(made) == []


def test_a_finished_study_can_be_opened(
    made: NextStep, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    with qtbot.assertNotEmitted(made.open_requested):
        made.open_button.click()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    with qtbot.waitSignal(made.open_requested) as told:
        made.open_button.click()
    assert told.args == [tmp_path]


def test_only_where_studies_are_shown(theme: Theme, qtbot: QtBot) -> None:
    card = NextStep("No model yet", "", "model", "Choose a model")
    qtbot.addWidget(card)
    assert card.open_button.isHidden()
