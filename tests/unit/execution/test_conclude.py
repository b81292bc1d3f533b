"""The end of a study: which runs the result holds, in which order, and what stands above them."""

from __future__ import annotations

from typing import Any


def test_cells_come_first_then_simulations_then_the_reference(finished: Any) -> None:
    found = [(run.runtime, run.precision) for run in finished.result.runs]
    assert found == [("echo", "fp32"), ("echo", "int8"), ("reference", "simulated"), ("reference", "reference")]


def test_every_gate_is_judged_on_the_int8_run(finished: Any) -> None:
    result = finished.result
    assert [item.gate for item in result.verdicts] == list(result.gates)
    assert {(item.label, item.candidate) for item in result.verdicts} == {("echo", "S1")}


def test_the_candidates_facts_are_the_plans(finished: Any) -> None:
    (candidate,) = finished.result.candidates
    int8 = next(run for run in finished.result.runs if run.precision == "int8")
    assert candidate.plan_sha256 == int8.plan_sha256
    assert candidate.calibration["n"] == finished.result.data["calibration"].n
