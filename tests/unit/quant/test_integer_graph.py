"""The whole graph in integers: equal to the simulation where certified, and to plain definitions node by node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder, encoder_like, random_feeds, resnet_like
from helpers.plans import run_graph
from helpers.specification import STEPS, chain, planned, simulated, simulated_codes
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from workbench.errors import ModelError, PlanError
from workbench.model.canonical import with_extra_outputs
from workbench.quant.affine import bias_grid, quantize, quantize_bias, symmetric_parameters
from workbench.quant.certificate import certify
from workbench.quant.departure import compare_codes
from workbench.quant.dialect import SIMULATED
from workbench.quant.integer_graph import IntegerGraph
from workbench.quant.plan import CalibrationRecord, QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme

kinds = st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4)


def assert_equal_codes(canonical: onnx.ModelProto, plan: QuantPlan, feeds: dict[str, Any]) -> None:
    """Every code of every certified tensor is the same, and there are certified ones."""
    certified = [name for name in plan.tensors if name in certify(canonical, plan).exact]
    expected = IntegerGraph(canonical, plan).codes(feeds, certified)
    found = simulated_codes(canonical, plan, feeds)
    compared = [name for name in certified if name in found]
    assert compared
    for name in compared:
        np.testing.assert_array_equal(found[name], expected[name].codes, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(kinds, st.integers(0, 9), st.sampled_from(["S1", "S2"]))
def test_a_certified_plan_is_simulated_bit_for_bit(steps: list[str], seed: int, scheme: str) -> None:
    model = chain(steps, seed)
    canonical, plan = planned(model, name=scheme)
    feeds = random_feeds(model, 3, seed=seed + 50, scale=1.5)
    assert certify(canonical, plan).covers(["logits"])
    assert_equal_codes(canonical, plan, feeds)
    np.testing.assert_array_equal(
        IntegerGraph(canonical, plan).run(feeds)["logits"], simulated(canonical, plan, feeds)["logits"]
    )


def test_one_other_rounding_is_seen() -> None:
    """The comparison above can fail: a specification that rounds ties away from zero has other codes."""
    model = chain(["conv", "residual"], 0)
    canonical, plan = planned(model)
    feeds = random_feeds(model, 3, seed=50)
    away = IntegerGraph(canonical, plan, lambda values: np.trunc(values + np.copysign(np.float32(0.5), values)))
    expected = simulated_codes(canonical, plan, feeds)
    assert any(np.any(value.codes != expected[name]) for name, value in away.codes(feeds, plan.tensors).items())


@pytest.mark.parametrize("kind", sorted(STEPS))
def test_each_step_alone(kind: str) -> None:
    model = chain([kind], 1)
    canonical, plan = planned(model)
    assert_equal_codes(canonical, plan, random_feeds(model, 3, seed=7))


def one_node(op: str, shape: Sequence[int], weight: Sequence[int], output: Sequence[int], **attributes: Any) -> Any:
    b = Builder(0)
    bias = [b.constant("b", np.arange(weight[0]) * 0.1)] if op != "MatMul" else []
    b.node(op, ["input", b.weight("w", *weight), *bias], "output", **attributes)
    return b.model({"input": ["N", *shape]}, {"output": ["N", *output]})


@pytest.mark.parametrize(
    "model",
    [
        one_node("Conv", (4, 9), (6, 4, 3), (6, 7)),
        one_node("Conv", (2, 4, 5, 6), (3, 2, 3, 3, 3), (3, 4, 5, 6), pads=[1] * 6),
        one_node("Conv", (4, 9, 9), (6, 2, 3, 3), (6, 5, 5), group=2, strides=[2, 2], auto_pad="SAME_LOWER"),
        one_node("ConvTranspose", (3, 5), (3, 3, 4), (3, 12), strides=[2]),
        one_node("Gemm", (8,), (8, 8), (8,)),
        one_node("Gemm", (8,), (5, 8), (5,), transB=1),
        one_node("MatMul", (3, 8), (8, 5), (3, 5)),
    ],
    ids=["conv 1-D", "conv 3-D", "conv grouped", "conv transpose 1-D", "gemm", "gemm transB", "matmul"],
)
def test_every_product(model: onnx.ModelProto) -> None:
    canonical, plan = planned(model)
    feeds = random_feeds(model, 3, seed=5)
    assert "output" in plan.tensors
    assert_equal_codes(canonical, plan, feeds)


def test_codes_by_hand() -> None:
    """One Gemm, every number worked out; the input 2.5 is a tie and goes to the even code 2."""
    b = Builder(0)
    b.node("Gemm", ["input", b.constant("w", [[1.0, 127.0]]), b.constant("b", [0.0, 0.0])], "output")
    model = b.model({"input": ["N", 1]}, {"output": ["N", 2]})
    canonical, plan = planned(model, {"input": np.asarray([[127.0], [-127.0]], np.float32)})
    assert plan.tensors["input"].scale == 1.0
    assert plan.weights["w"].scale.tolist() == [2.0**-6, 1.0]
    assert plan.weights["w"].codes.tolist() == [[64, 127]]
    assert plan.tensors["output"].scale == 128.0
    found = IntegerGraph(canonical, plan).codes({"input": np.asarray([[2.5], [64.0], [300.0]], np.float32)}, ["output"])
    # input codes 2, 64, 127; sums 128, 4096, 8128 on the grid 1/64 and 254, 8128, 16129 on the grid 1
    assert found["output"].codes.tolist() == [[0, 2], [0, 64], [1, 126]]
    assert found["output"].reals.tolist() == [[0.0, 256.0], [0.0, 8192.0], [128.0, 16128.0]]


def biased_matmul() -> tuple[onnx.ModelProto, QuantPlan]:
    """A MatMul whose bias is an Add behind it: it belongs to the accumulator, the MatMul alone has no codes."""
    b = Builder(3)
    product = b.node("MatMul", ["input", b.weight("w", 6, 5)], "product")
    b.node("Add", [b.constant("b", b.rng.standard_normal(5)), product], "output")
    canonical, plan = planned(b.model({"input": ["N", 4, 6]}, {"output": ["N", 4, 5]}))
    grid = bias_grid(plan.tensors["input"].scale, plan.weights["w"].scale, 5)
    bias, _ = quantize_bias(numpy_helper.to_array(canonical.graph.initializer[-1]).reshape(-1), grid)
    tensors = {"input": plan.tensors["input"], "output": symmetric_parameters(2.0**-4 * 127)}
    nodes = tuple(node.name for node in canonical.graph.node)
    return canonical, replace(plan, tensors=tensors, biases={"b": bias}, quantized_nodes=nodes)


def test_a_bias_behind_a_matmul_is_added_in_integers() -> None:
    canonical, plan = biased_matmul()
    feeds = {"input": np.random.default_rng(0).standard_normal((3, 4, 6)).astype(np.float32)}
    assert certify(canonical, plan).first_reason == ""
    assert_equal_codes(canonical, plan, feeds)
    x, weight = plan.tensors["input"], plan.weights["w"]
    grid = bias_grid(x.scale, weight.scale, 5)
    sums = quantize(feeds["input"], x) @ weight.codes.astype(np.int64) + np.rint(plan.biases["b"] / grid).astype(int)
    expected = quantize((sums * grid.astype(np.float64)).astype(np.float32), plan.tensors["output"])
    np.testing.assert_array_equal(IntegerGraph(canonical, plan).codes(feeds, ["output"])["output"].codes, expected)


def test_a_bias_that_the_plan_does_not_hold_is_added_in_float() -> None:
    canonical, plan = planned(one_node("Gemm", (8,), (5, 8), (5,), transB=1))
    loose = replace(plan, biases={})
    feeds = {"input": np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)}
    assert certify(canonical, loose).first_reason == "output_node: its bias is not on the grid"
    np.testing.assert_array_equal(
        IntegerGraph(canonical, loose).run(feeds)["output"], simulated(canonical, loose, feeds)["output"]
    )


def test_an_accumulator_beyond_int32_is_refused() -> None:
    b = Builder(0)
    weight = b.constant("w", np.ones((140_000, 1)))
    b.node("MatMul", ["input", weight], "output")
    model = b.model({"input": ["N", 140_000]}, {"output": ["N", 1]})
    ones = {"input": np.ones((1, 140_000), np.float32)}
    canonical, plan = planned(model, ones, scale_rounding="float16")
    with pytest.raises(ModelError, match="output_node leaves int32"):
        IntegerGraph(canonical, plan).run(ones)


def test_float_islands_run_in_float_and_are_quantized_again() -> None:
    model = encoder_like()
    canonical, plan = planned(model)
    feeds = random_feeds(model, 3, seed=4)
    found, expected = IntegerGraph(canonical, plan).run(feeds)["logits"], simulated(canonical, plan, feeds)["logits"]
    assert not certify(canonical, plan).covers(["logits"])
    assert np.abs(found - expected).max() <= 4 * plan.tensors["logits"].scale


def test_where_nothing_is_certified_the_difference_is_told_in_steps() -> None:
    model = resnet_like()
    canonical, plan = planned(model, scale_rounding="float16")
    feeds = random_feeds(model, 64, seed=3)
    assert not certify(canonical, plan).covers(["logits"])
    found = compare_codes(
        IntegerGraph(canonical, plan).codes(feeds, ["logits"])["logits"], simulated(canonical, plan, feeds)["logits"]
    )
    assert found.largest_steps <= 3


def test_weight_only_runs_on_dequantized_weights() -> None:
    model = resnet_like()
    canonical, plan = planned(model, name="S3", scale_rounding="float16")
    feeds = random_feeds(model, 2, seed=3)
    found, expected = IntegerGraph(canonical, plan).run(feeds)["logits"], simulated(canonical, plan, feeds)["logits"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_inner_tensors_can_be_asked_for() -> None:
    model = resnet_like()
    canonical, plan = planned(model)
    graph = IntegerGraph(canonical, plan)
    feeds = random_feeds(model, 2, seed=3)
    reals = graph.run(feeds, ["stem_relu", "logits"])
    codes = graph.codes(feeds, ["stem_relu"])["stem_relu"]
    np.testing.assert_array_equal(reals["stem_relu"], codes.reals)
    assert codes.codes.min() >= 0
    with pytest.raises(KeyError):
        graph.codes(feeds, ["stem"])  # the layer's output before its activation has no codes


def test_a_tensor_that_is_not_rounded_keeps_its_clip() -> None:
    model = resnet_like()
    canonical, plan = planned(model)
    feeds = random_feeds(model, 2, seed=3, scale=20.0)
    loose = IntegerGraph(canonical, plan, unrounded=frozenset({"stem_relu"})).run(feeds, ["stem_relu"])["stem_relu"]
    scale = plan.tensors["stem_relu"].scale
    assert loose.max() == 127 * scale
    assert np.any(loose / scale != np.rint(loose / scale))


def test_a_node_numpy_cannot_run_is_named() -> None:
    b = Builder(0)
    b.nodes.append(onnx.helper.make_node("Unheard", ["input"], ["output"], name="odd", domain="com.example"))
    graph = onnx.helper.make_graph(b.nodes, "g", [], [])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("com.example", 1)])
    plan = QuantPlan("a" * 64, Scheme(), CalibrationRecord("minmax", {}, 0, ""))
    with pytest.raises(ModelError, match=r"cannot run odd \(Unheard\)"):
        IntegerGraph(model, plan).run({"input": np.zeros(1, np.float32)}, ["output"])
    with pytest.raises(PlanError, match="does not belong to this model"):
        IntegerGraph(model, planned(resnet_like())[1])


def test_what_a_float_node_made_is_codes_for_integer_readers_alone() -> None:
    """As in the file: a residual Add in float gets the float op's own values, the Conv beside it their codes."""
    canonical, plan = rule_nets.planned(rule_nets.residual_in_float())
    feeds = rule_nets.example_feeds(canonical, 2, 3)
    names = ("act", "branch", "total", "y")
    found = IntegerGraph(canonical, plan).run(feeds, names)
    expected = run_graph(write_qdq(with_extra_outputs(canonical, names), plan, SIMULATED), feeds)
    for name in names:
        step = plan.tensors[name].scale if name in plan.tensors else 1.0
        assert np.mean(np.abs(found[name] - expected[name]) > 0.01 * step) < 0.01, name
    np.testing.assert_array_equal(found["total"], found["branch"] + found["act"])
    assert np.any(found["act"] / np.float32(plan.tensors["act"].scale) % 1)


def test_subgraphs_read_what_the_codes_stand_for() -> None:
    canonical, plan = rule_nets.planned(rule_nets.branch_that_reads_codes())
    feeds = random_feeds(canonical, 2, seed=3)
    names = ["act", "doubled"]
    found = IntegerGraph(canonical, plan).run(feeds, names)
    np.testing.assert_array_equal(found["doubled"], 2 * found["act"])
    np.testing.assert_array_equal(found["act"] / plan.tensors["act"].scale % 1, 0)
