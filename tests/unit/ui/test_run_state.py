"""Events become lanes."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.ui.run_state import PREPARATION, RunState, duration

CELLS = ["ORT · S1 · fp32", "ORT · S1 · int8"]


def stage(name: str, state: str = "start", **more: Any) -> dict[str, Any]:
    return {"event": "stage", "name": name, "state": state, **more}


@pytest.fixture
def state() -> RunState:
    made = RunState()
    made.begin(CELLS)
    return made


def test_preparation_comes_first_and_counts(state: RunState) -> None:
    state.take(stage("Scan evaluation data"))
    state.take({"event": "progress", "done": 3, "total": 12, "text": "a.png"})
    lane = state.lanes[PREPARATION]
    assert list(state.lanes) == [PREPARATION, *CELLS]
    assert (lane.kind, lane.stage, lane.share) == ("running", "Scan evaluation data", 0.25)
    state.take(stage("Scan evaluation data", "kept"))
    assert state.lanes[PREPARATION].stage == "Scan evaluation data kept from before"


def test_a_cell_goes_through_its_stages(state: RunState) -> None:
    state.take(stage(f"Build {CELLS[1]}"))
    state.take(stage(f"Build {CELLS[1]}", "done"))
    assert state.lanes[CELLS[1]].kind == "waiting"
    state.take(stage(f"Run {CELLS[1]}", remaining_s=12.0))
    state.take({"event": "progress", "done": 1, "total": 2})
    assert (state.lanes[CELLS[1]].kind, state.lanes[CELLS[1]].share) == ("running", 0.5)
    assert state.remaining_s == 12.0
    state.take(stage(f"Run {CELLS[1]}", "done"))
    assert state.lanes[CELLS[1]].kind == "done"
    assert state.lanes[CELLS[0]].kind == "waiting"


def test_kept_answers_are_told_in_a_lane_that_runs(state: RunState) -> None:
    state.take(stage(f"Run {CELLS[0]}"))
    state.take(stage(f"Run {CELLS[0]}", text="answers kept, 16 of 600 answers checked equal"))
    lane = state.lanes[CELLS[0]]
    assert (lane.kind, lane.stage) == ("running", "Run")
    assert lane.text == "answers kept, 16 of 600 answers checked equal"


def test_speed_rounds_are_shown_in_the_lanes_that_run(state: RunState) -> None:
    state.take(stage(f"Run {CELLS[0]}"))
    state.take(stage("Speed, round 2 of 5"))
    assert state.measuring
    assert state.lanes[CELLS[0]].stage == "Speed, round 2 of 5"
    assert state.lanes[CELLS[1]].stage == ""
    state.take(stage(f"Run {CELLS[0]}", "done"))
    assert not state.measuring


def test_a_failed_cell_keeps_its_reason(state: RunState) -> None:
    state.take(stage(f"Build {CELLS[0]}", "failed", text="no such kernel"))
    assert (state.lanes[CELLS[0]].kind, state.lanes[CELLS[0]].text) == ("failed", "no such kernel")


def test_the_end_closes_what_is_open(state: RunState) -> None:
    state.take(stage(f"Run {CELLS[0]}"))
    state.end(failed=True)
    assert (state.lanes[CELLS[0]].kind, state.lanes[CELLS[0]].stage) == ("failed", "stopped")
    assert state.lanes[CELLS[1]].kind == "waiting"


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (200, "3 min"), (3900, "1 h 05 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
