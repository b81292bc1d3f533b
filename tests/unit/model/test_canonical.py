"""Tests of workbench/model/canonical.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from helpers import onnx_models
from helpers.onnx_models import Builder, random_feeds
from onnx import numpy_helper

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs
from workbench.model.load import load_model
from workbench.model.protos import shape_of

REAL_MODELS = (
    "kws_dscnn",
    "mobilenet_v1_0.25_224",
    "model_1",
    "resnet8",
    "squeezenet1.1",
    "version-RFB-320",
)
SMALL_MODELS = (
    "conv_relu_net",
    "resnet_like",
    "depthwise_net",
    "concat_net",
    "encoder_like",
    "lstm_net",
    "detection_head_net",
    "multi_io_net",
)


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def sqnr_db(reference: np.ndarray, found: np.ndarray) -> float:
    wide = reference.astype(np.float64)
    return 10 * float(np.log10(float((wide**2).sum()) / max(float(((wide - found) ** 2).sum()), 1e-300)))


def assert_same_answers(before: onnx.ModelProto, after: onnx.ModelProto, n: int) -> None:
    feeds = random_feeds(before, n=n, seed=1)
    reference, found = run(before, feeds), run(after, feeds)
    assert list(reference) == list(found)
    for name, values in reference.items():
        assert values.shape == found[name].shape
        assert sqnr_db(values, found[name]) >= 100, name


@pytest.mark.data
@pytest.mark.parametrize("name", REAL_MODELS)
def test_real_models_keep_their_answers_and_bytes(shared_data: Path, name: str) -> None:
    proto = load_model(shared_data / "models" / f"{name}.onnx").proto
    before = proto.SerializeToString(deterministic=True)
    canonical, transforms = canonical_graph(proto)
    onnx.checker.check_model(canonical, full_check=True)
    assert_same_answers(proto, canonical, n=2)
    again, transforms_again = canonical_graph(proto)
    assert again.SerializeToString(deterministic=True) == canonical.SerializeToString(deterministic=True)
    assert json.loads(json.dumps(transforms)) == list(transforms_again)
    assert proto.SerializeToString(deterministic=True) == before


@pytest.mark.data
def test_the_detector_is_left_without_shape_arithmetic_and_norms(shared_data: Path) -> None:
    canonical, transforms = canonical_graph(load_model(shared_data / "models" / "version-RFB-320.onnx").proto)
    ops = {node.op_type for node in canonical.graph.node}
    assert not ops & {"Shape", "Gather", "Unsqueeze", "Constant", "BatchNormalization", "Flatten"}
    assert sum(entry["kind"] == "fold_batch_norm" for entry in transforms) == 35
    assert compared_outputs(canonical, "logits") == ("459", "boxes")


@pytest.mark.data
def test_other_processes_give_the_same_bytes(shared_data: Path) -> None:
    code = (
        "import sys, hashlib, pathlib\n"
        "from workbench.model.load import load_model\n"
        "from workbench.model.canonical import canonical_graph\n"
        "proto = canonical_graph(load_model(pathlib.Path(sys.argv[1])).proto)[0]\n"
        "print(hashlib.sha256(proto.SerializeToString(deterministic=True)).hexdigest())\n"
    )
    path = shared_data / "models" / "version-RFB-320.onnx"
    prints = {
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1


@pytest.mark.parametrize("name", SMALL_MODELS)
@pytest.mark.parametrize("n", [1, 3])
def test_small_models_keep_their_answers(name: str, n: int) -> None:
    proto = getattr(onnx_models, name)()
    canonical, _ = canonical_graph(proto)
    assert_same_answers(proto, canonical, n if name != "lstm_net" else 1)


def test_names_of_what_stays_are_kept() -> None:
    proto = onnx_models.depthwise_net()
    canonical, _ = canonical_graph(proto)
    assert {node.name for node in canonical.graph.node} < {node.name for node in proto.graph.node}
    produced = {name for node in canonical.graph.node for name in node.output}
    assert produced < {name for node in proto.graph.node for name in node.output}


@pytest.mark.parametrize("name", ["resnet_like", "depthwise_net"])
def test_every_tensor_between_nodes_has_a_shape(name: str) -> None:
    canonical, _ = canonical_graph(getattr(onnx_models, name)())
    stated = {value.name for value in (*canonical.graph.value_info, *canonical.graph.output)}
    assert {name for node in canonical.graph.node for name in node.output} == stated


def test_unused_nodes_and_initializers_go_and_order_is_topological() -> None:
    b = Builder(0)
    b.node("Relu", ["x"], "r")
    b.node("Neg", ["r"], "y")
    b.node("Mul", ["r", b.constant("dead_weight", 2.0)], "dead")
    proto = b.model({"x": ["N", 4]}, {"y": ["N", 4]})
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    canonical, _ = canonical_graph(proto)
    assert [node.op_type for node in canonical.graph.node] == ["Relu", "Neg"]
    assert not canonical.graph.initializer


def test_a_cycle_is_refused() -> None:
    b = Builder(0)
    b.node("Relu", ["x"], "r")
    proto = b.model({"x": ["N", 4]}, {"r": ["N", 4]})
    proto.graph.node[0].input[0] = "r"
    with pytest.raises(ModelError, match="cycle"):
        canonical_graph(proto)


def test_logits_are_the_softmax_input_seen_through_shape_ops() -> None:
    b = Builder(0)
    logits = b.node("Identity", [b.linear("fc", "x", 4, 6)], "same")
    flat = b.node("Flatten", [b.node("Softmax", [logits], "soft", axis=-1)], "flat")
    b.node("Identity", [flat], "y")
    proto = b.model({"x": ["N", 4]}, {"y": ["N", 6]})
    assert compared_outputs(proto, "logits") == ("fc",)
    assert compared_outputs(canonical_graph(proto)[0], "logits") == ("fc",)
    assert compared_outputs(proto, "outputs") == ("y",)


def test_outputs_without_softmax_stay_and_order_is_kept() -> None:
    assert compared_outputs(onnx_models.multi_io_net(), "logits") == ("scores", "embedding")
    assert compared_outputs(onnx_models.detection_head_net(), "logits") == ("detections",)
    assert compared_outputs(onnx_models.conv_relu_net(softmax=True), "logits") == ("logits",)


def test_a_softmax_of_the_input_itself_stays() -> None:
    b = Builder(0)
    b.node("Softmax", ["x"], "y")
    assert compared_outputs(b.model({"x": ["N", 4]}, {"y": ["N", 4]}), "logits") == ("y",)


def test_unknown_compare_is_refused() -> None:
    with pytest.raises(ModelError, match="compare = 'scores'"):
        compared_outputs(onnx_models.multi_io_net(), "scores")


def test_extra_outputs_are_typed_and_computed() -> None:
    proto = onnx_models.conv_relu_net(softmax=True)
    extended = with_extra_outputs(proto, ["logits", "relu1", "probabilities", "logits"])
    onnx.checker.check_model(extended, full_check=True)
    assert [value.name for value in extended.graph.output] == ["probabilities", "logits", "relu1"]
    found = run(extended, random_feeds(proto, n=2))
    shifted = np.exp(found["logits"] - found["logits"].max(1, keepdims=True))
    np.testing.assert_allclose(found["probabilities"], shifted / shifted.sum(1, keepdims=True), rtol=1e-5)
    assert len(proto.graph.output) == 1


def test_an_unknown_extra_output_is_refused() -> None:
    with pytest.raises(ModelError, match="no tensor 'nowhere'"):
        with_extra_outputs(onnx_models.conv_relu_net(), ["nowhere"])


def test_weights_behind_a_transpose_become_weights() -> None:
    b = Builder(0)
    weight = b.node("Transpose", [b.weight("w", 6, 4)], "wt", perm=[1, 0])
    b.node("MatMul", ["x", weight], "y")
    proto = b.model({"x": ["N", 4]}, {"y": ["N", 6]})
    canonical, _ = canonical_graph(proto)
    (tensor,) = canonical.graph.initializer
    assert (tensor.name, numpy_helper.to_array(tensor).shape) == ("wt", (4, 6))
    assert_same_answers(proto, canonical, n=2)


def test_a_shared_bias_is_separated() -> None:
    b = Builder(0)
    bias = b.constant("bias", np.arange(4))
    b.node(
        "Conv", [b.node("Conv", ["x", b.weight("w1", 4, 4, 1, 1), bias], "a"), b.weight("w2", 4, 4, 1, 1), bias], "y"
    )
    canonical, transforms = canonical_graph(b.model({"x": ["N", 4, 3, 3]}, {"y": ["N", 4, 3, 3]}))
    assert [node.input[2] for node in canonical.graph.node] == ["bias", "bias__y_node"]
    assert [entry["kind"] for entry in transforms] == ["copy_initializer"]


def test_a_norm_behind_a_scale_layer_is_folded_with_it() -> None:
    b = Builder(0)
    x = b.node("ConvTranspose", ["x", b.weight("w", 4, 6, 2, 2)], "up", strides=[2, 2], kernel_shape=[2, 2])
    x = b.node("Add", [x, b.constant("shift", b.rng.standard_normal((1, 6, 1, 1)))], "shifted")
    x = b.batch_norm("norm", x, 6)
    b.node("Mul", [x, b.constant("half", 0.5)], "y")
    proto = b.model({"x": ["N", 4, 5, 5]}, {"y": ["N", 6, 10, 10]})
    canonical, transforms = canonical_graph(proto)
    assert [node.op_type for node in canonical.graph.node] == ["ConvTranspose"]
    assert [item["kind"] for item in transforms][:3] == ["fold_scale_layer", "fold_batch_norm", "fold_scale_layer"]
    assert_same_answers(proto, canonical, n=2)


def test_logits_whose_rank_is_lost_take_the_shape_that_the_answer_states() -> None:
    b = Builder(0)
    x = b.node("Squeeze", [b.node("Relu", ["x"], "r")], "flat")  # without axes: no rank where sizes are symbolic
    b.node("Softmax", [b.node("MatMul", [x, b.weight("w", 6, 5)], "logits")], "y", axis=-1)
    graph = b.model({"x": ["N", "T", 1, 6]}, {"y": ["N", "T", 5]})
    extended = with_extra_outputs(graph, compared_outputs(graph, "logits"))
    assert [value.name for value in extended.graph.output] == ["y", "logits"]
    assert shape_of(extended.graph.output[1]) == ("N", "T", 5)
    feeds = {"x": np.ones((2, 3, 1, 6), np.float32)}
    assert run(canonical_graph(extended)[0], feeds)["logits"].shape == (2, 3, 5)
