"""Relu and Clip on codes: integer Clip, table look-up, or nothing where saturation does it; bit-equal answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.plans import run_graph
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.passes.activations import clip_bounds, is_relu_on_codes
from workbench.quant.passes.draft import draft_of
from workbench.quant.plan import QuantPlan, TensorParameters
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme

CLIPPED = Dialect("uint8", "integer_clip")
LOOKED_UP = Dialect("uint8", "leaky_relu")


def planned_with_scale(factor: float, make: Callable[[], onnx.ModelProto]) -> tuple[onnx.ModelProto, QuantPlan]:
    """Return a net and a plan whose tensor "act" has so many times its scale; biases stay float, off its grid."""
    canonical, plan = rule_nets.planned(make(), Scheme(method="minmax"))
    tensor = replace(plan.tensors["act"], scale=factor * plan.tensors["act"].scale)
    return canonical, replace(plan, tensors={**plan.tensors, "act": tensor}, biases={})


def ops(model: onnx.ModelProto, *names: str) -> list[str]:
    return [node.op_type for node in model.graph.node if node.op_type in names]


def constants_of(model: onnx.ModelProto) -> dict[str, Any]:
    return {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}


def assert_same_answers(canonical: onnx.ModelProto, plan: QuantPlan, dialect: Dialect) -> None:
    feeds = rule_nets.example_feeds(canonical, 4, seed=5)
    expected = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)
    found = run_graph(write_qdq(canonical, plan, dialect), feeds)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    "dialect", [CLIPPED, LOOKED_UP, Dialect("int8", "integer_clip"), Dialect("int8", "leaky_relu")]
)
@pytest.mark.parametrize("name", ["relu", "clip 0..6", "clips elsewhere", "residual add", "output inside"])
@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_no_float_activation_is_left_and_the_answers_stay(name: str, scheme: str, dialect: Dialect) -> None:
    canonical, plan = rule_nets.planned_rule(name, scheme)
    written = write_qdq(canonical, plan, dialect)
    codes = {node.output[0] for node in written.graph.node if node.op_type == "QuantizeLinear"}
    clips = [node for node in written.graph.node if node.op_type == "Clip" and node.input[0] not in codes]
    assert not ops(written, "Relu")
    if dialect.activation_function == "integer_clip":
        assert {node.name for node in clips} <= set(rule_nets.RULES[name].stays_float)
    assert_same_answers(canonical, plan, dialect)


def test_relu_is_a_clip_between_the_codes_of_zero_and_of_the_threshold() -> None:
    canonical, plan = rule_nets.planned_rule("relu")
    written = write_qdq(canonical, plan, CLIPPED)
    (clip,) = [node for node in written.graph.node if node.op_type == "Clip"]
    constants = constants_of(written)
    assert (clip.input[0], clip.output[0]) == ("first__quantized", "act__quantized")
    assert [int(constants[name]) for name in clip.input[1:]] == [128, 255]


def test_bounds_of_a_clip_are_the_codes_of_its_real_bounds() -> None:
    canonical, plan = rule_nets.planned(rule_nets.clip(0.0, 0.5), Scheme(method="minmax"))
    wide = replace(plan.tensors["act"], scale=0.01)
    plan = replace(plan, tensors={**plan.tensors, "act": wide}, biases={})
    constants = constants_of(write_qdq(canonical, plan, CLIPPED))
    assert [int(constants[f"act__{name}"]) for name in ("lowest", "highest")] == [128, 128 + 50]


def test_nothing_is_left_where_saturation_does_the_clipping() -> None:
    canonical, plan = rule_nets.planned(rule_nets.residual_add(), Scheme(name="S2"))
    written = write_qdq(canonical, plan, CLIPPED)
    assert not ops(written, "Relu", "Clip")
    assert_same_answers(canonical, plan, CLIPPED)


@pytest.mark.parametrize(("factor", "kept"), [(1.0, "LeakyRelu"), (2.0, "Clip")])
def test_a_table_look_up_is_relu_only_where_the_highest_code_is_the_bound(factor: float, kept: str) -> None:
    canonical, plan = planned_with_scale(factor, lambda: rule_nets.clip(0.0, 0.5))
    written = write_qdq(canonical, plan, LOOKED_UP)
    assert [node.op_type for node in written.graph.node if node.name == "act_node"] == [kept]
    assert_same_answers(canonical, plan, LOOKED_UP)
    assert_same_answers(canonical, plan, CLIPPED)


@pytest.mark.parametrize(("factor", "op_type"), [(1.0, "Clip"), (0.5, "LeakyRelu")])
def test_relu_of_a_planned_tensor_is_on_codes_whether_its_numbers_are_the_same_or_not(
    factor: float, op_type: str
) -> None:
    canonical, plan = planned_with_scale(factor, pass_relu)
    written = write_qdq(canonical, plan, CLIPPED)
    assert [node.op_type for node in written.graph.node if node.name == "act_node"] == [op_type]
    assert_same_answers(canonical, plan, CLIPPED)


def pass_relu() -> onnx.ModelProto:
    """A Relu whose input another layer reads too, so that the input is planned."""
    b = rule_nets.Builder(0)
    first = b.conv("first", "x", 4, 4)
    b.node("Add", [b.conv("inner", b.node("Relu", [first], "act"), 4, 4), first], "y")
    return rule_nets.model_of(b, rule_nets.IMAGE, ["y"])


def test_an_activation_after_a_float_node_is_left_alone() -> None:
    canonical, plan = rule_nets.planned(rule_nets.clip(), Scheme(exclude_nodes=("first_node",)))
    written = write_qdq(canonical, plan, CLIPPED)
    assert [node.input[0] for node in written.graph.node if node.op_type == "Clip"] == ["first"]


def test_bounds_of_nodes() -> None:
    canonical, plan = rule_nets.planned(rule_nets.clip(-1.0, 6.0))
    draft = draft_of(canonical.graph, plan)
    infinity = float("inf")
    assert clip_bounds(helper.make_node("Relu", ["x"], ["y"]), draft) == (0.0, infinity)
    assert clip_bounds(helper.make_node("Clip", ["x", "low", "high"], ["y"]), draft) == (-1.0, 6.0)
    assert clip_bounds(helper.make_node("Clip", ["x", "", "high"], ["y"]), draft) == (-infinity, 6.0)
    assert clip_bounds(helper.make_node("Clip", ["x", "low"], ["y"]), draft) == (-1.0, infinity)
    assert clip_bounds(helper.make_node("Clip", ["x"], ["y"]), draft) == (-infinity, infinity)
    assert clip_bounds(helper.make_node("Clip", ["x", "computed"], ["y"]), draft) is None
    assert clip_bounds(helper.make_node("Tanh", ["x"], ["y"]), draft) is None


@given(
    scale=st.floats(2.0**-14, 8.0, width=16),
    high=st.floats(0.0, 100.0, width=32),
    value=st.floats(-200.0, 200.0, width=32),
)
def test_clipping_codes_gives_the_codes_of_clipped_values(scale: float, high: float, value: float) -> None:
    def code(real: float) -> float:
        return float(np.clip(np.rint(np.float32(real) / np.float32(scale)), -128, 127))

    assert code(min(max(value, 0.0), high)) == min(max(code(value), code(0.0)), code(high))
    tensor = TensorParameters(scale, 0, "int8", None, (-128, 127))
    if is_relu_on_codes(0.0, high, tensor):
        assert code(min(max(value, 0.0), high)) == code(max(value, 0.0))


@pytest.mark.parametrize("function", ["fused", "leaky_relu", "integer_clip"])
def test_an_excluded_relu_is_computed_in_float_in_every_spelling(function: str) -> None:
    scheme = Scheme(exclude_op_types=("Relu",))
    canonical, plan = rule_nets.planned(rule_nets.residual_add(), scheme)
    assert {"stem_relu", "first_relu", "sum_relu"} <= set(plan.tensors)
    written = write_qdq(canonical, plan, Dialect(activation="uint8", activation_function=function))  # type: ignore[arg-type]
    assert [node.op_type for node in written.graph.node].count("Relu") == 3
    feeds = rule_nets.example_feeds(canonical, 2, 3)
    expected = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)["y"]
    assert np.array_equal(run_graph(written, feeds)["y"], expected)


def test_a_look_up_stands_between_two_pairs_and_adds_one_only_where_none_is() -> None:
    for make, added in ((rule_nets.relu, 1), (pass_relu, 0)):
        canonical, plan = rule_nets.planned(make())
        written = write_qdq(canonical, plan, LOOKED_UP)
        producers = {name: node.op_type for node in written.graph.node for name in node.output}
        readers = {name: node.op_type for node in written.graph.node for name in node.input}
        (look_up,) = [node for node in written.graph.node if node.op_type == "LeakyRelu"]
        assert producers[look_up.input[0]] == "DequantizeLinear"
        assert readers[look_up.output[0]] == "QuantizeLinear"
        assert len(ops(written, "QuantizeLinear")) == len(plan.tensors) + added
