"""What a tuning found, shown: choice of the figure, selection, adoption, long lists."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers import tuned
from helpers.words import words_of
from pytestqt.qtbot import QtBot

from workbench.ui.pages.tune_result import TuneResult
from workbench.ui.theme import Theme


@pytest.fixture
def shown(qtbot: QtBot, theme: Theme) -> TuneResult:
    made = TuneResult(theme)
    qtbot.addWidget(made)
    made.resize(1000, 900)
    made.show()
    return made


def test_the_chosen_point_is_selected_and_can_be_adopted(shown: TuneResult, qtbot: QtBot, tmp_path: Path) -> None:
    shown.show_found(tuned.read(tuned.document(), tmp_path), 0, "")
    assert shown.finding.text().startswith("Two layers in float reach 23 dB")
    assert shown.selected == 2
    assert shown.adopt_button.text() == "Adopt 2 in float"
    with qtbot.waitSignal(shown.adopt) as told:
        shown.adopt_button.click()
    assert told.args == [2]
    shown.points.select(0)
    assert not shown.adopt_button.isEnabled()
    assert "The study has this point" in shown.said.text()
    with qtbot.waitSignal(shown.goto) as gone:
        shown.run_button.click()
    assert gone.args == ["run"]


def test_a_change_of_the_study_keeps_the_selection(shown: TuneResult, tmp_path: Path) -> None:
    found = tuned.read(tuned.document(), tmp_path)
    shown.show_found(found, 0, "")
    shown.points.select(3)
    shown.show_found(found, 3, "")
    assert shown.selected == 3
    assert not shown.adopt_button.isEnabled()


def test_the_figure_of_the_target_is_drawn_first_and_another_can_be_chosen(shown: TuneResult, tmp_path: Path) -> None:
    shown.show_found(tuned.read(tuned.document(target={"agreement": 0.9}), tmp_path), 0, "")
    assert shown.figure.currentData() == "agreement"
    assert shown.chart.chart is not None
    assert shown.chart.chart.figure is not None
    assert shown.chart.chart.figure.title.startswith("Same answer as FP32")
    shown.figure.setCurrentIndex(shown.figure.findData("sqnr_db"))
    shown.figure.activated.emit(shown.figure.currentIndex())
    assert shown.chart.chart.figure.title.startswith("SQNR")


def test_without_labels_accuracy_is_no_choice(shown: TuneResult, tmp_path: Path) -> None:
    shown.show_found(tuned.read(tuned.unlabelled(), tmp_path), 0, "")
    assert shown.figure.findData("accuracy_change_points") == -1
    assert "the evaluation set has no labels" in words_of(shown)


def test_a_thousand_layers_are_listed_in_full(shown: TuneResult, tmp_path: Path) -> None:
    shown.show_found(tuned.read(tuned.hard(), tmp_path), None, "The scheme has changed.")
    shown.points.select(4)
    assert len(shown.nodes.toPlainText().splitlines()) == 1000
    assert not shown.nodes.isHidden()
    assert shown.sensitivity.view.rows_model.rowCount() == 1000
    assert not shown.adopt_button.isEnabled()
    assert shown.said.text() == "The scheme has changed."
    assert "ran out" in shown.stopped.text()
    shown.points.select(0)
    assert shown.nodes.isHidden()
