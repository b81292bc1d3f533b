"""Tests of workbench/model/batch_norm.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from helpers.onnx_models import Builder, depthwise_net, random_feeds
from onnx import numpy_helper

from workbench.model.batch_norm import fold_batch_norms


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> np.ndarray:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
        None, feeds
    )[0]


def folded(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy, fold_batch_norms(copy.graph)


def sqnr_db(reference: np.ndarray, found: np.ndarray) -> float:
    noise = float(((reference.astype(np.float64) - found) ** 2).sum())
    return 10 * float(np.log10(float((reference.astype(np.float64) ** 2).sum()) / max(noise, 1e-300)))


def conv_case(b: Builder) -> tuple[str, list[int]]:
    return b.batch_norm("bn", b.conv("conv", "x", 4, 6), 6), [6, 5, 5]


def conv_no_bias_case(b: Builder) -> tuple[str, list[int]]:
    return b.batch_norm("bn", b.conv_no_bias("conv", "x", 4, 6), 6), [6, 5, 5]


def depthwise_case(b: Builder) -> tuple[str, list[int]]:
    return b.batch_norm("bn", b.conv("conv", "x", 4, 4, group=4), 4), [4, 5, 5]


def transposed_case(b: Builder) -> tuple[str, list[int]]:
    bias = b.constant("b", b.rng.standard_normal(6))
    y = b.node("ConvTranspose", ["x", b.weight("w", 4, 6, 2, 2), bias], "up", strides=[2, 2], kernel_shape=[2, 2])
    return b.batch_norm("bn", y, 6), [6, 10, 10]


def grouped_transposed_case(b: Builder) -> tuple[str, list[int]]:
    y = b.node("ConvTranspose", ["x", b.weight("w", 4, 3, 2, 2)], "up", group=2, strides=[2, 2], kernel_shape=[2, 2])
    return b.batch_norm("bn", y, 6), [6, 10, 10]


def two_norms_case(b: Builder) -> tuple[str, list[int]]:
    return b.batch_norm("bn2", b.batch_norm("bn1", b.conv("conv", "x", 4, 6), 6), 6), [6, 5, 5]


def gemm_case(b: Builder) -> tuple[str, list[int]]:
    y = b.linear("fc", b.node("Flatten", ["x"], "flat"), 100, 6)
    return b.batch_norm("bn", y, 6), [6]


def gemm_with_factors_case(b: Builder) -> tuple[str, list[int]]:
    bias = b.constant("b", b.rng.standard_normal((1, 6)))
    flat = b.node("Flatten", ["x"], "flat")
    y = b.node("Gemm", [flat, b.weight("w", 100, 6), bias], "fc", alpha=0.5, beta=2.0)
    return b.batch_norm("bn", y, 6), [6]


CASES = {
    function.__name__: function
    for function in (
        conv_case,
        conv_no_bias_case,
        depthwise_case,
        transposed_case,
        grouped_transposed_case,
        two_norms_case,
        gemm_case,
        gemm_with_factors_case,
    )
}


@pytest.mark.parametrize("name", CASES)
def test_folding_keeps_the_answers(name: str) -> None:
    b = Builder(3)
    output, shape = CASES[name](b)
    model = b.model({"x": ["N", 4, 5, 5]}, {output: ["N", *shape]})
    result, transforms = folded(model)
    feeds = random_feeds(model, n=3)
    assert sqnr_db(run(model, feeds), run(result, feeds)) > 120
    assert not any(node.op_type == "BatchNormalization" for node in result.graph.node)
    assert {entry["kind"] for entry in transforms} == {"fold_batch_norm"}
    assert result.graph.output[0].name == output


def test_a_conv_without_bias_gains_one() -> None:
    result, transforms = folded(depthwise_net())
    convs = [node for node in result.graph.node if node.op_type == "Conv"]
    assert [node.input[2] for node in convs][:2] == ["conv_node__bias", "depthwise1_node__bias"]
    assert transforms[0] == {"kind": "fold_batch_norm", "node": "conv_bn_node", "into": "conv_node"}
    assert convs[0].output[0] == "conv_bn"


def test_a_shared_weight_is_copied_not_changed() -> None:
    b = Builder(0)
    weight = b.weight("w", 4, 4, 1, 1)
    one = b.batch_norm("bn", b.node("Conv", ["x", weight], "a"), 4)
    b.node("Add", [one, b.node("Conv", ["x", weight], "b")], "y")
    model = b.model({"x": ["N", 4, 5, 5]}, {"y": ["N", 4, 5, 5]})
    result, _ = folded(model)
    names = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.graph.initializer}
    np.testing.assert_array_equal(names["w"], numpy_helper.to_array(model.graph.initializer[0]))
    assert "w__a_node" in names
    feeds = random_feeds(model)
    assert sqnr_db(run(model, feeds), run(result, feeds)) > 120


def leading(b: Builder) -> str:
    return b.node("Relu", [b.batch_norm("bn", "x", 4)], "y")


def two_readers(b: Builder) -> str:
    conv = b.conv("conv", "x", 4, 4)
    return b.node("Add", [b.batch_norm("bn", conv, 4), conv], "y")


def behind_relu(b: Builder) -> str:
    return b.batch_norm("y", b.node("Relu", [b.conv("conv", "x", 4, 4)], "r"), 4)


@pytest.mark.parametrize("build", [leading, two_readers, behind_relu])
def test_what_cannot_be_folded_stays(build: Any) -> None:
    b = Builder(0)
    output = build(b)
    result, transforms = folded(b.model({"x": ["N", 4, 5, 5]}, {output: ["N", 4, 5, 5]}))
    assert transforms == []
    assert any(node.op_type == "BatchNormalization" for node in result.graph.node)


def test_a_conv_that_is_an_output_stays_apart() -> None:
    b = Builder(0)
    b.batch_norm("y", b.conv("conv", "x", 4, 4), 4)
    _, transforms = folded(b.model({"x": ["N", 4, 5, 5]}, {"conv": ["N", 4, 5, 5], "y": ["N", 4, 5, 5]}))
    assert transforms == []


def test_a_norm_in_training_mode_stays() -> None:
    b = Builder(0)
    b.batch_norm("y", b.conv("conv", "x", 4, 4), 4)
    b.nodes[-1].attribute.append(onnx.helper.make_attribute("training_mode", 1))
    b.nodes[-1].output.extend(["running_mean", "running_var"])
    _, transforms = folded(b.model({"x": ["N", 4, 5, 5]}, {"y": ["N", 4, 5, 5]}))
    assert transforms == []
