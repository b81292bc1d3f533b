"""From states of cells to the records of the result: verdicts, Holm, problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
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
    verdicts_of,
    with_holm,
)
from workbench.execution.cells import cells_of
from workbench.execution.discovery import Manifest
from workbench.execution.jobs import Outcome
from workbench.execution.native import Native, Tool
from workbench.execution.probing import RuntimeState
from workbench.execution.study import study_from_document


def _run(**fields: Any) -> records.Run:
    base = {
        "runtime": "echo",
        "label": "echo",
        "candidate": "S1",
        "precision": "int8",
        "machine": "m",
        "threads": 1,
        "batch": 1,
        "status": "ok",
    }
    return records.Run(**{**base, **fields})


def _change(value: float, low: float, high: float, n: int = 1000) -> records.Estimate:
    return records.Estimate(value=value, interval=(low, high), n=n)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_runs_over_the_int8_runs_alone(values: list[float]) -> None:
    runs = [_run(mcnemar_p=value, label=str(number)) for number, value in enumerate(values)]
    found = with_holm([_run(precision="fp32", mcnemar_p=0.0), *runs, _run(label="open")])
    assert found[0].mcnemar_p_holm is None
    assert found[-1].mcnemar_p_holm is None
    adjusted = [run.mcnemar_p_holm for run in found[1:-1]]
    order = sorted(range(len(values)), key=values.__getitem__)
    expected, running = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(values) - rank) * values[index]))
        expected[index] = running
    assert adjusted == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (_change(-0.2, -0.6, 0.2), "PASS"),
        (_change(-3.0, -4.0, -2.0), "FAIL"),
        (_change(-0.9, -1.6, -0.2), "CANNOT TELL"),
        (None, "CANNOT TELL"),
    ],
)
def test_a_gate_is_judged_on_the_interval(change: records.Estimate | None, verdict: str) -> None:
    (found,) = verdicts_of([_run(accuracy_change_points=change)], {"max_accuracy_drop_points": 1.0})
    assert found.verdict == verdict
    assert found.interval == (change.interval if change else None)
    assert (found.needs_n is not None) == (verdict == "CANNOT TELL" and change is not None)


def test_gates_look_at_int8_runs_and_say_why_they_cannot_tell() -> None:
    problem = records.Problem(message="it died")
    runs = [_run(precision="fp32"), _run(status="crashed", problem=problem), _run(label="untimed")]
    runs[2] = runs[2].model_copy(update={"reasons": {"throughput_per_s": "the study measures no speed"}})
    crashed, untimed = verdicts_of(runs, {"min_speedup": 1.5})
    assert (crashed.verdict, untimed.verdict) == ("CANNOT TELL", "CANNOT TELL")
    assert "it died" in crashed.text
    assert "measures no speed" in untimed.text


_P90 = records.Latency(p50=1, p90=1.5, p99=None, n=100, p90_interval=(1.4, 1.8))


@pytest.mark.parametrize(
    ("gate", "limit", "fields", "verdict"),
    [
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "n": 10}, "PASS"),
        ("min_sqnr_db", 30.0, {"sqnr_db": 25.0, "n": 10}, "FAIL"),
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "sqnr_db_interval": (24.0, 26.0), "n": 10}, "PASS"),
        ("min_sqnr_db", 24.5, {"sqnr_db": 25.0, "sqnr_db_interval": (24.0, 26.0), "n": 10}, "CANNOT TELL"),
        ("min_sqnr_db", 27.0, {"sqnr_db": 25.0, "sqnr_db_interval": (24.0, 26.0), "n": 10}, "FAIL"),
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "nmse_interval": (0.0, 0.005), "n": 10}, "PASS"),
        ("min_sqnr_db", 24.0, {"sqnr_db": 25.0, "nmse_interval": (0.0, 0.005), "n": 10}, "CANNOT TELL"),
        ("min_sqnr_db", 20.0, {"sqnr_db": 25.0, "reasons": {"sqnr_db_interval": "8 samples"}}, "CANNOT TELL"),
        ("max_latency_ms_p90", 2.0, {"latency_ms": _P90}, "PASS"),
        ("max_latency_ms_p90", 1.6, {"latency_ms": _P90}, "CANNOT TELL"),
        ("max_latency_ms_p90", 1.3, {"latency_ms": _P90}, "FAIL"),
        ("max_answers_changed", 3, {"answers_changed": records.AnswersChanged(changed=4), "n": 10}, "FAIL"),
        ("min_int8_mac_share", 0.9, {"int8_mac_share": 0.95}, "PASS"),
        ("max_artifact_bytes", 100, {"artifact_bytes": 101}, "FAIL"),
        ("max_latency_ms_p90", 2.0, {"latency_ms": records.Latency(p50=1, p90=1.5, p99=None, n=100)}, "PASS"),
        ("max_latency_ms_p99", 2.0, {"latency_ms": records.Latency(p50=1, p90=1.5, p99=None, n=100)}, "CANNOT TELL"),
        ("min_top1_agreement", 0.9, {"top1_agreement": _change(0.95, 0.92, 0.97)}, "PASS"),
    ],
)
def test_every_gate_finds_its_figure(gate: str, limit: float, fields: dict[str, Any], verdict: str) -> None:
    (found,) = verdicts_of([_run(**fields)], {gate: limit})
    assert found.verdict == verdict, found.text


def test_speed_gates_count_the_steady_windows() -> None:
    throughput = records.Throughput(
        sustained=100, interval=(90, 110), first_5s=None, peak=None, label="SHORT", warm_up_s=2, warm_up_runs=9,
        windows_per_s=[100.0] * 25, answers_checked=1, answers_differing=0, steady_from=5,
    )  # fmt: skip
    ratio = records.Speedup(
        baseline="own_fp32", baseline_label="b", value=2.0, interval=(1.8, 2.2), interleaved=True, windows=(20, 16)
    )
    run = _run(throughput_per_s=throughput, speedup=[ratio])
    found = verdicts_of([run], {"min_throughput_per_s": 95.0, "min_speedup": 1.9})
    assert ["has 20" in entry.text for entry in found] == [True, False]
    assert "has 16" in found[1].text


def test_an_interval_without_upper_end_is_not_recorded() -> None:
    (found,) = verdicts_of([_run(sqnr_db=25.0, nmse_interval=(0.0, 0.005), n=50)], {"min_sqnr_db": 24.0})
    assert (found.interval, found.value) == (None, 25.0)
    assert "[23.01, inf] dB" in found.text


def test_a_disturbed_measurement_decides_nothing() -> None:
    throughput = records.Throughput(
        sustained=100, interval=(99, 101), first_5s=None, peak=None, label="DISTURBED", warm_up_s=2, warm_up_runs=9,
        windows_per_s=[100.0] * 5, answers_checked=1, answers_differing=0, label_reason="another program took the CPU",
    )  # fmt: skip
    (found,) = verdicts_of([_run(throughput_per_s=throughput)], {"min_throughput_per_s": 10})
    assert found.verdict == "CANNOT TELL"
    assert "another program took the CPU" in found.text


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
