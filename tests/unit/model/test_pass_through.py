"""Tests of workbench/model/pass_through.py."""

from __future__ import annotations

import numpy as np
import onnx
from helpers.onnx_models import Builder
from onnx import helper

from workbench.model.pass_through import is_pass_through, remove_pass_through
from workbench.model.protos import refresh_shapes


def model_of(b: Builder, *outputs: str) -> onnx.ModelProto:
    return b.model({"x": ["N", 4]}, {name: ["N", 4] for name in outputs})


def ops(model: onnx.ModelProto) -> list[tuple[str, list[str], list[str]]]:
    return [(node.op_type, list(node.input), list(node.output)) for node in model.graph.node]


def test_an_identity_inside_is_skipped() -> None:
    b = Builder(0)
    same = b.node("Identity", [b.node("Relu", ["x"], "r")], "i")
    b.node("Neg", [b.node("Identity", [same], "i2")], "y")
    model = model_of(b, "y")
    transforms = remove_pass_through(model.graph)
    assert ops(model) == [("Relu", ["x"], ["r"]), ("Neg", ["r"], ["y"])]
    assert transforms[0] == {"kind": "remove_identity", "node": "i_node", "op_type": "Identity"}


def test_a_graph_output_keeps_its_name_for_all_readers() -> None:
    b = Builder(0)
    b.node("Relu", ["x"], "r")
    b.node("Identity", ["r"], "y")
    b.node("Neg", ["r"], "z")
    model = model_of(b, "y", "z")
    remove_pass_through(model.graph)
    assert ops(model) == [("Relu", ["x"], ["y"]), ("Neg", ["y"], ["z"])]
    onnx.checker.check_model(model, full_check=True)


def test_a_chain_of_identities_to_an_output() -> None:
    b = Builder(0)
    b.node("Identity", [b.node("Identity", [b.node("Relu", ["x"], "r")], "i")], "y")
    b.node("Neg", ["i"], "z")
    model = model_of(b, "y", "z")
    remove_pass_through(model.graph)
    assert ops(model) == [("Relu", ["x"], ["y"]), ("Neg", ["y"], ["z"])]


def test_between_input_and_output_it_stays() -> None:
    b = Builder(0)
    b.node("Identity", ["x"], "y")
    model = model_of(b, "y")
    assert remove_pass_through(model.graph) == []
    assert len(model.graph.node) == 1


def test_one_tensor_under_two_output_names_stays() -> None:
    b = Builder(0)
    b.node("Relu", ["x"], "r")
    b.node("Identity", ["r"], "y")
    b.node("Identity", ["r"], "z")
    model = model_of(b, "y", "z")
    assert len(remove_pass_through(model.graph)) == 1
    assert {name for node in model.graph.node for name in node.output} == {"y", "z"}
    onnx.checker.check_model(model, full_check=True)


def test_dropout_goes_unless_it_trains_or_its_mask_is_read() -> None:
    b = Builder(0)
    ratio, false, true = b.constant("p", 0.5), b.constant("no", False, np.bool_), b.constant("yes", True, np.bool_)
    x = b.node("Dropout", [b.node("Relu", ["x"], "r"), ratio], "d1")
    x = b.node("Dropout", [x, ratio, false], "d2")
    x = b.node("Dropout", [x, ratio, true], "d3")
    b.node("Neg", [x], "y")
    model = model_of(b, "y")
    removed = [entry["node"] for entry in remove_pass_through(model.graph)]
    assert removed == ["d1_node", "d2_node"]
    assert is_pass_through(helper.make_node("Dropout", ["a"], ["b"]))
    assert not is_pass_through(model.graph.node[1])


def test_a_mask_that_is_read_keeps_the_dropout() -> None:
    b = Builder(0)
    b.nodes.append(helper.make_node("Dropout", ["x"], ["d", "mask"], name="d_node"))
    b.node("Where", ["mask", "d", "x"], "y")
    model = model_of(b, "y")
    assert remove_pass_through(model.graph) == []


def test_names_inside_subgraphs_follow() -> None:
    b = Builder(0)
    b.node("Identity", [b.node("Relu", ["x"], "r")], "i")
    value = helper.make_tensor_value_info("t", onnx.TensorProto.FLOAT, None)
    branches = [helper.make_graph([helper.make_node(op, ["i"], ["t"])], op, [], [value]) for op in ("Neg", "Abs")]
    condition = b.constant("c", True, np.bool_)
    b.nodes.append(
        helper.make_node("If", [condition], ["y"], name="if", then_branch=branches[0], else_branch=branches[1])
    )
    graph = helper.make_graph(
        b.nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 4])],
        b.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    remove_pass_through(model.graph)
    assert [attribute.g.node[0].input[0] for attribute in model.graph.node[-1].attribute] == ["r", "r"]


def test_a_cast_to_the_type_a_tensor_has_goes() -> None:
    b = Builder(0)
    x = b.node("Cast", [b.node("Relu", ["x"], "r")], "same", to=onnx.TensorProto.FLOAT)
    x = b.node("Cast", [x], "half", to=onnx.TensorProto.FLOAT16)
    b.node("Cast", [x], "y", to=onnx.TensorProto.FLOAT)
    model = model_of(b, "y")
    refresh_shapes(model)
    transforms = remove_pass_through(model.graph)
    assert ops(model) == [("Relu", ["x"], ["r"]), ("Cast", ["r"], ["half"]), ("Cast", ["half"], ["y"])]
    assert transforms == [{"kind": "remove_identity", "node": "same_node", "op_type": "Cast"}]


def test_a_cast_of_a_tensor_of_unknown_type_stays() -> None:
    b = Builder(0)
    b.node("Cast", [b.node("Relu", ["x"], "r")], "y", to=onnx.TensorProto.FLOAT)
    model = model_of(b, "y")
    del model.graph.value_info[:]
    assert remove_pass_through(model.graph) == []
