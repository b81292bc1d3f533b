"""What a run's own facts make of its figures."""

from __future__ import annotations

import pytest

from workbench.execution.evidence import (
    NO_INT8_SPEED,
    NO_RUNTIME_KERNELS,
    NO_RUNTIME_SPEED,
    PRECISION_UNKNOWN,
    fallback_deviations,
    is_simulated,
    share_reasons,
    why_no_speed,
)


def test_only_int8_that_says_so_is_simulated() -> None:
    assert is_simulated("int8", {"evidence": "simulated"})
    assert not is_simulated("int8", {"evidence": "recorded"})
    assert not is_simulated("int8", {})
    assert not is_simulated("fp32", {"evidence": "simulated"})


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_reference_evaluator_has_no_speed_in_any_precision(precision: str) -> None:
    assert why_no_speed(precision, {"evidence": "reference evaluator"}) == NO_RUNTIME_SPEED


def test_other_runs_have_a_speed_unless_float_kernels_ran_their_codes() -> None:
    assert why_no_speed("int8", {"evidence": "simulated"}) == NO_INT8_SPEED
    assert why_no_speed("fp32", {"evidence": "simulated"}) == ""
    assert why_no_speed("int8", {}) == why_no_speed("int8", {"evidence": "recorded"}) == ""


@pytest.mark.parametrize("facts", [{}, {"fallback": "none"}])
def test_a_session_where_it_was_asked_to_be_has_no_deviation(facts: dict[str, str]) -> None:
    assert fallback_deviations(facts) == []


def test_nodes_elsewhere_are_a_deviation_that_names_them() -> None:
    (found,) = fallback_deviations({"fallback": "1 node on CPUExecutionProvider: conv"})
    assert found.realised == "1 node on CPUExecutionProvider: conv"
    assert not found.refuses


def test_a_share_that_nobody_knows_has_a_reason() -> None:
    assert share_reasons(None, 10, {}) == {"int8_mac_share": PRECISION_UNKNOWN}
    assert share_reasons(None, 0, {}) == share_reasons(0.5, 10, {}) == {}


def test_a_program_that_no_runtime_ran_has_no_share_and_says_what_it_holds() -> None:
    evaluated = {"evidence": "reference evaluator"}
    assert share_reasons(None, 10, evaluated) == {"int8_mac_share": NO_RUNTIME_KERNELS}
    held = share_reasons(None, 10, {**evaluated, "int8_region": "99.8 % of them"})
    assert held == {"int8_mac_share": f"{NO_RUNTIME_KERNELS}; 99.8 % of them in its program are products of codes"}
