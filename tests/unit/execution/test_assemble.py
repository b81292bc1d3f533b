"""From states of cells to the records of the result: verdicts, Holm, problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.results import small_run
from helpers.studies import document
from hypothesis import given
from hypothesis import strategies as st

from workbench.execution import result as records
from workbench.execution.artifacts import Artifact
from workbench.execution.assemble import (
    CellState,
    fail,
    is_ready,
    refuse,
    resolution,
    run_record,
    with_holm,
)
from workbench.execution.cells import cells_of
from workbench.execution.discovery import Manifest
from workbench.execution.jobs import Outcome
from workbench.execution.native import Native, Tool
from workbench.execution.probing import RuntimeState
from workbench.execution.study import study_from_document


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_runs_over_the_int8_runs_alone(values: list[float]) -> None:
    runs = [small_run(mcnemar_p=value, label=str(number)) for number, value in enumerate(values)]
    found = with_holm([small_run(precision="fp32", mcnemar_p=0.0), *runs, small_run(label="open")])
    assert found[0].mcnemar_p_holm is None
    assert found[-1].mcnemar_p_holm is None
    adjusted = [run.mcnemar_p_holm for run in found[1:-1]]
    order = sorted(range(len(values)), key=values.__getitem__)
    expected, running = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(values) - rank) * values[index]))
        expected[index] = running
    assert adjusted == pytest.approx(expected)


def test_resolution_follows_the_largest_share() -> None:
    assert resolution(1000, [None, None]) is None
    small, large = resolution(1000, [0.01]), resolution(1000, [0.01, 0.04, None])
    assert small is not None
    assert large == pytest.approx(2 * small)


def test_a_failed_cell_keeps_its_place_and_its_reason() -> None:
    cell = cells_of(study_from_document(document(), Path("x"), "s.toml"))[1]
    state = CellState(cell, "m", versions={"onnx": "1"})
    fail(state, Outcome("crashed", message="ended by SIGSEGV", signal="SIGSEGV", log_tail=("last line",)))
    run, discordant = run_record(state, None, None, None, None, {}, "quick")  # type: ignore[arg-type]
    assert (run.status, run.n, discordant) == ("crashed", 0, None)
    assert run.problem == records.Problem(message="ended by SIGSEGV", signal="SIGSEGV", log_tail=["last line"])
    refuse(state, "no such device", "plug it in")
    run, _ = run_record(state, None, None, None, None, {}, "quick")  # type: ignore[arg-type]
    assert (run.status, run.problem) == (
        "not_available",
        records.Problem(message="no such device", remedy="plug it in"),
    )


def test_the_reference_and_the_simulation_are_runs_of_their_own(finished: Any) -> None:
    simulated, reference = finished.result.runs[2:]
    assert reference.accuracy is not None
    assert reference.accuracy.value == pytest.approx(21 / 24)
    assert reference.reasons["accuracy_change_points"] == "it is the reference"
    assert simulated.divergence is not None
    assert simulated.divergence.scheme_nmse == simulated.nmse
    assert simulated.divergence.execution_nmse == 0.0


USABLE = RuntimeState("tool", "Tool", ok=True, kind="quantizer")
WRITER = Tool("tool", "Tool, a", {}, Manifest("tool", "Tool", "quantizer", 2, Path("tool"), writes="qdq_onnx"))


@pytest.mark.parametrize(
    ("native", "reads", "status", "required", "text"),
    [
        (Native(WRITER, USABLE, Artifact(Path("x"))), ("qdq_onnx",), "ok", True, ""),
        (Native(WRITER, USABLE, Artifact(Path("x"))), (), "not_available", False, "reads no tool-chain's artifact"),
        (Native(WRITER, USABLE, unfit="it has a state"), ("qdq_onnx",), "not_available", False, "it has a state"),
        (
            Native(WRITER, RuntimeState("tool", "Tool", ok=False, reason="absent", remedy="pip install tool")),
            ("qdq_onnx",),
            "not_available",
            True,
            "Tool, a: absent",
        ),
        (
            Native(WRITER, USABLE, failure=Outcome("crashed", message="SIGSEGV")),
            ("qdq_onnx",),
            "crashed",
            True,
            "SIGSEGV",
        ),
    ],
)
def test_a_native_cell_is_ready_or_says_why_not(
    native: Native, reads: tuple[str, ...], status: str, required: bool, text: str
) -> None:
    study = study_from_document(document([{"id": "echo"}]), Path("base"), "study.toml")
    state = CellState(cells_of(study)[1], "m", native=native)
    runtime = Manifest("echo", "Echo", "runtime", 2, Path("echo"), ("S1",), reads=reads)
    assert is_ready(state, runtime) == (status == "ok")
    assert state.status == status
    assert (state.problem is None) == (status == "ok")
    if state.problem:
        assert text in state.problem.message
    assert state.is_unfit == (not required)
