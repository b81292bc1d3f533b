"""The Q/DQ writer: the same reals in every dialect, names, shared weights, outputs, refusals."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder, concat_net, depthwise_net, random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from workbench.errors import PlanError
from workbench.model.canonical import canonical_graph
from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.plan import TensorParameters
from workbench.quant.qdq import clip_bounds, grid_codes, is_saturation, write_qdq
from workbench.quant.scheme import Scheme

DIALECTS = [
    Dialect(*spelling)
    for spelling in product(("int8", "uint8"), ("fused", "leaky_relu", "integer_clip"), ("float32", "int32"))
]
X64 = Dialect("uint8", "integer_clip")


def model_of(builder: Builder, x_shape: list[int | str], outputs: list[str]) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, x_shape)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(builder.nodes, "test", [x], infos, builder.initializers)
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    )


def conv_clip_conv(low: float, high: float) -> onnx.ModelProto:
    b = Builder(0)
    b.node("Clip", [b.conv("c0", "x", 3, 4), b.constant("low", low), b.constant("high", high)], "act")
    b.conv("y", "act", 4, 2)
    return model_of(b, ["N", 3, 6, 6], ["y"])


def nodes_by_op(model: onnx.ModelProto, op_type: str) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == op_type]


@pytest.mark.parametrize("net", [resnet_like, depthwise_net, concat_net])
@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
def test_simulated_outputs_are_bit_equal_in_every_dialect(net, scheme):
    model, _ = canonical_graph(net())
    plan = make_plan(model, random_feeds(model, 3), Scheme(name=scheme))
    feeds = random_feeds(model, 2, seed=9, scale=1.5)
    expected = run_graph(write_qdq(model, plan, SIMULATED), feeds)
    float_outputs = run_graph(model, feeds)
    assert all(not np.array_equal(expected[name], float_outputs[name]) for name in expected)
    for dialect in DIALECTS:
        found = run_graph(write_qdq(model, plan, dialect), feeds)
        assert all(np.array_equal(found[name], expected[name]) for name in expected), dialect


def test_equal_arguments_give_equal_bytes_and_the_source_is_not_changed():
    model, _ = canonical_graph(resnet_like())
    before = model.SerializeToString(deterministic=True)
    plan = make_plan(model, random_feeds(model, 2))
    files = {write_qdq(model, plan, X64).SerializeToString(deterministic=True) for _ in range(3)}
    assert len(files) == 1
    assert model.SerializeToString(deterministic=True) == before


def test_uint8_spelling_shifts_codes_and_keeps_scales():
    model, _ = canonical_graph(resnet_like())
    plan = make_plan(model, random_feeds(model, 2))
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in write_qdq(model, plan, X64).graph.initializer}
    for name, tensor in plan.tensors.items():
        if name + "__scale" not in constants:
            continue
        assert constants[name + "__scale"].shape == ()
        assert float(constants[name + "__scale"]) == tensor.scale
        assert constants[name + "__zero_point"] == np.uint8(128)
        assert constants[name + "__zero_point"].dtype == np.uint8


def test_a_quantized_graph_output_keeps_its_name_and_is_dequantized():
    b = Builder(0)
    b.node("Relu", [b.conv("c0", "x", 3, 4)], "middle")
    b.conv("y", "middle", 4, 2)
    model = model_of(b, ["N", 3, 6, 6], ["y", "middle"])
    plan = make_plan(model, random_feeds(model, 2))
    feeds = random_feeds(model, 2, seed=3)
    for dialect in DIALECTS:
        written = write_qdq(model, plan, dialect)
        assert [item.name for item in written.graph.output] == ["y", "middle"]
        codes = run_graph(written, feeds)["middle"] / plan.tensors["middle"].scale
        assert np.array_equal(codes, np.rint(codes))
        assert codes.max() <= 127


def test_one_dequantizer_for_a_weight_that_several_nodes_read_and_float_for_an_excluded_one():
    b = Builder(0)
    weight = b.weight("w", 4, 4, 3, 3)
    first = b.node("Conv", ["x", weight], "a", pads=[1] * 4)
    second = b.node("Conv", [first, weight], "b", pads=[1] * 4)
    b.node("Conv", [second, weight], "y", pads=[1] * 4)
    model = model_of(b, ["N", 4, 6, 6], ["y"])
    plan = make_plan(model, random_feeds(model, 2), Scheme(exclude_nodes=("y_node",)))
    written = write_qdq(model, plan, SIMULATED)
    readers = {node.name: node.input[1] for node in nodes_by_op(written, "Conv")}
    assert readers == {"a_node": "w__dequantized", "b_node": "w__dequantized", "y_node": "w"}
    assert [item.name for item in written.graph.initializer if item.name.startswith("w__codes")] == ["w__codes"]


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes", "axis"),
    [
        ("Gemm", (10, 48), {"transB": 1}, 0),
        ("Gemm", (48, 10), {}, 1),
        ("MatMul", (48, 10), {}, 1),
    ],
)
def test_weight_axis_of_gemm_and_matmul(op_type, shape, attributes, axis):
    b = Builder(0)
    b.node(op_type, [b.node("Flatten", ["x"], "f"), b.weight("w", *shape)], "y", **attributes)
    model = model_of(b, ["N", 3, 4, 4], ["y"])
    plan = make_plan(model, random_feeds(model, 2))
    written = write_qdq(model, plan, SIMULATED)
    dequantize = next(node for node in written.graph.node if node.input[0] == "w__codes")
    assert helper.get_attribute_value(dequantize.attribute[0]) == axis
    float_out, found = run_graph(model, random_feeds(model, 2))["y"], run_graph(written, random_feeds(model, 2))["y"]
    assert np.abs(float_out - found).max() < 0.05 * np.abs(float_out).max()


@pytest.mark.parametrize(("shape", "is_int32"), [([10], True), ([1, 10], True), ([4, 10], False)])
def test_bias_of_gemm_has_one_code_per_channel_or_stays_float(shape, is_int32):
    b = Builder(0)
    bias = b.constant("bias", np.linspace(-1, 1, int(np.prod(shape))).reshape(shape))
    b.node("Gemm", [b.node("Flatten", ["x"], "f"), b.weight("w", 48, 10), bias], "y")
    model = model_of(b, [4, 3, 4, 4], ["y"])
    plan = make_plan(model, random_feeds(model, 4))
    if not is_int32:
        plan = replace(plan, biases={"bias": np.linspace(-1, 1, 40, dtype=np.float32)})
    written = write_qdq(model, plan, Dialect("uint8", "integer_clip", "int32"))
    names = {item.name for item in written.graph.initializer}
    assert ("bias__codes" in names, "bias" in names) == (is_int32, not is_int32)
    feeds = random_feeds(model, 4)
    expected = run_graph(write_qdq(model, plan, SIMULATED), feeds)["y"]
    assert np.array_equal(run_graph(written, feeds)["y"], expected)


def test_weight_axis_of_conv_transpose():
    b = Builder(0)
    b.node("ConvTranspose", [b.conv("c", "x", 3, 4), b.weight("w", 4, 6, 2, 2)], "y", strides=[2, 2])
    model = model_of(b, ["N", 3, 4, 4], ["y"])
    plan = make_plan(model, random_feeds(model, 2))
    assert plan.weights["w"].scale.shape == (6,)
    feeds = random_feeds(model, 2)
    float_out, found = run_graph(model, feeds)["y"], run_graph(write_qdq(model, plan, X64), feeds)["y"]
    assert np.abs(float_out - found).max() < 0.05 * np.abs(float_out).max()


def test_one_output_channel_keeps_a_scale_of_rank_one():
    b = Builder(0)
    b.conv("y", "x", 3, 1)
    model = model_of(b, ["N", 3, 4, 4], ["y"])
    written = write_qdq(model, make_plan(model, random_feeds(model, 2)), Dialect("uint8", "integer_clip", "int32"))
    dims = {item.name: list(item.dims) for item in written.graph.initializer}
    assert dims["y_w__scale"] == dims["y_b__scale"] == dims["y_b__codes"] == [1]


def test_integer_clip_bounds_are_codes_of_the_real_bounds():
    model = conv_clip_conv(-0.25, 0.5)
    plan = make_plan(model, random_feeds(model, 2))
    written = write_qdq(model, plan, X64)
    (clip,) = nodes_by_op(written, "Clip")
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in written.graph.initializer}
    scale = plan.tensors["act"].scale
    assert clip.input[0] == "c0__quantized"
    assert int(constants[clip.input[1]]) == 128 + round(-0.25 / scale)
    assert int(constants[clip.input[2]]) == 128 + round(0.5 / scale)


def test_relu_disappears_where_saturation_does_it():
    model, _ = canonical_graph(resnet_like())
    plan = make_plan(model, random_feeds(model, 2), Scheme(name="S2"))
    written = write_qdq(model, plan, X64)
    assert not nodes_by_op(written, "Relu")
    assert not nodes_by_op(written, "Clip")


def test_a_clip_below_the_highest_code_stays_under_an_affine_scheme():
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2), Scheme(name="S2"))
    wide = replace(plan.tensors["act"], scale=2 * plan.tensors["act"].scale)
    plan = replace(plan, tensors={**plan.tensors, "act": wide}, biases={})
    written = write_qdq(model, plan, X64)
    assert len(nodes_by_op(written, "Clip")) == 1
    feeds = random_feeds(model, 2, seed=5)
    expected = run_graph(write_qdq(model, plan, SIMULATED), feeds)["y"]
    assert np.array_equal(run_graph(written, feeds)["y"], expected)


def test_leaky_relu_keeps_a_clip_that_saturation_does_not_replace():
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2))
    saturating = write_qdq(model, plan, Dialect("uint8", "leaky_relu"))
    assert [node.op_type for node in saturating.graph.node if node.name == "act_node"] == ["LeakyRelu"]
    wide = replace(plan.tensors["act"], scale=2 * plan.tensors["act"].scale)
    plan = replace(plan, tensors={**plan.tensors, "act": wide}, biases={})
    kept = write_qdq(model, plan, Dialect("uint8", "leaky_relu"))
    assert [node.op_type for node in kept.graph.node if node.name == "act_node"] == ["Clip"]
    feeds = random_feeds(model, 2, seed=5)
    expected = run_graph(write_qdq(model, plan, SIMULATED), feeds)["y"]
    assert np.array_equal(run_graph(kept, feeds)["y"], expected)
    assert np.array_equal(run_graph(write_qdq(model, plan, X64), feeds)["y"], expected)


def test_relu_of_a_planned_tensor_is_on_codes_too():
    b = Builder(0)
    first = b.conv("c0", "x", 3, 3)
    b.node("Add", [b.conv("c1", b.node("Relu", [first], "r"), 3, 3), first], "y")
    model = model_of(b, ["N", 3, 6, 6], ["y"])
    plan = make_plan(model, random_feeds(model, 2))
    for scale in (plan.tensors["c0"].scale, plan.tensors["c0"].scale / 2):
        tensor = replace(plan.tensors["c0"], scale=scale)
        changed = replace(plan, tensors={**plan.tensors, "r": tensor}, biases={})
        feeds = random_feeds(model, 2, seed=4)
        expected = run_graph(write_qdq(model, changed, SIMULATED), feeds)["y"]
        written = write_qdq(model, changed, X64)
        assert not nodes_by_op(written, "Relu")
        assert np.array_equal(run_graph(written, feeds)["y"], expected)


def test_an_activation_after_a_float_node_is_left_alone():
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2), Scheme(exclude_nodes=("c0_node",)))
    written = write_qdq(model, plan, X64)
    assert [node.input[0] for node in nodes_by_op(written, "Clip")] == ["c0"]


def test_changed_float_values_replace_the_initializer():
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2), Scheme(exclude_nodes=("c0_node",)))
    changed = np.full((4, 3, 3, 3), 0.125, np.float32)
    written = write_qdq(model, replace(plan, float_values={"c0_w": changed}), X64)
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in written.graph.initializer}
    assert np.array_equal(constants["c0_w"], changed)


def test_a_lower_opset_is_raised_and_a_higher_one_is_kept():
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2))
    assert write_qdq(model, plan, Dialect(opset=17)).opset_import[0].version == 17
    assert write_qdq(model, plan, Dialect(opset=13)).opset_import[0].version == 13
    raised = write_qdq(model, plan, Dialect(opset=17))
    model.opset_import[0].version = 17
    assert write_qdq(model, plan, Dialect(opset=13)).opset_import[0].version == 17
    feeds = random_feeds(model, 2)
    assert np.array_equal(run_graph(raised, feeds)["y"], run_graph(write_qdq(model, plan, SIMULATED), feeds)["y"])


@pytest.mark.parametrize("kind", ["tensors", "weights", "biases", "float_values"])
def test_a_plan_of_another_model_is_refused(kind):
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2))
    values = {
        "tensors": TensorParameters(0.5, 0, "int8", None, (-128, 127)),
        "weights": plan.weights["y_w"],
        "biases": np.zeros(3, np.float32),
        "float_values": np.zeros(3, np.float32),
    }
    with pytest.raises(PlanError, match="foreign"):
        write_qdq(model, replace(plan, **{kind: {**getattr(plan, kind), "foreign": values[kind]}}), X64)


def test_a_tensor_name_that_is_taken_is_refused():
    model = conv_clip_conv(0.0, 0.5)
    plan = make_plan(model, random_feeds(model, 2))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1, np.float32), "x__scale"))
    with pytest.raises(PlanError, match="x__scale"):
        write_qdq(model, plan, X64)


@given(
    scale=st.floats(2.0**-14, 8.0, width=16),
    high=st.floats(0.0, 100.0, width=32),
    value=st.floats(-200.0, 200.0, width=32),
)
def test_clipping_codes_gives_the_codes_of_clipped_values(scale, high, value):
    def code(real: float) -> float:
        return float(np.clip(np.rint(np.float32(real) / np.float32(scale)), -128, 127))

    assert code(min(max(value, 0.0), high)) == min(max(code(value), code(0.0)), code(high))
    tensor = TensorParameters(scale, 0, "int8", None, (-128, 127))
    if is_saturation(0.0, high, tensor):
        assert code(min(max(value, 0.0), high)) == code(max(value, 0.0))


@given(st.integers(-(2**24), 2**24), st.floats(2.0**-14, 8.0, width=16), st.floats(2.0**-14, 8.0, width=16))
def test_grid_codes_are_exact_or_absent(code, scale_x, scale_w):
    scale = np.asarray([np.float32(scale_x) * np.float32(scale_w)], np.float32)
    bias = np.asarray([code], np.float32) * scale
    codes = grid_codes(bias, scale)
    assert codes is not None
    assert np.array_equal(codes.astype(np.float32) * scale, bias)


def test_a_bias_off_the_grid_or_not_finite_has_no_codes():
    scale = np.asarray([0.5], np.float32)
    for value in (0.3, np.nan, np.inf, 1e30):
        assert grid_codes(np.asarray([value], np.float32), scale) is None


def test_clip_bounds_of_nodes():
    constants = {"low": np.asarray(-1.0), "high": np.asarray(6.0)}
    assert clip_bounds(helper.make_node("Relu", ["x"], ["y"]), {}) == (0.0, float("inf"))
    assert clip_bounds(helper.make_node("Clip", ["x", "low", "high"], ["y"]), constants) == (-1.0, 6.0)
    assert clip_bounds(helper.make_node("Clip", ["x", "", "high"], ["y"]), constants) == (-float("inf"), 6.0)
    assert clip_bounds(helper.make_node("Clip", ["x", "computed"], ["y"]), constants) is None
    assert clip_bounds(helper.make_node("Tanh", ["x"], ["y"]), {}) is None
