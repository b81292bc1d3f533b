"""Weights: codes along the right axis, one dequantizer however many readers, float values where they were changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder
from helpers.plans import run_graph
from onnx import helper

from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import WeightParameters
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme

SPREAD = np.geomspace(1 / 64, 64, 8, dtype=np.float32)


def uneven(op_type: str, shape: tuple[int, ...], axis: int, **attributes: Any) -> onnx.ModelProto:
    """One layer whose eight output channels differ in size, by a factor of 4,096 from the first to the last."""
    b = Builder(0)
    spread = SPREAD.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    weight = b.constant("w", b.rng.standard_normal(shape) * spread)
    b.node(op_type, ["x", weight], "y", **attributes)
    inputs = [8] if len(shape) == 2 else [8, 6, 6]
    return rule_nets.model_of(b, {"x": ["N", *inputs]}, ["y"])


LAYERS = [
    ("Conv", (8, 8, 3, 3), 0, {}),
    ("Conv", (8, 1, 3, 3), 0, {"group": 8}),
    ("Conv", (8, 4, 3, 3), 0, {"group": 2}),
    ("ConvTranspose", (8, 8, 2, 2), 1, {}),
    ("Gemm", (8, 8), 1, {}),
    ("Gemm", (8, 8), 0, {"transB": 1}),
    ("MatMul", (8, 8), 1, {}),
]


@pytest.mark.parametrize(("op_type", "shape", "axis", "attributes"), LAYERS)
def test_every_channel_keeps_its_precision(
    op_type: str, shape: tuple[int, ...], axis: int, attributes: dict[str, Any]
) -> None:
    model = uneven(op_type, shape, axis, **attributes)
    canonical, plan = rule_nets.planned(model, Scheme(quantize_logits=False))
    assert (plan.weights["w"].axis, plan.weights["w"].scale.shape) == (axis, (8,))
    written = write_qdq(canonical, plan, SIMULATED)
    dequantize = next(node for node in written.graph.node if node.input[0] == "w__codes")
    assert helper.get_attribute_value(dequantize.attribute[0]) == axis
    assert min(channel_sqnr_db(canonical, written)) > 25.0


def test_one_scale_for_all_channels_would_lose_the_small_ones() -> None:
    canonical, plan = rule_nets.planned(uneven(*LAYERS[1][:3], **LAYERS[1][3]), Scheme(quantize_logits=False))
    weight = onnx.numpy_helper.to_array(canonical.graph.initializer[0])
    scale = np.abs(weight).max() / np.float32(127)
    codes = np.rint(weight / scale).astype(np.int8)
    whole = WeightParameters(np.full(8, scale, np.float32), np.zeros(8, np.int8), 0, codes)
    written = write_qdq(canonical, replace(plan, weights={"w": whole}), SIMULATED)
    found = channel_sqnr_db(canonical, written)
    assert min(found) < 1.0
    assert max(found) > 25.0


def channel_sqnr_db(canonical: onnx.ModelProto, written: onnx.ModelProto) -> list[float]:
    """Return the SQNR of each of the eight output channels (axis 1)."""
    feeds = rule_nets.example_feeds(canonical, 16, seed=5)
    expected, found = (run_graph(model, feeds)["y"].astype(np.float64) for model in (canonical, written))
    axes = tuple(axis for axis in range(expected.ndim) if axis != 1)
    noise = np.sum((expected - found) ** 2, axes)
    return [float(value) for value in 10 * np.log10(np.sum(expected**2, axes) / noise)]


def test_one_dequantizer_for_several_readers_and_the_float_weight_for_an_excluded_one() -> None:
    canonical, plan = rule_nets.planned(rule_nets.shared_weight(), Scheme(exclude_nodes=("y_node",)))
    written = write_qdq(canonical, plan, SIMULATED)
    readers = {node.name: node.input[1] for node in written.graph.node if node.op_type == "Conv"}
    assert readers == {"one_node": "w__dequantized", "two_node": "w__dequantized", "y_node": "w"}
    names = [item.name for item in written.graph.initializer]
    assert (names.count("w__codes"), names.count("w")) == (1, 1)


def test_one_output_channel_keeps_a_scale_of_rank_one() -> None:
    canonical, plan = rule_nets.planned(one_channel())
    dims = {item.name: list(item.dims) for item in write_qdq(canonical, plan, SIMULATED).graph.initializer}
    assert dims["y_w__scale"] == dims["y_w__zero_point"] == [1]


def one_channel() -> onnx.ModelProto:
    b = Builder(0)
    b.conv("y", "x", 4, 1)
    return rule_nets.model_of(b, rule_nets.IMAGE, ["y"])


def test_changed_float_values_replace_the_initializer() -> None:
    canonical, plan = rule_nets.planned(rule_nets.relu(), Scheme(exclude_nodes=("first_node",)))
    changed = np.full((8, 4, 3, 3), 0.125, np.float32)
    written = write_qdq(canonical, replace(plan, float_values={"first_w": changed}), SIMULATED)
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in written.graph.initializer}
    assert np.array_equal(constants["first_w"], changed)


@pytest.mark.parametrize("make", [rule_nets.gemm, rule_nets.gemm_transposed, rule_nets.conv_transpose])
def test_a_weight_only_plan_leaves_activations_alone(make: Callable[[], onnx.ModelProto]) -> None:
    canonical, plan = rule_nets.planned(make(), Scheme(name="S3"))
    written = write_qdq(canonical, plan, SIMULATED)
    kinds = [node.op_type for node in written.graph.node]
    assert kinds.count("QuantizeLinear") == 0
    assert kinds.count("DequantizeLinear") == len(plan.weights) > 0
