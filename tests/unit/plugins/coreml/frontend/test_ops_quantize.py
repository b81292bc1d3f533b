"""Codes: exactly the model's scales and zero points, codes kept in both targets' forms, parameters that are fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.coreml import assert_agrees, normal, one_node, quiet_coremltools, run_saved
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.coreml.frontend.convert import convert

X = np.array([[-3.0, -0.26, 0.0, 0.25, 0.75, 900.0]], np.float32)
SCALE = np.array(0.1, np.float32)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("constants", [(1, 2), ()], ids=["constant", "fed"])
def test_quantize(dtype: type, constants: tuple[int, ...], tmp_path: Path) -> None:
    zero_point = np.array(3, dtype)
    assert_agrees(one_node("QuantizeLinear", [X, SCALE, zero_point], constants=constants, opset=19), tmp_path)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("constants", [(1, 2), ()], ids=["constant", "fed"])
def test_dequantize_per_axis(dtype: type, constants: tuple[int, ...], tmp_path: Path) -> None:
    codes = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    arrays = [codes, np.array([0.5, 0.25, 2], np.float32), np.array([1, 0, 7], dtype)]
    assert_agrees(one_node("DequantizeLinear", arrays, constants=constants, opset=19, axis=1), tmp_path)


def quantized_conv(bias: bool = True) -> onnx.ModelProto:
    """Return Q -> DQ -> Conv(DQ(codes), DQ(int32 bias)) -> Relu -> Q -> DQ, opset 13."""
    arrays = {
        "xs": np.array(0.05, np.float32),
        "xz": np.array(-4, np.int8),
        "w": np.random.default_rng(0).integers(-127, 128, (3, 2, 3, 3), np.int8),
        "ws": np.array([0.01, 0.02, 0.015625], np.float32),
        "wz": np.zeros(3, np.int8),
        "b": np.array([100, -50, 7], np.int32),
        "bs": np.array([0.0005, 0.001, 0.00078125], np.float32),
        "ys": np.array(0.1, np.float32),
        "yz": np.array(0, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], name="q"),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], name="dq"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], name="weights", axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs"], ["bd"], name="bias", axis=0),
        helper.make_node("Conv", ["xd", "wd", *["bd"] * bias], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("QuantizeLinear", ["r", "ys", "yz"], ["rq"], name="q2"),
        helper.make_node("DequantizeLinear", ["rq", "ys", "yz"], ["y"], name="dq2"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 6, 6))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3, 4, 4))
    initial = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "net", [x], [y], initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def ops_of(target: str):
    quiet_coremltools()
    converted = convert(quantized_conv(), target)
    ops = converted.program.functions["main"].operations
    return converted, {op.name: op for op in ops if op.op_type != "const"}


@pytest.mark.parametrize(
    ("target", "kind"), [("iOS17", "constexpr_affine_dequantize"), ("iOS18", "constexpr_blockwise_shift_scale")]
)
def test_codes_scales_and_the_region_are_kept(target: str, kind: str) -> None:
    converted, ops = ops_of(target)
    order = [op.op_type for op in ops.values()]
    assert order == ["quantize", "dequantize", kind, "conv", "relu", "quantize", "dequantize"]
    assert (ops["xq"].scale.val, ops["xq"].zero_point.val, ops["xq"].output_dtype.val) == (np.float32(0.05), -4, "int8")
    weights = ops[converted.tensor_names["wd"]]
    codes = weights.quantized_data if target == "iOS17" else weights.data
    assert np.array_equal(codes.val, numpy_helper.to_array(quantized_conv().graph.initializer[2]))
    assert weights.scale.val.ravel().tolist() == np.array([0.01, 0.02, 0.015625], np.float32).tolist()
    assert np.allclose(ops["c"].bias.val, [0.05, -0.05, 0.00546875], atol=1e-9)
    assert converted.node_ops["bias"] == ()


@pytest.mark.parametrize("target", ["iOS17", "iOS18"])
def test_the_region_runs_as_simulated(target: str, tmp_path: Path) -> None:
    model, feeds = quantized_conv(), {"x": normal(1, 2, 6, 6)}
    from helpers.coreml import reference

    (want,) = reference(model, feeds, "onnxruntime")
    (have,) = run_saved(model, feeds, tmp_path, target)
    np.testing.assert_allclose(have, want, atol=1e-6)
    assert len(np.unique(have)) > 5


def test_one_scale_for_all_weights_and_a_zero_point(tmp_path: Path) -> None:
    codes = np.arange(6, dtype=np.uint8).reshape(2, 3)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"], name="weights"),
        helper.make_node("MatMul", ["x", "wd"], ["y"], name="product"),
    ]
    arrays = {"w": codes, "s": np.array(0.5, np.float32), "z": np.array(3, np.uint8)}
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (4, 2))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (4, 3))
    initial = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "net", [x], [y], initial), opset_imports=[helper.make_opsetid("", 17)]
    )
    feeds = {"x": normal(4, 2)}
    for target in ("iOS17", "iOS18"):
        (have,) = run_saved(model, feeds, tmp_path / target, target)
        np.testing.assert_allclose(have, feeds["x"] @ ((codes.astype(np.float32) - 3) * 0.5), atol=1e-5)
