"""Reading the artifact's graph through its Q/DQ pairs, and copying models with external data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from helpers import onnx_models
from onnx import TensorProto, helper, numpy_helper
from workbench_plugins.openvino.artifact import read_artifact, write_canonical_nodes


def qdq_model() -> onnx.ModelProto:
    def tensor(name: str, value: object, dtype: type) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value, dtype), name)

    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["x_q"], name="q"),
        helper.make_node("DequantizeLinear", ["x_q", "s", "z"], ["x_dq"], name="dq"),
        helper.make_node("DequantizeLinear", ["w_codes", "s", "z"], ["w"], name="w_dq"),
        helper.make_node("MatMul", ["x_dq", "w"], ["m"], name="matmul"),
        helper.make_node("Relu", ["m"], ["y"], name="relu"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    constants = [tensor("s", 0.5, np.float32), tensor("z", 0, np.int8), tensor("w_codes", np.eye(2), np.int8)]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], constants))


def test_qdq_pairs_are_seen_through_and_constants_left_out(tmp_path: Path) -> None:
    onnx.save(qdq_model(), tmp_path / "m.onnx")
    graph = read_artifact(tmp_path / "m.onnx")
    assert [node.name for node in graph.nodes] == ["matmul", "relu"]
    assert graph.nodes[0].inputs == ("x",)
    assert [node.quantized for node in graph.nodes] == [True, False]
    assert (graph.inputs, graph.outputs) == (("x",), ("y",))


def test_folded_nodes_are_seen_through_and_named(tmp_path: Path) -> None:
    model = onnx_models.depthwise_net()
    onnx.save(model, tmp_path / "m.onnx")
    folded = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    kept = [node.name for node in model.graph.node if node not in folded]
    assert folded
    write_canonical_nodes(tmp_path / "m.onnx", kept)
    graph = read_artifact(tmp_path / "m.onnx")
    assert [node.name for node in graph.nodes] == kept
    conv = next(node for node in model.graph.node if node.output[0] == folded[0].input[0])
    assert graph.aliases[folded[0].name] == conv.name
    reader = next(node.name for node in model.graph.node if folded[0].output[0] in node.input)
    assert next(node for node in graph.nodes if node.name == reader).inputs == (conv.output[0],)
