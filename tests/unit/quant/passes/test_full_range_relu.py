"""The declared deviation: which tensors it takes, that codes up to 127 stay, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.plans import run_graph

from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.parity import compare_with_plan
from workbench.quant.passes.full_range_relu import full_range_relu_tensors, with_full_range_relu
from workbench.quant.plan import TensorParameters
from workbench.quant.qdq import declared_tensors, write_qdq
from workbench.quant.qdq_reader import read_qdq
from workbench.quant.scheme import Scheme

FULL = Dialect("uint8", "integer_clip", "int32", full_range_relu=True)
EXPECTED = {
    "relu": ["act"],
    "clip 0..6": [],
    "leaky relu": [],
    "shared scales": ["act", "pooled", "turned", "turned_back", "flat", "square_again"],
    "slice and split": ["act", "part", "left", "right", "joined"],
    "concat of branches": ["one_relu", "two_relu", "joined"],
    "residual add": ["stem_relu", "first_relu", "sum_relu"],
    "output inside": ["inside"],
    "depthwise": ["act", "act2"],
    "global mean": ["act"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_outputs_of_relu_and_what_keeps_their_scale(name: str) -> None:
    canonical, plan = rule_nets.planned_rule(name)
    found = declared_tensors(canonical, plan, FULL)
    assert list(found) == EXPECTED[name]
    for tensor, parameters in found.items():
        assert parameters == TensorParameters(plan.tensors[tensor].scale, 0, "uint8", None, (0, 255))
    assert declared_tensors(canonical, plan, SIMULATED) == {}


def test_a_concat_with_another_branch_keeps_the_plans_numbers() -> None:
    canonical, plan = rule_nets.planned(rule_nets.concat())
    node = next(node for node in canonical.graph.node if node.name == "two_relu_node")
    node.op_type = "Abs"
    assert list(full_range_relu_tensors(canonical.graph, plan)) == ["one_relu"]


def test_an_affine_plan_has_nothing_to_deviate_in() -> None:
    canonical, plan = rule_nets.planned(rule_nets.relu(), Scheme(name="S2"))
    assert full_range_relu_tensors(canonical.graph, plan) == {}


def test_no_op_is_left_and_answers_differ_only_by_values_beyond_the_clamp() -> None:
    canonical, plan = rule_nets.planned_rule("relu")
    written = write_qdq(canonical, plan, FULL)
    assert not [node for node in written.graph.node if node.op_type in ("Relu", "Clip")]
    feeds = rule_nets.example_feeds(canonical, 4, seed=5)
    inside, beyond = ({name: value * factor for name, value in feeds.items()} for factor in (0.3, 4.0))
    planned_graph = write_qdq(canonical, plan, SIMULATED)
    assert np.array_equal(run_graph(planned_graph, inside)["y"], run_graph(written, inside)["y"])
    assert not np.array_equal(run_graph(planned_graph, beyond)["y"], run_graph(written, beyond)["y"])


def test_parity_holds_against_what_is_declared_and_fails_against_the_plan(tmp_path: Path) -> None:
    canonical, plan = rule_nets.planned_rule("residual add")
    onnx.save(write_qdq(canonical, plan, FULL), tmp_path / "model.onnx")
    found = read_qdq(tmp_path / "model.onnx")
    checked, mismatches = compare_with_plan(with_full_range_relu(canonical.graph, plan), found)
    assert (checked, mismatches) == (len(plan.tensors) + len(plan.weights) + len(plan.biases), [])
    _, against_plan = compare_with_plan(plan, found)
    assert {item.name for item in against_plan} == set(EXPECTED["residual add"])
    assert {item.kind for item in against_plan} == {"tensor"}


def test_signed_codes_cannot_deviate_so() -> None:
    with pytest.raises(ValueError, match="uint8"):
        Dialect("int8", full_range_relu=True)
