"""Refining a plan: what correction and rounding are worth, what is recorded, taken back, and the same every time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import (
    Builder,
    conv_relu_net,
    depthwise_net,
    encoder_like,
    random_feeds,
    resnet_like,
)
from onnx import numpy_helper

from workbench.errors import JobCancelledError
from workbench.model.canonical import canonical_graph
from workbench.model.feedback import Feedback
from workbench.model.graph import NodeSummary
from workbench.model.summary import graph_summary
from workbench.quant import refine as refine_module
from workbench.quant.affine import bias_grid, dequantize_weight, quantize
from workbench.quant.build import build_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.refine import HELD_SAMPLES, held_runs, shares_of_error
from workbench.quant.rows import as_rows, columns
from workbench.quant.scheme import Scheme
from workbench.quant.staged import answers, float_graph, simulated_graph

PLAIN = Scheme(bias_correction=False)
"""What correction is compared with."""
COARSE = Scheme(method="percentile", percentile=97.0)
"""Ranges that cut a lot off, so that means move and a correction has something to do."""


def notes(plan: QuantPlan, kind: str) -> list[dict[str, Any]]:
    return [dict(item) for item in plan.transforms if item["kind"] == kind]


def error(canonical: onnx.ModelProto, plan: QuantPlan) -> float:
    feeds = rule_nets.example_feeds(canonical, 48, seed=9)
    runs = [{name: array[i : i + 1] for name, array in feeds.items()} for i in range(48)]
    names = [canonical.graph.output[0].name]
    expected = [values[0] for values in answers(float_graph(canonical), runs, names, optimized=True)]
    found = [values[0] for values in answers(simulated_graph(canonical, plan), runs, names, optimized=False)]
    return sum(shares_of_error([expected], [found]))


@pytest.mark.parametrize("make", [conv_relu_net, resnet_like, depthwise_net])
@pytest.mark.parametrize("name", ["S1", "S2"])
def test_answers_on_other_samples_come_nearer(make: Any, name: Any) -> None:
    scheme = replace(COARSE, name=name)
    canonical, plain = rule_nets.planned(make(), replace(scheme, bias_correction=False))
    _, corrected = rule_nets.planned(make(), scheme)
    (note,) = notes(corrected, "bias_correction")
    assert note["kept"]
    assert note["sqnr_db"]["after"] > note["sqnr_db"]["before"]
    assert error(canonical, corrected) < error(canonical, plain)


def test_only_biases_move_and_they_stay_on_their_grid() -> None:
    canonical, plain = rule_nets.planned(resnet_like(), replace(COARSE, bias_correction=False))
    _, plan = rule_nets.planned(resnet_like(), COARSE)
    assert plan.tensors == plain.tensors
    for name, weight in plan.weights.items():
        np.testing.assert_array_equal(weight.codes, plain.weights[name].codes)
    (note,) = notes(plan, "bias_correction")
    for node in canonical.graph.node:
        if node.op_type in ("Conv", "Gemm") and node.input[2] in plan.biases:
            before, after = plain.biases[node.input[2]], plan.biases[node.input[2]]
            grid = bias_grid(plan.tensors[node.input[0]].scale, plan.weights[node.input[1]].scale, after.size)
            np.testing.assert_array_equal((np.rint(after.astype(np.float64) / grid) * grid).astype(np.float32), after)
            assert note["channels"][node.name] == np.count_nonzero(before != after)
    assert sum(note["channels"].values()) > 0
    assert note["samples"] == 32


def test_a_correction_that_does_not_help_the_answers_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _, plain = rule_nets.planned(conv_relu_net(), PLAIN)
    monkeypatch.setattr(refine_module, "channel_shift", lambda expected, found, bounds, grid: 400 * grid)
    _, plan = rule_nets.planned(conv_relu_net())
    (note,) = notes(plan, "bias_correction")
    assert not note["kept"]
    assert note["sqnr_db"]["after"] < note["sqnr_db"]["before"]
    for name, values in plain.biases.items():
        np.testing.assert_array_equal(plan.biases[name], values)


def test_a_layer_without_a_bias_is_corrected_too() -> None:
    b = Builder(0)
    x = b.node("Relu", [b.conv_no_bias("one", "x", 3, 8)], "r")
    b.conv_no_bias("two", x, 8, 4)
    model = rule_nets.model_of(b, {"x": [1, 3, 8, 8]}, ["two"])
    _, plan = rule_nets.planned(model, COARSE)
    assert np.any(plan.biases["two_node__zero_bias"] != 0.0)


def test_the_bias_behind_a_matmul_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refine_module, "is_nearer", lambda before, after: True)
    b = Builder(0)
    x = b.node("MatMul", ["x", b.weight("w", 8, 6)], "m")
    x = b.node("Relu", [b.node("Add", [x, b.constant("b", [0.1] * 6)], "a")], "r")
    b.node("MatMul", [x, b.weight("v", 6, 3)], "y")
    model = rule_nets.model_of(b, {"x": ["N", 8]}, ["y"])
    feeds = {"x": np.random.default_rng(0).exponential(size=(32, 8)).astype(np.float32)}  # a one-sided tail is cut off
    _, plan = rule_nets.planned(model, COARSE, feeds)
    _, plain = rule_nets.planned(model, replace(COARSE, bias_correction=False), feeds)
    (note,) = notes(plan, "bias_correction")
    assert list(note["channels"]) == ["m_node"]
    assert np.any(plan.biases["b"] != plain.biases["b"])


def smooth(canonical: onnx.ModelProto, n: int, seed: int) -> dict[str, Any]:
    """Images whose neighbouring pixels are alike, as those of cameras are."""
    feeds = rule_nets.example_feeds(canonical, n, seed)
    return {name: np.cumsum(np.cumsum(array, axis=2), axis=3) / 4 for name, array in feeds.items()}


def test_gptq_changes_codes_alone_and_says_so() -> None:
    feeds = smooth(canonical_graph(depthwise_net())[0], 32, seed=1)
    canonical, plain = rule_nets.planned(depthwise_net(), PLAIN, feeds)
    _, plan = rule_nets.planned(depthwise_net(), replace(PLAIN, weight_rounding="gptq"), feeds)
    assert plan.tensors == plain.tensors
    layers = [node for node in canonical.graph.node if node.op_type in ("Conv", "Gemm")]
    assert notes(plan, "gptq") == [{"kind": "gptq", "samples": 32, "layers": len(layers)}]
    moved = 0
    for name, weight in plan.weights.items():
        np.testing.assert_array_equal(weight.scale, plain.weights[name].scale)
        step = np.abs(weight.codes.astype(int) - plain.weights[name].codes.astype(int))
        moved += int(np.count_nonzero(step))
    assert moved > 0
    node = next(item for item in graph_summary(canonical).nodes if item.op_type == "Conv")
    assert output_error(canonical, plan, node, feeds) < 0.8 * output_error(canonical, plain, node, feeds)


def output_error(canonical: onnx.ModelProto, plan: QuantPlan, node: NodeSummary, feeds: dict[str, Any]) -> float:
    """Return what the rounding of the first layer's weight alone adds to its output, summed squares."""
    constants = {item.name: numpy_helper.to_array(item) for item in canonical.graph.initializer}
    weight = plan.weights[node.inputs[1]]
    difference = as_rows(node, dequantize_weight(weight) - constants[node.inputs[1]])
    codes = quantize(feeds[node.inputs[0]], plan.tensors[node.inputs[0]])
    rows = difference.reshape(*difference.shape[:2], -1)
    return float(sum(((rows @ block) ** 2).sum() for block in columns(node, codes, weight.codes.shape[2:])))


