"""Tests of workbench/model/summary.py."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from helpers.onnx_models import Builder, conv_relu_net, depthwise_net, encoder_like, lstm_net
from helpers.rule_nets import branch_that_reads_codes
from onnx import TensorProto, helper

from workbench.model.canonical import canonical_graph
from workbench.model.load import load_model
from workbench.model.summary import graph_summary


def test_nodes_signature_and_constants() -> None:
    summary = graph_summary(conv_relu_net())
    first = summary.nodes[0]
    assert (first.name, first.op_type, first.inputs) == ("conv1_node", "Conv", ("input", "conv1_w", "conv1_b"))
    assert first.constant_inputs == (1, 2)
    assert first.macs == 8 * 16 * 16 * 27
    assert summary.inputs[0].shape == ("N", 3, 16, 16)
    assert summary.opset == 17
    assert summary.macs == 8 * 16 * 16 * 27 + 16 * 8 * 8 * 72 + 160


def test_the_symbolic_batch_is_one_in_all_shapes() -> None:
    summary = graph_summary(encoder_like())
    assert summary.shapes["input"] == (1, 8, 16)
    assert summary.shapes["scores"] == (1, 2, 8, 8)
    assert summary.shapes["up_w"] == (16, 64)
    assert all(isinstance(dim, int) for shape in summary.shapes.values() for dim in shape)


def test_a_fixed_batch_is_divided_out_of_the_macs() -> None:
    assert graph_summary(conv_relu_net(batch=4)).macs == graph_summary(conv_relu_net()).macs
    assert graph_summary(conv_relu_net(batch=4)).shapes["input"] == (4, 3, 16, 16)


def test_a_sequence_axis_is_no_batch() -> None:
    lstm = next(node for node in graph_summary(lstm_net()).nodes if node.op_type == "LSTM")
    assert lstm.macs == 6 * (64 * 12 + 64 * 16)
    symbolic = graph_summary(lstm_net(batch="N"))
    assert symbolic.macs == graph_summary(lstm_net()).macs
    assert symbolic.shapes["input"] == (6, 1, 12)


def test_another_symbolic_axis_keeps_its_name_and_counts_once() -> None:
    b = Builder(0)
    b.node("MatMul", ["x", b.weight("w", 4, 6)], "y")
    summary = graph_summary(b.model({"x": ["N", "T", 4]}, {"y": ["N", "T", 6]}))
    assert summary.shapes["y"] == (1, "T", 6)
    assert summary.macs == 24


def two_sizes() -> onnx.ModelProto:
    """A Conv on a picture of any size, one on a quarter of its pixels; the output's axes have names of their own."""
    b = Builder(0)
    x = b.conv("first", "x", 3, 3, strides=[2, 2])
    x = b.conv("y", x, 3, 3, strides=[2, 2])
    return b.model({"x": ["N", 3, "H", "W"]}, {"y": ["M", 3, "P", "Q"]})


def test_sizes_of_a_sample_count_in_the_macs() -> None:
    model = two_sizes()
    unsized, sized = graph_summary(model), graph_summary(model, {"x": [1, 3, 32, 64]})
    assert [node.macs for node in unsized.nodes] == [81, 81]
    assert [node.macs for node in sized.nodes] == [81 * 16 * 32, 81 * 8 * 16]
    assert sized.shapes == unsized.shapes
    assert graph_summary(model, {"other": [3]}) == unsized


def test_a_sample_that_the_graph_contradicts_changes_nothing() -> None:
    b = Builder(0)
    b.node("Add", [b.conv("c", "x", 3, 3), b.constant("k", b.rng.standard_normal((1, 3, 8, 8)))], "y")
    model = b.model({"x": ["N", 3, "H", "W"]}, {"y": ["N", 3, "P", "Q"]})
    assert graph_summary(model, {"x": [1, 3, 7, 7]}) == graph_summary(model)


def test_attributes_are_plain_values() -> None:
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node("Pad", ["x", "p"], ["y"], name="pad", mode="edge")
    b = Builder(0)
    b.constant("p", [0, 1, 0, 1], "int64")
    b.nodes.append(node)
    b.node("ConstantOfShape", [b.constant("s", [1], "int64")], "c", value=tensor)
    proto = b.model({"x": ["N", 4]}, {"y": ["N", 6], "c": [1]})
    pad, filled = graph_summary(proto).nodes
    assert pad.attributes == {"mode": "edge"}
    assert filled.attributes == {}
    conv = graph_summary(conv_relu_net()).nodes[0]
    assert json.loads(json.dumps(dict(conv.attributes))) == {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}


def test_large_weights_are_not_taken_for_inputs() -> None:
    b = Builder(0)
    b.node("MatMul", ["x", b.weight("w", 64, 64)], "y")
    proto = b.model({"x": ["N", 64]}, {"y": ["N", 64]})
    before = proto.SerializeToString(deterministic=True)
    summary = graph_summary(proto)
    assert [spec.name for spec in summary.inputs] == ["x"]
    assert summary.shapes["w"] == (64, 64)
    assert proto.SerializeToString(deterministic=True) == before


def test_folding_does_not_change_the_macs() -> None:
    proto = depthwise_net()
    assert graph_summary(canonical_graph(proto)[0]).macs == graph_summary(proto).macs


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "macs"),
    [("mobilenet_v1_0.25_224", 41_030_528), ("resnet8", 12_501_632), ("kws_dscnn", 2_656_768), ("model_1", 361_088)],
)
def test_known_mac_counts(shared_data: Path, name: str, macs: int) -> None:
    assert graph_summary(load_model(shared_data / "models" / f"{name}.onnx").proto).macs == macs


def test_the_summary_of_a_contradicting_graph_raises() -> None:
    proto = conv_relu_net()
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 11
    with pytest.raises(onnx.shape_inference.InferenceError):
        graph_summary(proto)


def test_a_batch_that_cannot_be_one_stays_symbolic() -> None:
    b = Builder(0)
    fixed = b.node("Reshape", ["x", b.constant("s", [4, 3], "int64")], "four")
    b.node("Concat", [fixed, b.node("Relu", ["x"], "r")], "y", axis=1)
    summary = graph_summary(b.model({"x": ["N", 3]}, {"y": [4, 6]}))
    assert summary.shapes["r"] == ("N", 3)
    assert summary.shapes["four"] == (4, 3)


def test_small_constants_are_plain_values() -> None:
    model = onnx.parser.parse_model(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        agraph (float[N, 4] x) => (float[N, 4] y)
        <float low = {0.0}, float high = {6.0}>
        { y = Clip(x, low, high) }
        """
    )
    assert graph_summary(model).constants == {"low": (0.0,), "high": (6.0,)}


def test_what_subgraphs_take_from_outside_is_told() -> None:
    summary = graph_summary(branch_that_reads_codes())
    (branch,) = [node for node in summary.nodes if node.op_type == "If"]
    assert (branch.inputs, branch.outer_reads) == (("is_any",), ("act", "factor"))
    assert {node.outer_reads for node in summary.nodes if node is not branch} == {()}
