"""Lanes on the screen."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from helpers.words import words_of
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.ui.lanes import SAME, STEPS, Lanes, lane_text, shown_name
from workbench.ui.run_state import PREPARATION, Failure, Lane, RunState
from workbench.ui.theme import Theme

CELLS = ["ORT · S1 · fp32", "ORT · S1 · int8"]


def test_lane_text_says_stage_counts_and_rate() -> None:
    assert lane_text(Lane("x", "running", "Run", "a.png", 3, 1000)) == "Run · 3 of 1,000"
    assert lane_text(Lane("x", "running", "Run", "answers kept")) == "Run · answers kept"
    timed = Lane("x", "running", "Speed, round 2 of 5", "", 1.5, 5.0, "s", 1234.0)
    assert lane_text(timed) == "Speed, round 2 of 5 · 1.5 of 5.0 s · 1,234 per s"
    assert lane_text(Lane("x", "failed", "Build failed", failure=Failure("failed", "no kernel"))) == "Build failed"
    assert lane_text(Lane("x")) == ""


@pytest.fixture
def lanes(theme: Theme, qtbot: QtBot) -> Lanes:
    made = Lanes(theme)
    qtbot.addWidget(made)
    return made


def test_rows_follow_the_state(lanes: Lanes) -> None:
    state = RunState()
    state.begin(CELLS)
    lanes.show_state(state)
    state.take({"event": "stage", "name": f"Run {CELLS[1]}", "state": "start"})
    state.take({"event": "progress", "done": 1, "total": 4})
    lanes.show_state(state)
    shown = lanes.rows[CELLS[1]]
    assert (shown.chip.text(), shown.stage.text(), shown.bar.value()) == ("running", "Run · 1 of 4", STEPS // 4)
    assert not shown.bar.isHidden()
    assert lanes.rows[PREPARATION].chip.text() == "waiting"
    state.begin(["other"])
    lanes.show_state(state)
    assert list(lanes.rows) == [PREPARATION, "other"]


def test_a_failure_stands_below_its_lane_and_goes_with_the_next_try(lanes: Lanes) -> None:
    state = RunState()
    state.begin(CELLS)
    parts = {"status": "crashed", "reason": "ended by SIGSEGV", "remedy": "Update it.", "log_tail": ["last words"]}
    state.take({"event": "stage", "name": f"Run {CELLS[0]}", "state": "failed", **parts})
    lanes.show_state(state)
    shown = lanes.rows[CELLS[0]]
    assert (shown.chip.text(), shown.chip.property("role")) == ("crashed", "chip-bad")
    assert shown.failure is not None
    assert not shown.failure.isHidden()
    assert {"ended by SIGSEGV", "Update it."} <= set(words_of(shown.failure).splitlines())
    assert lanes.rows[CELLS[1]].failure is None
    state.begin(CELLS)
    lanes.show_state(state)
    assert shown.failure.isHidden()


def test_a_runtime_that_is_not_here_says_so_once(lanes: Lanes) -> None:
    state = RunState()
    state.begin(CELLS)
    for cell in CELLS:
        parts = {"status": "not_available", "reason": "it needs macOS"}
        state.take({"event": "stage", "name": f"Build {cell}", "state": "failed", **parts})
    lanes.show_state(state)
    first, second = (lanes.rows[cell] for cell in CELLS)
    assert (first.chip.text(), first.chip.property("role")) == ("not available", "chip-warn")
    assert first.failure is not None
    assert second.failure is None
    assert second.stage.text() == SAME


def test_precisions_are_spelled_as_everywhere() -> None:
    assert shown_name("ORT · S1 · int8") == "ORT · S1 · INT8"
    assert shown_name(PREPARATION) == PREPARATION
    assert shown_name("int8") == "INT8"


def test_nothing_moves_when_a_bar_comes_and_goes(qtbot: QtBot, theme: Theme) -> None:
    lanes, state = Lanes(theme), RunState()
    qtbot.addWidget(lanes)
    lanes.resize(900, 200)
    state.begin(["A", "B"])
    lanes.show_state(state)
    lanes.show()
    places = []
    for event in (
        {"event": "stage", "name": "Plan S1", "state": "start"},
        {"event": "progress", "done": 3, "total": 9},
        {"event": "stage", "name": "Plan S1", "state": "done"},
    ):
        state.take(event)
        lanes.show_state(state)
        QApplication.processEvents()
        places.append([(row.stage.x(), row.chip.x(), row.chip.width()) for row in lanes.rows.values()])
    assert places[0] == places[1] == places[2]
