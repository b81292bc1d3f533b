"""Answers of graphs that begin alike: bit for bit those of each whole graph, in whatever order they are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import concat_net, conv_relu_net, depthwise_net, encoder_like, multi_io_net, resnet_like

from workbench.model.graph import COMPUTE_OPS
from workbench.quant.plan import QuantPlan
from workbench.quant.scheme import Scheme
from workbench.quant.shared_start import SharedStart, shared_nodes
from workbench.quant.staged import Graph, answers, simulated_graph

PLAIN = Scheme(bias_correction=False)


def variants(make: Any, scheme: Scheme = PLAIN) -> tuple[onnx.ModelProto, QuantPlan, dict[str, Graph]]:
    """The canonical graph, its plan, and the simulated graph with each layer left in float, in the graph's order."""
    canonical, plan = rule_nets.planned(make(), scheme)
    layers = [node.name for node in canonical.graph.node if node.op_type in COMPUTE_OPS and node.name in plan.edges]
    graphs = {
        name: simulated_graph(canonical, rule_nets.planned(make(), replace(scheme, exclude_nodes=(name,)))[1])
        for name in layers
    }
    return canonical, plan, graphs


def runs_of(canonical: onnx.ModelProto, n: int = 2) -> list[dict[str, Any]]:
    feeds = rule_nets.example_feeds(canonical, n, seed=3)
    return [{name: array[i : i + 1] for name, array in feeds.items()} for i in range(n)]


@pytest.mark.parametrize("make", [resnet_like, depthwise_net, concat_net, encoder_like, multi_io_net])
def test_answers_are_those_of_the_whole_graph_in_any_order(make: Any) -> None:
    canonical, plan, graphs = variants(make)
    names, runs = [value.name for value in canonical.graph.output], runs_of(canonical)
    start = SharedStart(simulated_graph(canonical, plan), runs)
    for graph in (*graphs.values(), *list(graphs.values())[::-1]):
        whole = list(zip(*answers(graph, runs, names, optimized=False), strict=True))
        for expected, found in zip(whole, start.answers(graph, names), strict=True):
            for one, other in zip(expected, found, strict=True):
                np.testing.assert_array_equal(one, other)


def test_what_is_shared_ends_at_the_layer_left_in_float() -> None:
    canonical, plan, graphs = variants(conv_relu_net, Scheme("S2", bias_correction=False))
    base = simulated_graph(canonical, plan)
    order = [node.name for node in base.model.graph.node]
    shared = [shared_nodes(base, graph) for graph in graphs.values()]
    assert shared == sorted(shared)
    assert shared[-1] > len(order) // 2
    for place, layer in zip(shared, graphs, strict=True):
        assert place <= order.index(layer)
    assert shared_nodes(base, base) == len(order)


def test_another_constant_is_a_difference_too() -> None:
    canonical, plan = rule_nets.planned(conv_relu_net(), PLAIN)
    base, layers = simulated_graph(canonical, plan), [node for node in canonical.graph.node if node.op_type == "Conv"]
    order = [node.name for node in base.model.graph.node]
    name = layers[-1].input[1]
    codes = plan.weights[name].codes.copy()
    codes.flat[-1] ^= 1
    other = replace(plan, weights={**plan.weights, name: replace(plan.weights[name], codes=codes)})
    assert shared_nodes(base, simulated_graph(canonical, other)) == order.index(layers[-1].name)
    biases = {**plan.biases, layers[0].input[2]: plan.biases[layers[0].input[2]] + np.float32(1.0)}
    other = replace(plan, biases=biases)
    assert shared_nodes(base, simulated_graph(canonical, other)) == order.index(layers[0].name)
