"""Folded float constants travel with the plan where machines differ, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder, depthwise_net, random_feeds
from helpers.specification import planned, simulated
from onnx import numpy_helper

from workbench.quant.folded import with_folded_values


def folding_net(op: str) -> onnx.ModelProto:
    """A Conv whose weight and bias are computed from constants, and a Mul by a third such constant."""
    b = Builder(0)

    def computed(name: str, shape: tuple[int, ...]) -> str:
        return b.node(op, [b.constant(f"{name}_source", np.abs(b.rng.standard_normal(shape)) / 10)], name)

    conv = b.node("Conv", ["input", computed("w", (4, 3, 1, 1)), computed("bias", (4,))], "conv")
    b.node("Mul", [conv, computed("gain", (4, 6, 6))], "output")
    return b.model({"input": ["N", 3, 6, 6]}, {"output": ["N", 4, 6, 6]})


def test_what_only_some_machines_compute_alike_is_in_the_plan() -> None:
    canonical, plan = planned(folding_net("Exp"))
    constants = {item.name: numpy_helper.to_array(item) for item in canonical.graph.initializer}
    assert list(plan.float_values) == ["gain"]
    np.testing.assert_array_equal(plan.float_values["gain"], constants["gain"])


def test_the_plans_values_are_written_whatever_the_graph_holds() -> None:
    canonical, plan = planned(folding_net("Exp"))
    feeds = random_feeds(canonical, 2)
    expected = simulated(canonical, plan, feeds)["output"]
    for item in canonical.graph.initializer:
        if item.name in ("gain", "w", "bias"):
            item.CopyFrom(numpy_helper.from_array(np.nextafter(numpy_helper.to_array(item), np.float32(9)), item.name))
    np.testing.assert_array_equal(simulated(canonical, plan, feeds)["output"], expected)


@pytest.mark.parametrize("net", [folding_net("Sqrt"), depthwise_net()], ids=["sqrt", "batch norm"])
def test_ieee_arithmetic_needs_no_place_in_the_plan(net: onnx.ModelProto) -> None:
    assert planned(net)[1].float_values == {}


def test_a_quantized_weight_that_a_float_node_reads_too_is_kept_as_float() -> None:
    canonical, plan = planned(folding_net("Exp"))
    canonical.graph.node.append(onnx.helper.make_node("Neg", ["w"], ["other"], name="other"))
    assert set(with_folded_values(canonical, plan).float_values) == {"gain", "w"}


def test_a_value_that_a_transform_changed_stays() -> None:
    canonical, plan = planned(folding_net("Exp"))
    changed = {"gain": plan.float_values["gain"] + np.float32(1)}
    kept = with_folded_values(canonical, replace(plan, float_values=changed)).float_values
    np.testing.assert_array_equal(kept["gain"], changed["gain"])


def test_a_layer_that_a_computed_factor_was_folded_into_is_kept_where_it_stays_in_float() -> None:
    b = Builder(0)
    factor = b.node("Exp", [b.constant("source", np.arange(4).reshape(4, 1, 1) / 10)], "factor")
    b.node("Mul", [b.conv("conv", "input", 3, 4), factor], "output")
    model = b.model({"input": ["N", 3, 6, 6]}, {"output": ["N", 4, 6, 6]})
    canonical, plan = planned(model, exclude_nodes=("conv_node",))
    assert [node.op_type for node in canonical.graph.node] == ["Conv"]
    assert set(plan.float_values) == set(canonical.graph.node[0].input[1:])
    assert planned(model)[1].float_values == {}


def test_weight_only_plans_keep_folded_biases() -> None:
    _, plan = planned(folding_net("Exp"), name="S3", scale_rounding="float16")
    assert set(plan.float_values) == {"gain", "bias"}
