"""Lanes on the screen."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.lanes import STEPS, Lanes, lane_text
from workbench.ui.run_state import PREPARATION, Lane, RunState
from workbench.ui.theme import Theme


def test_lane_text_says_stage_counts_and_failure() -> None:
    assert lane_text(Lane("x", "running", "Run", "a.png", 3, 1000)) == "Run · 3 of 1,000"
    assert lane_text(Lane("x", "failed", "Build failed", "no kernel")) == "Build failed · no kernel"
    assert lane_text(Lane("x")) == ""


def test_rows_follow_the_state(theme: Theme, qtbot: QtBot) -> None:
    lanes, state = Lanes(), RunState()
    qtbot.addWidget(lanes)
    state.begin(["ORT · S1 · int8"])
    lanes.show_state(state)
    state.take({"event": "stage", "name": "Run ORT · S1 · int8", "state": "start"})
    state.take({"event": "progress", "done": 1, "total": 4})
    lanes.show_state(state)
    chip, stage, bar = lanes._rows["ORT · S1 · int8"]
    assert (chip.text(), stage.text(), bar.value()) == ("running", "Run · 1 of 4", STEPS // 4)
    assert not bar.isHidden()
    assert lanes._rows[PREPARATION][0].text() == "waiting"
    state.begin(["other"])
    lanes.show_state(state)
    assert list(lanes._rows) == [PREPARATION, "other"]