def test_gptq_and_correction_together() -> None:
    canonical, corrected = rule_nets.planned(depthwise_net(), COARSE)
    _, both = rule_nets.planned(depthwise_net(), replace(COARSE, weight_rounding="gptq"))
    assert [item["kind"] for item in both.transforms[-2:]] == ["gptq", "bias_correction"]
    assert error(canonical, both) < 1.1 * error(canonical, corrected)


@pytest.mark.parametrize("make", [encoder_like, resnet_like])
def test_the_plan_is_the_same_every_time(make: Any) -> None:
    scheme = replace(COARSE, weight_rounding="gptq")
    feeds = rule_nets.example_feeds(canonical_graph(make())[0], 12, seed=1)
    plans = [rule_nets.planned(make(), scheme, feeds)[1] for _ in range(2)]
    assert plans[0].sha256 == plans[1].sha256
    assert notes(plans[0], "bias_correction")[0]["samples"] == 12


def test_at_most_32_samples_are_held() -> None:
    canonical, _ = canonical_graph(conv_relu_net())
    samples = rule_nets.MemorySamples(random_feeds(canonical, 40))
    assert len(held_runs(canonical, samples)) == HELD_SAMPLES == 32
    fixed, _ = canonical_graph(conv_relu_net(batch=12))
    runs = held_runs(fixed, rule_nets.MemorySamples({"input": np.zeros((40, 3, 16, 16), np.float32)}))
    assert [len(next(iter(feeds.values()))) for feeds in runs] == [12, 12]


