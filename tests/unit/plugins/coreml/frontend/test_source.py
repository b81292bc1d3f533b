"""Folding, shapes and expansion: what is left of a graph before it is converted."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.coreml.frontend.source import name_of, read_source

from workbench.errors import ModelError


def model_of(nodes, inputs, outputs=("y",), opset: int = 17, **arrays: np.ndarray) -> onnx.ModelProto:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    values = [helper.make_empty_tensor_value_info(name) for name in outputs]
    initial = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "graph", infos, values, initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def test_a_reshape_to_a_computed_shape_is_static() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], name="shape"),
        helper.make_node("Slice", ["s", "zero", "one"], ["n"], name="first"),
        helper.make_node("Concat", ["n", "rest"], ["t"], axis=0, name="target"),
        helper.make_node("Reshape", ["x", "t"], ["y"], name="reshape"),
    ]
    arrays = {"zero": np.array([0]), "one": np.array([1]), "rest": np.array([-1])}
    source = read_source(model_of(nodes, {"x": (2, 3, 4)}, **arrays), {"Reshape"})
    assert [node.name for node in source.nodes] == ["reshape"]
    assert source.folded == ["shape", "first", "target"]
    assert source.constants["t"].tolist() == [2, -1]
    assert source.shape("y") == (2, 12)


def test_codes_stay_and_an_integer_bias_is_folded() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["wr"], name="weights", axis=0),
        helper.make_node("DequantizeLinear", ["b", "s"], ["br"], name="bias", axis=0),
        helper.make_node("Conv", ["x", "wr", "br"], ["y"], name="conv"),
    ]
    codes = np.arange(-9, 9, dtype=np.int8).reshape(2, 1, 3, 3)
    arrays = {"w": codes, "b": np.array([4, -8], np.int32), "s": np.array([0.5, 0.25], np.float32)}
    claimed = {"Conv", "DequantizeLinear"}
    source = read_source(model_of(nodes, {"x": (1, 1, 5, 5)}, **arrays), claimed)
    assert [node.name for node in source.nodes] == ["weights", "conv"]
    assert source.constants["br"].tolist() == [2.0, -2.0]
    assert source.is_weight("wr")
    assert source.real_value("wr")[1, 0, 2, 2] == 8 * 0.25
    assert source.shape("y") == (1, 2, 3, 3)


def test_an_op_that_is_not_claimed_is_expanded_where_onnx_defines_it() -> None:
    source = read_source(
        model_of([helper.make_node("Softsign", ["x"], ["y"], name="s")], {"x": (2,)}, opset=18), {"Abs", "Div"}
    )
    kept = [node.op_type for node in source.nodes]
    assert "Softsign" not in kept
    assert {"Abs", "Div"} <= set(kept)
    assert "Softsign" in source.expanded
    assert source.shape("y") == (2,)


def test_a_claimed_op_is_left_alone() -> None:
    source = read_source(model_of([helper.make_node("Softsign", ["x"], ["y"])], {"x": (2,)}), {"Softsign"})
    assert [(node.op_type, node.name) for node in source.nodes] == [("Softsign", "y")]


def test_contradicting_shapes_are_one_line() -> None:
    node = helper.make_node("MatMul", ["x", "z"], ["y"], name="m")
    with pytest.raises(ModelError, match="contradict") as caught:
        read_source(model_of([node], {"x": (2, 3), "z": (4, 5)}), {"MatMul"})
    assert "\n" not in str(caught.value)


def test_a_free_dimension_leaves_the_shape_unknown() -> None:
    source = read_source(model_of([helper.make_node("Relu", ["x"], ["y"])], {"x": ("N", 3)}), {"Relu"})
    assert source.shape("y") is None


def test_a_node_without_a_name_has_its_outputs() -> None:
    assert name_of(helper.make_node("Relu", ["x"], ["y"])) == "y"
