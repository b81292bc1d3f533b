"""Events become lanes."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.ui.run_state import FINISHED_BEFORE, PREPARATION, Failure, RunState, duration, elapsed

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
    more = {"status": "crashed", "reason": "ended by SIGSEGV", "remedy": "Update it.", "log_tail": ["a", "b"]}
    state.take(stage(f"Build {CELLS[0]}", "failed", text="Crashed: ended by SIGSEGV. Update it.", **more))
    lane = state.lanes[CELLS[0]]
    assert (lane.kind, lane.stage) == ("failed", "Build failed")
    assert lane.failure == Failure("crashed", "ended by SIGSEGV", "Update it.", ("a", "b"))
    assert lane.failure.text == "ended by SIGSEGV\nUpdate it.\na\nb"
    assert state.failed == [lane]


def test_a_failure_without_parts_is_told_by_its_line(state: RunState) -> None:
    state.take(stage(f"Build {CELLS[0]}", "failed", text="no such kernel"))
    assert state.lanes[CELLS[0]].failure == Failure("failed", "no such kernel")


def test_a_runtime_that_is_not_here_has_not_failed_at_a_stage(state: RunState) -> None:
    state.take(stage(f"Build {CELLS[0]}", "failed", status="not_available", reason="it needs macOS"))
    lane = state.lanes[CELLS[0]]
    assert lane.stage == ""
    assert lane.failure is not None
    assert lane.failure.word == "not available"


def rate(cell: str, per_s: float, start_s: float = 0.0, phase: str = "block") -> dict[str, Any]:
    return {"event": "rate", "cell": cell, "per_s": per_s, "start_s": start_s, "seconds": 1.0, "phase": phase}


def test_a_lane_shows_the_rate_and_the_seconds_while_its_clock_runs(state: RunState) -> None:
    state.begin(CELLS, seconds=5.0)
    for cell in CELLS:
        state.take(stage(f"Run {cell}"))
    assert [state.lanes[cell].stage for cell in CELLS] == ["Answered", "Run"]
    state.take(stage(f"Warm up {CELLS[0]}"))
    assert [state.lanes[cell].stage for cell in CELLS] == ["Warm up", "Answered"]
    assert state.measuring
    state.take(rate(CELLS[0], 90.0, phase="warm_up"))
    lane = state.lanes[CELLS[0]]
    assert (lane.stage, lane.per_s, lane.share) == ("Warm up", 90.0, None)
    state.take(stage("Speed, round 1 of 5"))
    assert state.lanes[CELLS[0]].stage == "Speed, round 1 of 5"
    state.take(rate(CELLS[0], 100.0))
    state.take(rate(CELLS[1], 200.0, start_s=1.5))
    first, second = (state.lanes[cell] for cell in CELLS)
    assert (first.per_s, first.done, first.total, first.unit) == (100.0, 1.0, 5.0, "s")
    assert (second.per_s, second.share) == (200.0, 0.5)
    state.take(rate("unknown", 1.0))
    assert "unknown" not in state.lanes


@pytest.mark.parametrize(("failed", "kind", "words"), [(True, "stopped", "Run was under way"), (False, "done", "")])
def test_the_end_closes_what_is_open(state: RunState, failed: bool, kind: str, words: str) -> None:
    state.take(stage(f"Run {CELLS[0]}"))
    state.end(failed=failed)
    assert (state.lanes[CELLS[0]].kind, state.lanes[CELLS[0]].stage) == (kind, words)
    assert state.lanes[CELLS[1]].kind == "waiting"


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (200, "3 min"), (3900, "1 h 05 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_before_a_run_cells_are_planned_and_the_finished_ones_named() -> None:
    state = RunState()
    state.preview({CELLS[0]: True, CELLS[1]: False})
    assert {lane.kind for lane in state.lanes.values()} == {"planned"}
    assert [lane.stage for lane in state.lanes.values()] == ["", FINISHED_BEFORE, ""]
    state.preview({})
    assert not state.lanes


def test_a_time_that_goes_on_moves_every_second() -> None:
    assert [elapsed(value) for value in (0.2, 8, 96, 3599, 3900)] == [
        "0 s",
        "8 s",
        "1 min 36 s",
        "59 min 59 s",
        "1 h 05 min",
    ]
    assert len({elapsed(value) for value in range(600)}) == 600