def test_runs_of_a_recurrent_model_carry_the_float_models_state() -> None:
    b = Builder(0)
    b.node("Tanh", [b.node("Add", [b.linear("gate", "x", 4, 4), "state"], "sum")], "next")
    model = rule_nets.model_of(b, {"x": [1, 4], "state": [1, 4]}, ["next"])
    samples = rule_nets.MemorySamples({"x": np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)})
    samples.feedback = Feedback({"state": "next"}, 5, {"state": np.zeros((1, 1, 4), np.float32)})
    runs = held_runs(model, samples)
    assert len(runs) == 5
    assert not np.any(runs[0]["state"])
    (expected,) = next(answers(float_graph(model), [runs[0]], ["next"], optimized=True))
    np.testing.assert_array_equal(runs[1]["state"], expected)


def test_it_can_be_cancelled_between_layers() -> None:
    canonical, transforms = canonical_graph(resnet_like())
    asked: list[str] = []

    def on_progress(done: int, total: int, text: str) -> None:
        asked.append(text)

    def check_cancelled() -> None:
        if asked.count("Correcting biases") == 2:
            raise JobCancelledError("stopped on request")

    samples = rule_nets.MemorySamples(rule_nets.example_feeds(canonical, 8, seed=1))
    with pytest.raises(JobCancelledError):
        build_plan("a" * 64, canonical, transforms, Scheme(), samples, on_progress, check_cancelled)
    assert asked.count("Correcting biases") == 2


def test_shares_of_error_add_up_to_the_nmse_and_silent_outputs_do_not_count() -> None:
    rng = np.random.default_rng(0)
    expected = [[rng.normal(size=(1, 3)).astype(np.float32) for _ in range(4)], [np.zeros((1, 2), np.float32)] * 4]
    found = [[values + np.float32(0.1) for values in expected[0]], [np.ones((1, 2), np.float32)] * 4]
    whole = np.concatenate(expected[0]).astype(np.float64)
    nmse = np.sum((whole - np.concatenate(found[0])) ** 2) / np.sum(whole**2)
    assert sum(shares_of_error(expected, found)) == pytest.approx(nmse)
    assert shares_of_error(expected[1:], found[1:]) == [0.0] * 4


def test_a_plan_without_layers_or_wishes_is_left_alone() -> None:
    b = Builder(0)
    b.node("Relu", ["x"], "y")
    _, plan = rule_nets.planned(rule_nets.model_of(b, {"x": [1, 4]}, ["y"]))
    assert plan.transforms == ()
    _, plan = rule_nets.planned(conv_relu_net(), PLAIN)
    assert not notes(plan, "bias_correction")
