"""Which cells follow from rows and candidates, and the estimate of the time they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.studies import document

from workbench.errors import StudyError
from workbench.execution.cells import LOAD_S, WARM_UP_S, Cell, TimeLeft, cells_of, native_target
from workbench.execution.study import study_from_document


def _cells(runtimes: list[dict[str, Any]], **tables: Any) -> list[Cell]:
    return cells_of(study_from_document(document(runtimes, **tables), Path("base"), "study.toml"))


def _short(cells: list[Cell]) -> list[str]:
    return [" ".join(cell.name) for cell in cells]


def test_rows_of_one_runtime_are_cells_of_their_own() -> None:
    cells = _cells([{"id": "echo"}, {"id": "echo", "name": "two", "threads": 2, "precisions": ["int8"]}])
    assert _short(cells) == ["echo S1 fp32", "echo S1 int8", "two S1 int8"]
    assert len({cell.name for cell in cells}) == 3


def test_float_cells_belong_to_a_model() -> None:
    candidates = [{"name": "a"}, {"name": "b"}, {"name": "c", "model": {"path": "other.onnx"}}]
    assert _short(_cells([{"id": "echo"}], candidates=candidates)) == [
        "echo a fp32",
        "echo a int8",
        "echo b int8",
        "echo c fp32",
        "echo c int8",
    ]


def test_a_float_candidate_is_run_whatever_the_row_asks() -> None:
    candidates = [{"name": "s1"}, {"name": "half", "scheme": {"name": "fp16"}}]
    assert _short(_cells([{"id": "echo"}], candidates=candidates)) == ["echo s1 fp32", "echo s1 int8", "echo half fp16"]
    assert _short(_cells([{"id": "echo", "precisions": ["int8"]}], scheme={"name": "fp32"})) == ["echo fp32 fp32"]


def test_a_candidate_with_a_plan_is_quantized_whatever_its_scheme() -> None:
    candidates = [{"name": "ready", "plan": "plan.json", "scheme": {"name": "fp32"}}]
    assert _short(_cells([{"id": "echo", "precisions": ["int8"]}], candidates=candidates)) == ["echo ready int8"]


def test_nothing_to_run_is_said() -> None:
    with pytest.raises(StudyError, match="names no runtimes"):
        _cells([])
    with pytest.raises(StudyError, match="leaves nothing to run"):
        _cells([{"id": "echo", "precisions": []}])


def test_the_target_is_this_machine_unless_the_row_says_otherwise() -> None:
    assert native_target("AMD64") == native_target("x86_64") == "x64"
    assert native_target("aarch64") == native_target("arm64") == "arm64"
    (cell,) = _cells([{"id": "echo", "target": "wasm", "precisions": ["fp32"]}])
    assert cell.target == "wasm"


def test_time_left_shrinks_to_nothing() -> None:
    cells = _cells([{"id": "echo"}, {"id": "echo", "name": "two", "threads": 2}])
    left = TimeLeft()
    assert left.seconds == 0
    left.plan(cells, samples_s=8.0, rounds=5, speed_s=10.0)
    assert left.seconds == pytest.approx(4 * (LOAD_S + WARM_UP_S + 10) + 2 * 8 + 2 * 4)
    before = left.seconds
    left.done(cells[0], "block 0")
    assert left.seconds == pytest.approx(before - 2)
    left.done(cells[0], "block 0")
    assert left.seconds == pytest.approx(before - 2)
    for cell in cells:
        left.done(cell)
    assert left.seconds == 0


def test_without_a_timed_part_only_samples_count() -> None:
    cells = _cells([{"id": "echo", "precisions": ["fp32"]}])
    left = TimeLeft()
    left.plan(cells, samples_s=3.0, rounds=0, speed_s=0.0)
    assert left.seconds == pytest.approx(LOAD_S + 3)


def test_time_left_shrinks_with_what_a_worker_tells() -> None:
    cell = _cells([{"id": "echo", "precisions": ["fp32"]}])[0]
    left = TimeLeft()
    left.plan([cell], samples_s=9.0, rounds=2, speed_s=20.0)
    assert left.seconds == pytest.approx(10 + WARM_UP_S + 20)
    left.hear(cell, {"event": "progress", "done": 1, "total": 4})
    assert left.seconds == pytest.approx(7.5 + WARM_UP_S + 20)
    left.done(cell, "accuracy")
    left.hear(cell, {"event": "rate", "phase": "warm_up", "start_s": 8.0, "seconds": 1.0})
    assert left.seconds == pytest.approx(20)
    left.done(cell, "warm_up")
    left.hear(cell, {"event": "rate", "phase": "block", "block": 0, "start_s": 2.0, "seconds": 1.0})
    assert left.seconds == pytest.approx(17)
    left.done(cell, "block 0")
    left.hear(cell, {"event": "rate", "phase": "block", "block": 1, "start_s": 14.0, "seconds": 1.0})
    assert left.seconds == pytest.approx(5)
    left.done(cell)
    left.hear(cell, {"event": "rate", "phase": "block", "block": 1, "start_s": 15.0, "seconds": 1.0})
    assert left.seconds == 0
