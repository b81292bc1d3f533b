"""Tests of workbench/model/folding.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from helpers.onnx_models import Builder, random_feeds
from onnx import helper, numpy_helper

from workbench.model.folding import fold_constants


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> np.ndarray:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def folded(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy, fold_constants(copy)


def constants(model: onnx.ModelProto) -> dict[str, Any]:
    return {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in model.graph.initializer}


def flatten_by_shape(batch: int | str) -> onnx.ModelProto:
    """Reshape to [Shape(x)[0], -1 written as a product]: the chain exporters emit for `view(x.size(0), ...)`."""
    b = Builder(0)
    sizes = b.node("Shape", ["x"], "sizes")
    axes = b.constant("axes", [0], np.int64)
    picked = [
        b.node("Unsqueeze", [b.node("Gather", [sizes, b.constant(f"i{i}", i, np.int64)], f"d{i}"), axes], f"u{i}")
        for i in range(3)
    ]
    rest = b.node("Mul", [picked[1], picked[2]], "rest")
    b.node("Reshape", ["x", b.node("Concat", [picked[0], rest], "target", axis=0)], "y")
    return b.model({"x": [batch, 3, 4]}, {"y": [batch, 12]})


def test_shape_arithmetic_with_a_fixed_batch_becomes_a_constant() -> None:
    model, transforms = folded(flatten_by_shape(2))
    assert [node.op_type for node in model.graph.node] == ["Reshape"]
    assert constants(model)["target"] == [2, 12]
    assert {"kind": "fold_constant", "node": "target_node", "op_type": "Concat", "into": "target"} in transforms


def test_a_symbolic_batch_stays_open() -> None:
    model, transforms = folded(flatten_by_shape("N"))
    reshape = next(node for node in model.graph.node if node.op_type == "Reshape")
    assert constants(model)[reshape.input[1]] == [-1, 12]
    assert {"kind": "fold_shape", "node": "y_node", "into": "y_node__shape"} in transforms
    for n in (1, 5):
        feeds = random_feeds(model, n=n)
        assert run(model, feeds).shape == (n, 12)


def test_constants_and_what_follows_from_them_become_initializers() -> None:
    b = Builder(0)
    b.nodes.append(helper.make_node("Constant", [], ["c"], name="c_node", value_floats=[1.0, 4.0]))
    root = b.node("Sqrt", ["c"], "root")
    b.node("Add", ["x", root], "y")
    model, transforms = folded(b.model({"x": ["N", 2]}, {"y": ["N", 2]}))
    assert [node.op_type for node in model.graph.node] == ["Add"]
    assert constants(model)["root"] == [1.0, 2.0]
    assert [entry["node"] for entry in transforms] == ["root_node"]


def test_every_kind_of_constant() -> None:
    b = Builder(0)
    kinds: dict[str, Any] = {
        "value_float": 2.0,
        "value_floats": [2.0],
        "value": numpy_helper.from_array(np.array(2, np.float32)),
    }
    x = "x"
    for name, value in kinds.items():
        b.nodes.append(helper.make_node("Constant", [], [name], name=f"{name}_node", **{name: value}))
        x = b.node("Mul", [x, name], f"by_{name}")
    model, _ = folded(b.model({"x": ["N", 2]}, {x: ["N", 2]}))
    assert constants(model) == {"value_float": 2.0, "value_floats": [2.0], "value": 2.0}


def test_a_graph_output_keeps_its_node() -> None:
    b = Builder(0)
    b.node("Sqrt", [b.constant("c", [4.0])], "root")
    b.node("Add", ["x", "root"], "y")
    model, transforms = folded(b.model({"x": ["N", 1]}, {"y": ["N", 1], "root": [1]}))
    assert len(model.graph.node) == 2
    assert transforms == []


def test_quantized_weights_and_random_numbers_stay() -> None:
    b = Builder(0)
    codes, scale = b.constant("codes", [1, 2], np.int8), b.constant("scale", 0.5)
    weight = b.node("DequantizeLinear", [codes, scale], "weight")
    noise = b.node("RandomNormalLike", [b.constant("like", [0.0, 0.0])], "noise")
    b.node("Sum", ["x", weight, noise], "y")
    model, transforms = folded(b.model({"x": ["N", 2]}, {"y": ["N", 2]}))
    assert len(model.graph.node) == 3
    assert transforms == []


def test_large_results_stay_computed() -> None:
    b = Builder(0)
    filled = b.node("ConstantOfShape", [b.constant("sizes", [1 << 13, 1 << 12], np.int64)], "filled")
    b.node("Add", ["x", filled], "y")
    model, transforms = folded(b.model({"x": [1]}, {"y": [1 << 13, 1 << 12]}))
    assert len(model.graph.node) == 2
    assert transforms == []


def view_as(target: list[int], axis: int) -> onnx.ModelProto:
    """Reshape [N, 3, M] to size `axis` of the input followed by `target`."""
    b = Builder(0)
    picked = b.node("Gather", [b.node("Shape", ["x"], "sizes"), b.constant("i", [axis], np.int64)], "picked")
    joined = b.node("Concat", [picked, b.constant("rest", target, np.int64)], "target", axis=0)
    b.node("Reshape", ["x", joined], "y")
    return b.model({"x": ["N", 3, "M"]}, {"y": ["A", "B"]})


def test_a_copied_axis_beside_a_minus_one_is_zero() -> None:
    model, transforms = folded(view_as([-1], axis=0))
    assert constants(model)["y_node__shape"] == [0, -1]
    assert [entry["kind"] for entry in transforms] == ["fold_shape"]
    feeds = {"x": np.zeros((5, 3, 2), np.float32)}
    assert run(model, feeds).shape == (5, 6)


def test_another_axis_beside_a_minus_one_is_left() -> None:
    model, transforms = folded(view_as([-1], axis=2))
    assert transforms == []
    assert run(model, {"x": np.zeros((5, 3, 2), np.float32)}).shape == (2, 15)


def test_a_target_that_copies_an_axis_by_zero_is_left() -> None:
    model, transforms = folded(view_as([0], axis=0))
    assert transforms == []
    assert model.graph.node[-1].input[1] == "target"
