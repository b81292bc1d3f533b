"""Tests of workbench/model/family.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers import onnx_models, recurrent

from workbench.model.canonical import canonical_graph
from workbench.model.family import Proposal, family_of, propose_preprocess, propose_state, propose_task
from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.model.load import load_model
from workbench.model.preprocess import preprocess_from_json
from workbench.model.summary import graph_summary


def summary(name: str) -> GraphSummary:
    return graph_summary(canonical_graph(getattr(onnx_models, name)())[0])


def image_graph(*shape: int | str, dtype: str = "float32", nodes: tuple[NodeSummary, ...] = ()) -> GraphSummary:
    return GraphSummary(nodes, (TensorSpec("x", dtype, shape),), (TensorSpec("y", "float32", ("N", 10)),))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("conv_relu_net", "convolutional"),
        ("depthwise_net", "convolutional"),
        ("detection_head_net", "convolutional"),
        ("encoder_like", "encoder"),
        ("lstm_net", "recurrent"),
    ],
)
def test_family(name: str, family: str) -> None:
    assert family_of(summary(name)) == family


def test_an_encoder_with_a_cache_or_a_causal_mask_is_a_decoder() -> None:
    encoder = summary("encoder_like")
    cached = GraphSummary(
        encoder.nodes, (*encoder.inputs, TensorSpec("past_key", "float32", ("N", 8))), encoder.outputs
    )
    masked = GraphSummary((*encoder.nodes, NodeSummary("m", "Trilu", ("a",), ("b",))), encoder.inputs, encoder.outputs)
    assert (family_of(cached), family_of(masked)) == ("decoder", "decoder")


def test_a_graph_without_macs_is_other() -> None:
    assert family_of(image_graph("N", 3, 8, 8)) == "other"


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        (("N", 3, 224, 224), {"resize_short": 256, "center_crop": 224, "color": "RGB", "layout": "NCHW"}),
        ((1, 240, 320, 3), {"resize": [240, 320], "color": "RGB", "layout": "NHWC"}),
        (("N", 1, 28, 28), {"resize": [28, 28], "color": "GRAY", "layout": "NCHW"}),
        (("N", 3, "H", "W"), {"color": "RGB", "layout": "NCHW"}),
    ],
)
def test_size_color_and_layout_follow_from_the_shape(shape: tuple[Any, ...], values: dict[str, Any]) -> None:
    proposal = propose_preprocess(image_graph(*shape))
    channels = 3 if values["color"] == "RGB" else 1
    assert proposal.values == {**values, "mean": [127.5] * channels, "std": [127.5] * channels}
    assert any("mean and std are a guess" in note for note in proposal.notes)
    preprocess_from_json(proposal.values)


@pytest.mark.parametrize("shape", [("N", 1, 49, 10), ("N", 257), ("N", 64, 20, 20), ("N", 5, 7, 9)])
def test_what_is_no_image_gets_no_proposal(shape: tuple[Any, ...]) -> None:
    proposal = propose_preprocess(image_graph(*shape))
    assert proposal.values == {}
    assert "arrays" in proposal.notes[0]


def test_several_inputs_and_integers_are_no_image() -> None:
    assert propose_preprocess(summary("multi_io_net")).values == {}
    assert propose_preprocess(image_graph("N", 3, 8, 8, dtype="int64")).values == {}


def test_a_graph_that_normalizes_itself_gets_raw_pixels() -> None:
    node = NodeSummary("s", "Sub", ("x", "mean"), ("z",), constant_inputs=(1,))
    proposal = propose_preprocess(image_graph("N", 3, 8, 8, nodes=(node,)))
    assert (proposal.values["mean"], proposal.values["std"]) == ([0.0] * 3, [1.0] * 3)


def task(last: str, classes: int | str = 10, dtype: str = "float32") -> Proposal:
    node = NodeSummary("n", last, ("x",), ("y",))
    return propose_task(
        GraphSummary((node,), (TensorSpec("x", "float32", ("N", 4)),), (TensorSpec("y", dtype, ("N", classes)),))
    )


def test_one_row_of_scores_is_classification() -> None:
    assert task("Softmax").values == {"kind": "classification", "compare": "logits"}
    assert task("Softmax").notes == ("One output [N, 10] behind a Softmax.",)
    assert "embedding" in task("Gemm").notes[1]


def test_1001_classes_have_a_background_by_guess() -> None:
    assert task("Softmax", 1001).values["class_offset"] == 1
    assert "guess" in task("Softmax", 1001).notes[-1]


@pytest.mark.parametrize(
    ("last", "classes", "dtype"),
    [("Sigmoid", 10, "float32"), ("Gemm", 1, "float32"), ("ArgMax", 3, "int64"), ("Softmax", "T", "float32")],
)
def test_other_rows_are_divergence(last: str, classes: int | str, dtype: str) -> None:
    assert task(last, classes, dtype).values["kind"] == "divergence"


def test_several_outputs_or_maps_are_divergence() -> None:
    assert "2 outputs" in propose_task(summary("multi_io_net")).notes[0]
    assert propose_task(summary("detection_head_net")).values["kind"] == "divergence"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "family", "kind"),
    [
        ("kws_dscnn", "convolutional", "classification"),
        ("mobilenet_v1_0.25_224", "convolutional", "classification"),
        ("model_1", "recurrent", "divergence"),
        ("resnet8", "convolutional", "classification"),
        ("squeezenet1.1", "convolutional", "classification"),
        ("version-RFB-320", "convolutional", "divergence"),
    ],
)
def test_real_models(shared_data: Path, name: str, family: str, kind: str) -> None:
    graph = graph_summary(canonical_graph(load_model(shared_data / "models" / f"{name}.onnx").proto)[0])
    assert family_of(graph) == family
    assert propose_task(graph).values["kind"] == kind


def test_state_is_proposed_where_the_same_nodes_states_go_in_and_out() -> None:
    assert propose_state(graph_summary(recurrent.lstm_net())) == recurrent.LSTM_STATE
    assert propose_state(graph_summary(onnx_models.conv_relu_net())) == {}
    net = recurrent.lstm_net()
    tapped = onnx.helper.make_node("Identity", ["h"], ["mirror"], name="tap")
    net.graph.node.append(tapped)
    assert propose_state(graph_summary(net)) == {"c": "c_next"}
    net = recurrent.lstm_net()
    for node in net.graph.node:
        node.output[:] = ["h_raw" if name == "h_next" else name for name in node.output]
    net.graph.node.append(onnx.helper.make_node("Relu", ["h_raw"], ["h_next"], name="bent"))
    assert propose_state(graph_summary(net)) == {"c": "c_next"}


@pytest.mark.data
def test_the_stacked_state_of_a_real_model_is_found(shared_data: Path) -> None:
    model = load_model(shared_data / "models" / "model_1.onnx")
    assert propose_state(graph_summary(model.proto)) == {"input_3": "tf_op_layer_stack_2"}
