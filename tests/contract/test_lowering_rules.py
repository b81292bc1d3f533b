"""Every rule of lowering on every plugin: plan, Q/DQ file, checker, simulation, parity read back, and the answers.

The nets are in `helpers.rule_nets`, each with what the plan must say of it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.contexts import lowered
from helpers.plans import run_graph
from helpers.rule_nets import RULES, example_feeds, planned_rule

from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.spi import OpenOptions

MAX_NMSE = {"openvino": 3e-3}
"""Execution error per plugin, sum (s - r)^2 / sum s^2 against the simulation. OpenVINO skips roundings (it fuses Conv
and Add, and keeps activations in float up to the next Q); one step in a hundred codes is the size of that."""


@cache
def example(name: str) -> tuple[onnx.ModelProto, QuantPlan, dict[str, Any], dict[str, Any]]:
    """Return canonical graph, plan, fresh samples and the simulation's answers."""
    canonical, plan = planned_rule(name)
    feeds = example_feeds(canonical, 2, seed=7)
    return canonical, plan, feeds, run_graph(write_qdq(canonical, plan, SIMULATED), feeds)


def nmse(expected: Any, found: Any) -> float:
    error, size = (float(np.sum(np.square(value.astype(np.float64)))) for value in (expected - found, expected))
    return error / size


@pytest.mark.parametrize("name", RULES)
def test_the_plan_and_its_simulation(name: str) -> None:
    canonical, plan, feeds, simulated = example(name)
    assert set(plan.float_nodes) == set(RULES[name].stays_float)
    onnx.checker.check_model(write_qdq(canonical, plan, SIMULATED), full_check=True)
    for output, expected in run_graph(canonical, feeds).items():
        assert -10 * np.log10(nmse(expected, simulated[output])) > RULES[name].min_sqnr_db


BROKEN = {("echo", "grouped conv transpose"): "onnx.reference fails with more than one channel per group"}


@pytest.mark.parametrize("name", RULES)
def test_parity_and_answers(subject: Any, name: str, tmp_path: Path) -> None:
    if (subject.manifest.id, name) in BROKEN:
        pytest.skip(BROKEN[subject.manifest.id, name])
    canonical, plan, feeds, simulated = example(name)
    prepared, _ = lowered(subject.runtime, canonical, plan, tmp_path)
    checked, mismatches = compare_with_plan(plan, subject.runtime.read_back(prepared.artifact))
    assert mismatches == []
    assert checked == len(plan.tensors) + len(plan.weights) + len(plan.biases)
    for file in prepared.artifact.parent.rglob("*.onnx"):
        onnx.checker.check_model(str(file), full_check=True)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subject.runtime.open(prepared, OpenOptions("int8", 1, 2, scratch)) as session:
        found = session.run(feeds)
        precisions = {row.node: row.precision for row in session.placement() if row.node}
    assert set(precisions) == {node.name for node in canonical.graph.node}
    for output, expected in simulated.items():
        assert nmse(expected, found[output]) <= MAX_NMSE.get(subject.manifest.id, 1e-3)
