"""Facts of a Q/DQ file: counted from the file alone, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.ort_quantize_static.qdq_facts import in_words, qdq_facts


def constant(name: str, value: Any, dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def model(zero_point: int = 0, dtype: type = np.int8, scale: Any = (0.1, 0.2), **changes: Any) -> onnx.ModelProto:
    """x -> Q -> DQ -> MatMul with a per-channel weight and an int32 bias -> Relu; a Softmax on its own input."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["x_q"], "q"),
        helper.make_node("DequantizeLinear", ["x_q", "s", "z"], ["x_dq"], "dq"),
        helper.make_node("DequantizeLinear", ["w_codes", "w_s", "w_z"], ["w"], "w_dq", axis=1),
        helper.make_node("DequantizeLinear", ["b_codes", "w_s"], ["b"], "b_dq"),
        helper.make_node("Gemm", ["x_dq", "w", "b"], ["g"], "gemm"),
        helper.make_node("Softmax", ["x"], ["y"], "softmax"),
    ]
    constants = [
        constant("s", 0.5, np.float32),
        constant("z", zero_point, dtype),
        constant("w_codes", np.eye(2), np.int8),
        constant("w_s", scale, np.float32),
        constant("w_z", np.zeros_like(np.asarray(scale)), np.int8),
        constant("b_codes", np.zeros_like(np.asarray(scale)), np.int32),
    ]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in ("x", "g", "y")]
    return helper.make_model(helper.make_graph(nodes, "g", info[:1], info[1:], constants), **changes)


@pytest.mark.parametrize(
    ("zero_point", "dtype", "words"),
    [
        (0, np.int8, "int8, symmetric, per tensor"),
        (3, np.int8, "int8, asymmetric, per tensor"),
        (128, np.uint8, "uint8, symmetric, per tensor"),
        (0, np.uint8, "uint8, asymmetric, per tensor"),
    ],
)
def test_activations_tell_dtype_and_symmetry(tmp_path: Path, zero_point: int, dtype: type, words: str) -> None:
    onnx.save(model(zero_point, dtype), tmp_path / "m.onnx")
    assert qdq_facts(tmp_path / "m.onnx")["activations"] == f"1 \N{MULTIPLICATION SIGN} {words}"


def test_weights_biases_nodes_and_what_is_left(tmp_path: Path) -> None:
    onnx.save(model(), tmp_path / "m.onnx")
    facts = qdq_facts(tmp_path / "m.onnx")
    assert facts["weights"] == "1 \N{MULTIPLICATION SIGN} int8, symmetric, per channel"
    assert facts["biases"] == "1 as int32"
    assert facts["nodes"] == "1 QuantizeLinear, 3 DequantizeLinear"
    assert facts["float nodes"] == "Softmax 1"
    onnx.save(model(scale=[0.1]), tmp_path / "m.onnx")
    assert qdq_facts(tmp_path / "m.onnx")["weights"].endswith("per tensor")


def test_a_missing_zero_point_is_what_onnx_says(tmp_path: Path) -> None:
    proto = model()
    for node in proto.graph.node[:2]:
        del node.input[2]
    onnx.save(proto, tmp_path / "m.onnx")
    assert qdq_facts(tmp_path / "m.onnx")["activations"].endswith("uint8, asymmetric, per tensor")


def test_a_float_model_has_nothing(tmp_path: Path) -> None:
    proto = model()
    del proto.graph.node[:5]
    onnx.save(proto, tmp_path / "m.onnx")
    facts = qdq_facts(tmp_path / "m.onnx")
    assert (facts["weights"], facts["activations"], facts["float nodes"]) == ("none", "none", "Softmax 1")
    assert in_words([]) == "none"
