"""The study's name and [measure] on the Run page."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.study_card import StudyCard
from workbench.ui.window import Window


@pytest.fixture
def card(window: Window, qtbot: QtBot) -> StudyCard:
    made = StudyCard(window.desk)
    qtbot.addWidget(made)
    window.desk.document.changed.connect(made.show_document)
    return made


def test_settings_go_into_the_study(card: StudyCard, window: Window) -> None:
    card._profile.setCurrentIndex(card._profile.findData("standard"))
    card._profile.activated.emit(1)
    card._budget.setValue(30)
    assert window.desk.document.value("measure") == {"profile": "standard", "budget_s": 30.0}
    card._budget.setValue(0)
    assert window.desk.document.value("measure") == {"profile": "standard"}


def test_the_name_can_be_given_undone_and_taken_away(card: StudyCard, window: Window) -> None:
    document = window.desk.document
    assert card._name.placeholderText() == "New study"
    card._name.setText(" Digits on the bench ")
    card._name.editingFinished.emit()
    assert document.value("name") == "Digits on the bench"
    document.undo_stack.undo()
    assert (document.value("name"), card._name.text()) == (None, "")
    document.undo_stack.redo()
    assert card._name.text() == "Digits on the bench"
    card._name.setText("")
    card._name.editingFinished.emit()
    assert document.value("name") is None
