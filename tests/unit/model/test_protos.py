"""Tests of workbench/model/protos.py."""

from __future__ import annotations

import numpy as np
import onnx
from helpers.onnx_models import Builder, conv_relu_net, depthwise_net
from onnx import TensorProto, helper, numpy_helper

from workbench.model import protos


def with_subgraph() -> onnx.NodeProto:
    """An If whose branch reads "outer" and its own "inner"."""
    nodes = [helper.make_node("Relu", ["outer"], ["inner"]), helper.make_node("Neg", ["inner"], ["t"])]
    value = helper.make_tensor_value_info("t", TensorProto.FLOAT, None)
    branch = helper.make_graph(nodes, "b", [], [value])
    direct = helper.make_graph([], "d", [], [helper.make_tensor_value_info("outer", TensorProto.FLOAT, None)])
    return helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=direct)


def test_names_read_from_outside_are_found_and_renamed() -> None:
    node = with_subgraph()
    assert list(protos.read_names(node)) == ["c", "outer", "outer"]
    protos.rename_reads(node, "outer", "new")
    protos.rename_reads(node, "c", "condition")
    assert list(protos.read_names(node)) == ["condition", "new", "new"]


def test_all_graphs_and_nodes() -> None:
    graph = helper.make_graph([with_subgraph()], "g", [], [])
    assert [inner.name for inner in protos.all_graphs(graph)] == ["g", "d", "b"]
    assert [node.op_type for node in protos.all_nodes(graph)] == ["If", "Relu", "Neg"]
    assert {"outer", "inner", "t", "c", "y"} <= protos.used_names(graph)


def test_outputs_count_as_readers() -> None:
    b = Builder(0)
    b.node("Relu", ["x"], "r")
    b.node("Add", ["r", "r"], "y")
    counts = protos.reader_counts(b.model({"x": [1]}, {"y": [1], "r": [1]}).graph)
    assert (counts["r"], counts["y"], counts["x"]) == (3, 1, 1)


def test_fresh_names_are_numbered() -> None:
    taken = {"a"}
    assert [protos.fresh_name("a", taken), protos.fresh_name("a", taken), protos.fresh_name("b", taken)] == [
        "a_2",
        "a_3",
        "b",
    ]


def test_a_light_copy_has_typed_inputs_for_large_weights() -> None:
    b = Builder(0)
    b.node("MatMul", ["x", b.weight("w", 64, 64)], "y")
    proto = b.model({"x": ["N", 64]}, {"y": ["N", 64]})
    light = protos.light_copy(proto)
    assert [value.name for value in light.graph.input] == ["x", "w"]
    assert not light.graph.initializer
    assert len(proto.graph.initializer) == 1


def test_copy_without_keeps_everything_else() -> None:
    proto = conv_relu_net()
    proto.metadata_props.add(key="k", value="v")
    proto.producer_name = "someone"
    assert protos.copy_without(proto, ()).SerializeToString(deterministic=True) == proto.SerializeToString(
        deterministic=True
    )
    names = {tensor.name for tensor in protos.copy_without(proto, ["conv1_w"]).graph.initializer}
    assert names == {tensor.name for tensor in proto.graph.initializer} - {"conv1_w"}


def test_refreshed_shapes_replace_stale_ones() -> None:
    proto = depthwise_net()
    proto.graph.value_info.append(helper.make_tensor_value_info("conv_clip", TensorProto.FLOAT, [9, 9]))
    protos.refresh_shapes(proto)
    shapes = {value.name: protos.shape_of(value) for value in proto.graph.value_info}
    assert shapes["conv_clip"] == ("N", 8, 16, 16)
    assert list(shapes)[:2] == ["conv", "conv_bn"]


def test_shapes_name_symbolic_axes() -> None:
    value = helper.make_tensor_value_info("t", TensorProto.FLOAT, [2, "N", None])
    assert protos.shape_of(value) == (2, "N", "t_axis2")
    assert protos.shape_of(helper.make_tensor_value_info("t", TensorProto.FLOAT, None)) is None


def test_sizes() -> None:
    proto = onnx.ModelProto()
    proto.graph.initializer.append(numpy_helper.from_array(np.zeros((3, 5), np.float32), "t"))
    assert protos.weight_bytes(proto) == 60
    assert protos.elements_of(proto.graph.initializer[0]) == 15
    assert protos.opset_of(proto) == 0


def test_weights_count_wherever_they_are() -> None:
    proto = onnx.ModelProto()
    node = with_subgraph()
    weight, sizes = np.zeros((2, 5), np.float32), np.zeros(4, np.int64)
    node.attribute[0].g.initializer.append(numpy_helper.from_array(weight, "in_branch"))
    for name, value in (("w", weight), ("s", sizes)):
        proto.graph.initializer.append(numpy_helper.from_array(value, name))
        proto.graph.node.append(helper.make_node("Constant", [], [f"c{name}"], value=numpy_helper.from_array(value)))
    proto.graph.node.append(node)
    assert protos.parameter_count(proto) == 30
