"""Tests of workbench/model/opset.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.errors import ModelError
from workbench.model.load import load_model
from workbench.model.opset import raise_opset
from workbench.model.protos import opset_of

RNG = np.random.default_rng(0)
NORM = {
    "gamma": RNG.uniform(0.5, 1.5, 3),
    "beta": RNG.standard_normal(3),
    "mean": RNG.standard_normal(3),
    "var": RNG.uniform(0.5, 1.5, 3),
}
SCALES = {"scales": np.array([1, 1, 2, 2])}
RATIO = {"scales": np.array([1, 1, 1.5, 1.5])}
Node = tuple[str, list[str], dict[str, Any]]


def old_model(
    node: Node, constants: dict[str, Any], opset: int, side: int = 4, *, listed: bool = True
) -> onnx.ModelProto:
    op, inputs, attributes = node
    tensors = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 4, 4])]
    values += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors if listed]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["x1"]), helper.make_node(op, inputs, ["y"], **attributes)],
        "old",
        values,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3, side, side])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)


CASES = {
    "batch norm 7": (("BatchNormalization", ["x1", *NORM], {"epsilon": 1e-3}), NORM, 7, 4),
    "dropout 7": (("Dropout", ["x1"], {"ratio": 0.5}), {}, 7, 4),
    "dropout 10": (("Dropout", ["x1"], {"ratio": 0.5}), {}, 10, 4),
    "upsample 7 nearest": (("Upsample", ["x1"], {"scales": [1.0, 1.0, 2.0, 2.0]}), {}, 7, 8),
    "upsample 9 nearest": (("Upsample", ["x1", "scales"], {"mode": "nearest"}), SCALES, 9, 8),
    "upsample 9 linear": (("Upsample", ["x1", "scales"], {"mode": "linear"}), SCALES, 9, 8),
    "upsample 9 nearest 1.5": (("Upsample", ["x1", "scales"], {"mode": "nearest"}), RATIO, 9, 6),
    "resize 10 linear": (("Resize", ["x1", "scales"], {"mode": "linear"}), SCALES, 10, 8),
    "resize 10 nearest 1.5": (("Resize", ["x1", "scales"], {"mode": "nearest"}), RATIO, 10, 6),
    "clip 6": (("Clip", ["x1"], {"min": 0.1, "max": 0.6}), {}, 7, 4),
    "softmax 9 over three axes": (("Softmax", ["x1"], {"axis": 1}), {}, 9, 4),
    "softmax 9 over the last axis": (("Softmax", ["x1"], {"axis": 3}), {}, 9, 4),
    "pad 2": (("Pad", ["x1"], {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "value": 0.5}), {}, 9, 6),
}


@pytest.mark.parametrize("name", CASES)
def test_raised_ops_compute_what_they_did(tmp_path: Path, name: str) -> None:
    node, constants, opset, side = CASES[name]
    proto = old_model(node, constants, opset, side)
    path = tmp_path / "old.onnx"
    path.write_bytes(proto.SerializeToString())
    raised = load_model(path).proto
    assert opset_of(raised) == 13
    feeds = {"x": RNG.standard_normal((2, 3, 4, 4)).astype(np.float32)}
    before, after = (
        ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)[0]
        for model in (proto, raised)
    )
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6)


def test_softmax_over_the_last_axis_stays_one_node(tmp_path: Path) -> None:
    node, constants, opset, side = CASES["softmax 9 over the last axis"]
    path = tmp_path / "old.onnx"
    path.write_bytes(old_model(node, constants, opset, side).SerializeToString())
    ops = [node.op_type for node in load_model(path).proto.graph.node]
    assert ops.count("Softmax") == 1
    assert "Flatten" not in ops


def test_a_recent_model_is_returned_as_it_is() -> None:
    proto = old_model(("Abs", ["x1"], {}), {}, 13)
    assert raise_opset(proto) is proto


def test_an_op_without_conversion_is_named() -> None:
    proto = old_model(("Scan", ["x1"], {}), {}, 8)
    with pytest.raises(ModelError, match="Opset 8 cannot be raised to 13: op Scan"):
        raise_opset(proto)


def test_the_old_broadcast_axis_is_refused() -> None:
    proto = old_model(("Add", ["x1", "b"], {"broadcast": 1, "axis": 1}), {"b": np.ones(3)}, 6, listed=False)
    with pytest.raises(ModelError, match="op Add broadcasts along an axis"):
        raise_opset(proto)
