"""Reading kernels from an optimized model and shares from a profile."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from workbench_plugins.ort_cpu.optimized import Kernel, profile_feeds, read_kernels, time_shares


def optimized(folder, nodes):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    constants = [onnx.numpy_helper.from_array(np.float32(1), "scale")]
    graph = helper.make_graph(nodes, "g", [x], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], constants)
    onnx.save(helper.make_model(graph), folder / "optimized.onnx")
    return read_kernels(folder / "optimized.onnx")


def test_integer_kernels_are_told_from_float_ones(tmp_path):
    kernels = optimized(
        tmp_path,
        [
            helper.make_node("Transpose", ["x"], ["t"], "float_transpose"),
            helper.make_node("QuantizeLinear", ["t", "scale"], ["q"], "quantize"),
            helper.make_node("Transpose", ["q"], ["tq"], "transpose"),
            helper.make_node("QLinearConv", ["tq"], ["c"], "conv_token_4"),
            helper.make_node("Clip", ["c"], ["cc"], "clip"),
            helper.make_node("QGemm", ["cc"] + ["scale"] * 8, ["g"], "gemm"),
            helper.make_node("Reshape", ["g", "scale"], ["r"], "reshape"),
            helper.make_node("QGemm", ["r"] + ["scale"] * 5, ["f"], "float_result"),
            helper.make_node("Clip", ["f"], ["fc"], "float_clip"),
            helper.make_node("DequantizeLinear", ["r", "scale"], ["y"], "dequantize"),
        ],
    )
    found = {kernel.name: kernel.is_integer for kernel in kernels}
    floats = {"float_transpose", "quantize", "float_clip", "dequantize"}
    assert {name for name, is_integer in found.items() if not is_integer} == floats
    assert kernels[1].inputs == ("t",)


@pytest.mark.parametrize(
    ("name", "base"), [("c_token_12", "c"), ("c_nchwc", "c"), ("c_nchwc_token_3", "c"), ("c_token", "c_token")]
)
def test_base_names(name, base):
    assert Kernel(name, "Conv", (), (), False).base_name == base


def test_shares_leave_warm_up_and_strangers_out(tmp_path):
    def event(name, duration):
        return {"cat": "Node", "name": f"{name}_kernel_time", "dur": duration}

    run = {"cat": "Session", "name": "model_run", "dur": 1}
    events = [event("a", 900), run, event("a", 30), event("b", 10), event("stranger", 77), run]
    (tmp_path / "profile.json").write_text(json.dumps(events))
    kernels = [Kernel(name, "Conv", (), (), False) for name in "abc"]
    assert time_shares(tmp_path / "profile.json", kernels, 1) == {"a": 0.75, "b": 0.25}
    assert time_shares(tmp_path / "profile.json", kernels, 2) == {}


def test_profile_feeds_follow_shapes_and_dtypes():
    inputs = [
        SimpleNamespace(name="x", type="tensor(float)", shape=["N", 3, "length"]),
        SimpleNamespace(name="ids", type="tensor(int64)", shape=[None, 4]),
        SimpleNamespace(name="flag", type="tensor(bool)", shape=[]),
    ]
    feeds = profile_feeds(inputs, 5, {})
    assert feeds["x"].shape == (5, 3, 1)
    assert feeds["x"].dtype == np.float32
    assert (feeds["ids"].shape, feeds["ids"].dtype) == ((5, 4), np.int64)
    assert feeds["flag"].dtype == np.bool_
    assert profile_feeds(inputs, 5, {"x": (2, 3, 9)})["x"].shape == (2, 3, 9)
    assert np.array_equal(profile_feeds(inputs, 5, {})["x"], feeds["x"])


@pytest.mark.parametrize(
    ("name", "base"),
    [("dense/MatMulAddFusion", "dense"), ("conv_token_4", "conv"), ("conv_nchwc", "conv"), ("plain", "plain")],
)
def test_names_lose_what_the_runtime_appended(name, base):
    assert Kernel(name, "QGemm", (), (), is_integer=True).base_name == base
