"""Equalization: the float function stays, Clips stay, narrow channels get more codes, and only where it is exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder, conv_relu_net, depthwise_net, encoder_like, resnet_like
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from workbench.model.canonical import canonical_graph
from workbench.model.summary import graph_summary
from workbench.quant.equalize import (
    DIGITS,
    ChannelStatistics,
    best_steps,
    equalized,
    factors_of,
    pairs_of,
    steps_of,
)
from workbench.quant.plan import QuantPlan
from workbench.quant.scheme import Scheme
from workbench.quant.staged import Graph, answers, float_graph, simulated_graph

PLAIN = Scheme(bias_correction=False, method="minmax")
EVEN = replace(PLAIN, equalize_activations=True)


def uneven(clip: bool = False, groups: int = 1, channels: int = 8) -> onnx.ModelProto:
    """Two layers; the channels between them have ranges that differ by up to 30."""
    b = Builder(0)
    spread = np.geomspace(1.0, 1 / 30, channels).reshape(-1, 1, 1, 1)
    first = b.constant("first_w", b.rng.normal(size=(channels, 3, 3, 3)) * spread)
    x = b.node("Conv", ["input", first, b.constant("first_b", np.zeros(channels))], "first", pads=[1] * 4)
    bounds = [b.constant("low", 0.0), b.constant("high", 6.0)] if clip else []
    x = b.node("Clip" if clip else "Relu", [x, *bounds], "between")
    second = b.constant("second_w", b.rng.normal(size=(8, channels // groups, 3, 3)))
    b.node("Conv", [x, second, b.constant("second_b", np.zeros(8))], "output", pads=[1] * 4, group=groups)
    return rule_nets.model_of(b, {"input": ["N", 3, 8, 8]}, ["output"])


def note_of(plan: QuantPlan) -> dict[str, str]:
    (note,) = [item for item in plan.transforms if item["kind"] == "equalize_activations"]
    return dict(note["tensors"])


def outputs(graph: Graph, seed: int, *, optimized: bool) -> Any:
    feeds = rule_nets.example_feeds(graph.model, 24, seed)
    runs = [{name: array[i : i + 1] for name, array in feeds.items()} for i in range(24)]
    return np.concatenate(
        [values[0] for values in answers(graph, runs, [graph.model.graph.output[0].name], optimized=optimized)]
    )


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("clip", [False, True])
def test_the_float_function_stays_and_the_simulation_comes_nearer(groups: int, clip: bool) -> None:
    canonical, plan = rule_nets.planned(uneven(clip, groups), EVEN)
    _, plain = rule_nets.planned(uneven(clip, groups), PLAIN)
    assert set(note_of(plan)) == {"between"}
    expected = outputs(float_graph(canonical), 1, optimized=True)  # the calibration samples themselves
    np.testing.assert_allclose(
        outputs(float_graph(equalized(canonical, plan)), 1, optimized=True), expected, rtol=1e-3, atol=1e-4
    )
    errors = [
        float(np.sum((outputs(simulated_graph(canonical, one), 1, optimized=False) - expected) ** 2))
        for one in (plan, plain)
    ]
    assert errors[0] < 0.96 * errors[1]


def test_the_plan_holds_the_changed_numbers_and_the_model_stays_as_it_is() -> None:
    canonical, plan = rule_nets.planned(uneven(), EVEN)
    _, plain = rule_nets.planned(uneven(), PLAIN)
    before = canonical.SerializeToString()
    equalized(canonical, plan)
    assert canonical.SerializeToString() == before
    steps = np.asarray([DIGITS.index(digit) for digit in note_of(plan)["between"]])
    ratio = plan.weights["first_w"].scale / plain.weights["first_w"].scale
    np.testing.assert_allclose(ratio, factors_of(steps), rtol=2**-9)
    assert plan.float_values == {}
    assert plan.tensors["between"] == plain.tensors["between"]


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=8), st.sampled_from([0.0, 0.25, 0.5, 0.75]))
def test_no_channel_is_scaled_beyond_the_widest(largest: list[float], exponent: float) -> None:
    values = np.asarray(largest)
    steps = steps_of(values, exponent)
    assert np.all((steps >= 0) & (steps < len(DIGITS)))
    assert np.all(values * factors_of(steps) <= values.max() * (1 + 1e-12))
    assert np.all(steps[values == 0.0] == 0)


def test_equal_channels_are_left_alone() -> None:
    canonical, _ = rule_nets.planned(uneven(), PLAIN)
    (pair,) = pairs_of(graph_summary(canonical), None)
    constants = {item.name: item for item in canonical.graph.initializer}
    same = ChannelStatistics(np.full(8, 3.0), np.full(8, 1.0))
    assert not best_steps(pair, same, constants).any()


def test_a_reader_whose_weights_would_suffer_keeps_the_channels() -> None:
    canonical, _ = rule_nets.planned(uneven(), PLAIN)
    (pair,) = pairs_of(graph_summary(canonical), None)
    constants = {item.name: item for item in canonical.graph.initializer}
    weight = numpy_helper.to_array(constants["second_w"]).copy()
    weight[:, -1] *= 1e-3  # the narrow channel hardly counts, so that scaling it up buys nothing
    weight[:, 0] *= 100.0
    constants["second_w"].CopyFrom(numpy_helper.from_array(weight, "second_w"))
    statistics = ChannelStatistics(np.asarray([1.0] * 7 + [1 / 30]), np.asarray([1e-9] * 7 + [900.0]))
    assert not best_steps(pair, statistics, constants).any()


def test_only_a_relu_or_a_clip_from_zero_may_stand_between() -> None:
    def tensors(*ops: str, low: float = 0.0) -> list[str]:
        b = Builder(0)
        x = b.conv("one", "x", 3, 4)
        for number, op in enumerate(ops):
            bounds = [b.constant(f"low{number}", low), b.constant(f"high{number}", 6.0)] if op == "Clip" else []
            x = b.node(op, [x, *bounds], f"t{number}")
        b.conv("two", x, 4, 4)
        canonical, _ = canonical_graph(rule_nets.model_of(b, {"x": [1, 3, 8, 8]}, ["two"]))
        return [pair.tensor for pair in pairs_of(graph_summary(canonical), None)]

    assert tensors() == ["one"]
    assert tensors("Relu") == tensors("Clip") == ["t0"]
    assert tensors("Clip", low=-1.0) == tensors("Sigmoid") == tensors("Relu", "Sigmoid") == []


def test_residuals_outputs_and_shared_weights_are_left_alone() -> None:
    canonical, _ = canonical_graph(resnet_like())
    graph = graph_summary(canonical)
    readers = {
        name: [node.op_type for node in graph.nodes if name in node.inputs]
        for node in graph.nodes
        for name in node.outputs
    }
    assert all(set(readers[pair.tensor]) == {"Conv"} for pair in pairs_of(graph, None))
    assert pairs_of(graph, set()) == []
    canonical, _ = canonical_graph(rule_nets.shared_weight())
    assert pairs_of(graph_summary(canonical), None) == []


def test_linear_layers_are_pairs_too() -> None:
    b = Builder(0)
    x = b.node("Relu", [b.linear("one", "x", 6, 5)], "r")
    b.node("MatMul", [x, b.weight("two_w", 5, 3)], "y")
    canonical, plan = rule_nets.planned(rule_nets.model_of(b, {"x": ["N", 6]}, ["y"]), EVEN)
    assert [pair.tensor for pair in pairs_of(graph_summary(canonical), None)] == ["r"]
    expected = outputs(float_graph(canonical), 1, optimized=True)
    np.testing.assert_allclose(
        outputs(float_graph(equalized(canonical, plan)), 1, optimized=True), expected, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("make", [conv_relu_net, depthwise_net, resnet_like, encoder_like])
def test_it_goes_with_everything_else_and_is_the_same_every_time(make: Any) -> None:
    scheme = Scheme(equalize_activations=True, weight_rounding="gptq")
    feeds = rule_nets.example_feeds(canonical_graph(make())[0], 8, seed=1)
    canonical, plan = rule_nets.planned(make(), scheme, feeds)
    assert rule_nets.planned(make(), scheme, feeds)[1].sha256 == plan.sha256
    note_of(plan)
    simulated = outputs(simulated_graph(canonical, plan), 1, optimized=False)
    assert np.all(np.isfinite(simulated))


def test_an_excluded_layer_keeps_its_channels() -> None:
    _, plan = rule_nets.planned(uneven(), replace(EVEN, exclude_nodes=("output_node",)))
    assert note_of(plan) == {}
