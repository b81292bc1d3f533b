"""Which layers can be refined: where their shift goes, what clips behind them, whether GPTQ knows their form."""

from __future__ import annotations

import math

from helpers import rule_nets
from helpers.onnx_models import Builder

from workbench.model.canonical import canonical_graph
from workbench.model.summary import graph_summary
from workbench.quant.layers import Layer, layers_of
from workbench.quant.scheme import Scheme
from workbench.quant.select import choose


def layers(builder: Builder, inputs: dict[str, list[int]], output: str, scheme: Scheme | None = None) -> list[Layer]:
    model = rule_nets.model_of(builder, inputs, [output])
    canonical, plan = rule_nets.planned(model, scheme)
    graph = graph_summary(canonical)
    return layers_of(graph, plan, choose(graph, plan.scheme).weights)


def test_convolutions_with_what_clips_behind_them() -> None:
    b = Builder(0)
    x = b.node("Relu", [b.conv("one", "x", 3, 4)], "r")
    low, high = b.constant("low", 0.0), b.constant("high", 6.0)
    x = b.node("Clip", [b.conv("two", x, 4, 4), low, high], "c")
    x = b.conv("three", x, 4, 4)
    b.node("Add", [b.node("Relu", [x], "r3"), x], "y")
    found = layers(b, {"x": [1, 3, 8, 8]}, "y")
    assert [layer.bounds for layer in found] == [(0.0, math.inf), (0.0, 6.0), (-math.inf, math.inf)]
    assert [layer.bias for layer in found] == ["one_b", "two_b", "three_b"]
    assert all(layer.rounds and layer.axis == 1 and layer.last == layer.node for layer in found)


def test_the_add_behind_a_matmul_takes_its_shift() -> None:
    b = Builder(0)
    x = b.node("MatMul", ["x", b.weight("w", 8, 6)], "m")
    x = b.node("Relu", [b.node("Add", [x, b.constant("b", [0.1] * 6)], "a")], "r")
    b.node("MatMul", [x, b.weight("v", 6, 3)], "y")
    first, second = layers(b, {"x": [4, 8]}, "y")
    assert (first.bias, first.last.name, first.axis, first.bounds) == ("b", "a_node", -1, (0.0, math.inf))
    assert (second.bias, second.last.name) == ("", "y_node")


def test_a_shared_weight_or_a_transposed_conv_is_not_rounded() -> None:
    b = Builder(0)
    weight = b.weight("w", 4, 4, 3, 3)
    x = b.node("Conv", ["x", weight], "one", pads=[1] * 4)
    x = b.node("Conv", [x, weight], "two", pads=[1] * 4)
    b.node("ConvTranspose", [x, b.weight("t", 4, 4, 2, 2)], "y")
    found = layers(b, {"x": [1, 4, 8, 8]}, "y")
    assert [layer.rounds for layer in found] == [False, False, False]
    assert [layer.bias for layer in found] == [f"{name}_node__zero_bias" for name in ("one", "two", "y")]


def test_layers_in_float_are_left_out() -> None:
    b = Builder(0)
    b.conv("two", b.conv("one", "x", 3, 4), 4, 4)
    found = layers(b, {"x": [1, 3, 8, 8]}, "two", Scheme(exclude_nodes=("one_node",)))
    assert [layer.node.name for layer in found] == ["two_node"]
    canonical, plan = rule_nets.planned(rule_nets.model_of(b, {"x": [1, 3, 8, 8]}, ["two"]), Scheme(name="S3"))
    graph = graph_summary(canonical_graph(canonical)[0])
    assert layers_of(graph, plan, choose(graph, plan.scheme).weights) == []
