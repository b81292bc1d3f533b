"""A plugin's odd answer is found where it was given."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from workbench.execution.contract import broken_contract
from workbench.spi import Deviation, Placement

GOOD: dict[str, Any] = {
    "placement": [asdict(Placement("a", "Conv", "CPU", "int8", time_share=0.5))],
    "deviations": [asdict(Deviation(None, "a", "b", "c"))],
    "announced": [],
    "facts": {"threads": "1"},
    "notes": {},
    "versions": {"onnx": "1"},
    "devices": ["CPU"],
    "precisions": ["fp32", "int8"],
    "load_s": 1.0,
}


def test_good_and_absent_answers_pass() -> None:
    assert broken_contract("echo", GOOD) is None
    assert broken_contract("echo", {}) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"facts": {"threads": 1}}, "facts.threads"),
        ({"notes": None}, "notes"),
        ({"versions": {"onnx": None}}, "versions.onnx"),
        ({"precisions": ["int4"]}, "precisions.0"),
        ({"placement": [{**GOOD["placement"][0], "precision": None}]}, "placement.0.precision"),
        ({"placement": [{**GOOD["placement"][0], "time_share": "half"}]}, "placement.0.time_share"),
        ({"placement": [{"node": "a"}]}, "placement.0.op_type"),
        ({"deviations": [{**GOOD["deviations"][0], "reason": 3}]}, "deviations.0.reason"),
    ],
)
def test_a_wrong_answer_is_a_failed_outcome_that_names_the_place(changes: dict[str, Any], where: str) -> None:
    outcome = broken_contract("echo", {**GOOD, **changes})
    assert outcome is not None
    assert (outcome.status, outcome.error_kind) == ("failed", "ContractError")
    assert outcome.message.startswith(f"echo answered {where} = ")
