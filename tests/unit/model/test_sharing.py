"""Tests of workbench/model/sharing.py."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder
from onnx import numpy_helper

from workbench.model.sharing import separate_shared


def test_each_compute_node_gets_its_own_bias() -> None:
    b = Builder(0)
    bias = b.constant("bias", np.arange(4))
    one = b.node("Conv", ["x", b.weight("w1", 4, 4, 1, 1), bias], "a")
    b.node("Conv", [one, b.weight("w2", 4, 4, 1, 1), bias], "y")
    model = b.model({"x": ["N", 4, 3, 3]}, {"y": ["N", 4, 3, 3]})
    transforms = separate_shared(model.graph)
    assert [node.input[2] for node in model.graph.node] == ["bias", "bias__y_node"]
    assert transforms == [{"kind": "copy_initializer", "node": "y_node", "name": "bias", "into": "bias__y_node"}]
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    np.testing.assert_array_equal(values["bias"], values["bias__y_node"])
    onnx.checker.check_model(model, full_check=True)


def test_each_add_behind_a_matmul_gets_its_own_bias_and_other_adds_share_theirs() -> None:
    b = Builder(0)
    bias = b.constant("bias", np.arange(4))
    one = b.node("Add", [b.node("MatMul", ["x", b.weight("w1", 4, 4)], "p1"), bias], "a")
    two = b.node("Add", [bias, b.node("MatMul", [one, b.weight("w2", 4, 4)], "p2")], "c")
    b.node("Add", [b.node("Add", [two, bias], "d"), bias], "y")
    model = b.model({"x": ["N", 4]}, {"y": ["N", 4]})
    separate_shared(model.graph)
    read = {node.name: set(node.input) & {t.name for t in model.graph.initializer} for node in model.graph.node}
    assert read["a_node"] == {"bias"}
    assert read["c_node"] == {"bias__c_node"}
    assert read["d_node"] == read["y_node"]
    assert len(model.graph.initializer) == 5
    onnx.checker.check_model(model, full_check=True)


def test_a_weight_on_one_axis_is_shared_on() -> None:
    b = Builder(0)
    weight = b.weight("w", 4, 4, 1, 1)
    b.node("Conv", [b.node("Conv", ["x", weight], "a"), weight], "y")
    model = b.model({"x": ["N", 4, 3, 3]}, {"y": ["N", 4, 3, 3]})
    assert separate_shared(model.graph) == []
    assert len(model.graph.initializer) == 1


@pytest.mark.parametrize(("transposed", "copies"), [(0, 0), (1, 1)])
def test_a_weight_on_two_axes_is_copied(transposed: int, copies: int) -> None:
    b = Builder(0)
    weight = b.weight("w", 4, 4)
    b.node("Gemm", [b.node("MatMul", ["x", weight], "a"), weight], "y", transB=transposed)
    model = b.model({"x": ["N", 4]}, {"y": ["N", 4]})
    assert len(separate_shared(model.graph)) == copies
    assert len(model.graph.initializer) == 1 + copies


def test_a_table_that_is_looked_up_keeps_its_name() -> None:
    b = Builder(0)
    table = b.weight("table", 4, 4)
    product = b.node("MatMul", ["x", table], "a")
    b.node("Add", [product, table], "y")
    model = b.model({"x": [4, 4]}, {"y": [4, 4]})
    separate_shared(model.graph)
    assert [list(node.input) for node in model.graph.node] == [["x", "table__a_node"], ["a", "table"]]
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Add"]
