"""Layers without a bias get one of zeros; what cannot take one is left alone; the answers stay the same bits."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder
from helpers.plans import run_graph
from onnx import numpy_helper

from workbench.model.canonical import canonical_graph
from workbench.model.zero_bias import add_zero_biases


def bare() -> onnx.ModelProto:
    b = Builder(0)
    x = b.conv_no_bias("one", "x", 4, 6)
    x = b.node("ConvTranspose", [x, b.weight("two_w", 6, 5, 2, 2)], "two", group=2, strides=[2, 2])
    x = b.conv("three", x, 10, 2)
    x = b.node("Flatten", [x], "flat")
    x = b.node("Gemm", [x, b.weight("four_w", 512, 7)], "four")
    x = b.node("Gemm", [x, b.weight("five_w", 3, 7)], "five", transB=1)
    b.node("MatMul", [x, b.weight("six_w", 3, 2)], "six")
    return rule_nets.model_of(b, {"x": [1, 4, 8, 8]}, ["six"])


def test_every_layer_that_can_gets_a_bias_of_its_channels() -> None:
    model = bare()
    before = run_graph(model, rule_nets.example_feeds(model, 1, 0))
    transforms = add_zero_biases(model.graph)
    constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    sizes = {item["node"]: constants[item["into"]].size for item in transforms}
    assert sizes == {"one_node": 6, "two_node": 10, "four_node": 7, "five_node": 3}
    assert {item["kind"] for item in transforms} == {"zero_bias"}
    onnx.checker.check_model(model)
    after = run_graph(model, rule_nets.example_feeds(model, 1, 0))
    np.testing.assert_array_equal(after["six"], before["six"])
    assert add_zero_biases(model.graph) == []


@pytest.mark.parametrize("what", ["computed weight", "other domain"])
def test_other_nodes_are_left_alone(what: str) -> None:
    b = Builder(0)
    weight = (
        b.node("Relu", [b.weight("w", 6, 4, 3, 3)], "computed") if what == "computed weight" else b.weight("w", 6, 4)
    )
    b.node("Conv" if what == "computed weight" else "Gemm", ["x", weight], "y")
    graph = onnx.helper.make_graph(b.nodes, "g", [], [], b.initializers)
    if what == "other domain":
        graph.node[-1].domain = "somebody.else"
    assert add_zero_biases(graph) == []
    assert len(graph.node[-1].input) == 2


def test_the_canonical_graph_has_no_layer_without_a_bias() -> None:
    canonical, transforms = canonical_graph(bare())
    layers = [node for node in canonical.graph.node if node.op_type in ("Conv", "ConvTranspose", "Gemm")]
    assert all(len(node.input) == 3 for node in layers)
    assert sum(item["kind"] == "zero_bias" for item in transforms) == 4
