"""Tests of workbench/model/branches.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder
from helpers.plans import run_graph
from onnx import NodeProto, TensorProto, helper, numpy_helper

from workbench.model.branches import inline_branches
from workbench.model.canonical import canonical_graph


def branch(name: str, nodes: Sequence[NodeProto], output: str, factor: float | None = None) -> onnx.GraphProto:
    value = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    constants = [] if factor is None else [numpy_helper.from_array(np.asarray(factor, np.float32), "factor")]
    return helper.make_graph(list(nodes), name, [], [value], constants)


def scaled(factor: float) -> onnx.GraphProto:
    """Return a branch that gives factor * r; all of them use the same inner names."""
    return branch("b", [helper.make_node("Mul", ["r", "factor"], ["t"], name="mul")], "t", factor)


def model(*conditions: tuple[str, onnx.GraphProto, onnx.GraphProto], flag: bool = True) -> onnx.ModelProto:
    """Return Relu, then an If for each (condition, then, else), then the sum of their outputs."""
    b = Builder(0)
    b.constant("c", flag, np.bool_)
    b.node("Relu", ["x"], "r")
    b.node("Greater", [b.node("ReduceMax", ["x"], "m", keepdims=0), b.constant("zero", 0.0)], "measured")
    outputs = []
    for index, (condition, taken, left) in enumerate(conditions):
        outputs.append(f"y{index}")
        b.nodes.append(
            helper.make_node("If", [condition], [f"y{index}"], name=f"if{index}", then_branch=taken, else_branch=left)
        )
    b.node("Sum", outputs, "y")
    graph = helper.make_graph(
        b.nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        b.initializers,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def assert_inlined(proto: onnx.ModelProto, kinds: list[str]) -> None:
    """See that no If is left, that the answers are the same, and which branches were taken."""
    x = {"x": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)}
    canonical, transforms = canonical_graph(proto)
    onnx.checker.check_model(canonical, full_check=True)
    assert "If" not in {node.op_type for node in canonical.graph.node}
    assert np.array_equal(run_graph(canonical, x, optimized=False)["y"], run_graph(proto, x, optimized=False)["y"])
    assert [item["branch"] for item in transforms if item["kind"] == "inline_branch"] == kinds


@pytest.mark.parametrize("flag", [True, False])
def test_two_ifs_with_the_same_inner_names_become_their_branches(flag: bool) -> None:
    cases = [("c", scaled(2.0), scaled(3.0)), ("c", scaled(5.0), scaled(7.0))]
    assert_inlined(model(*cases, flag=flag), ["then_branch" if flag else "else_branch"] * 2)


def test_a_branch_that_gives_a_constant_or_a_tensor_from_outside() -> None:
    constant = branch("k", [helper.make_node("Identity", ["factor"], ["t"])], "t", 4.0)
    outer = branch("o", [helper.make_node("Identity", ["r"], ["t"])], "t")
    assert_inlined(model(("c", outer, scaled(2.0)), ("c", constant, outer)), ["then_branch"] * 2)


def test_a_tensor_that_a_branch_gives_twice() -> None:
    proto = model(("c", scaled(2.0), scaled(3.0)))
    node = next(node for node in proto.graph.node if node.op_type == "If")
    node.output.append("again")
    for attribute in node.attribute:
        attribute.g.output.append(attribute.g.output[0])
    next(node for node in proto.graph.node if node.op_type == "Sum").input.append("again")
    canonical, _ = canonical_graph(proto)
    x = np.asarray([[1.0, -2.0, 3.0, 0.5]], np.float32)
    assert np.array_equal(run_graph(canonical, {"x": x}, optimized=False)["y"], 4 * np.maximum(x, 0))


def test_an_if_inside_a_branch_that_was_taken() -> None:
    inner = helper.make_node("If", ["c"], ["t"], name="if0", then_branch=scaled(2.0), else_branch=scaled(3.0))
    inner.attribute[0].g.output[0].name = inner.attribute[0].g.node[0].output[0] = "inner_t"
    nest = branch("n", [inner], "t")
    assert_inlined(model(("c", nest, scaled(7.0))), ["then_branch"] * 2)


def test_an_if_on_a_measured_value_stays() -> None:
    proto = model(("measured", scaled(2.0), scaled(3.0)))
    before = proto.SerializeToString(deterministic=True)
    assert inline_branches(proto.graph) == []
    assert proto.SerializeToString(deterministic=True) == before
