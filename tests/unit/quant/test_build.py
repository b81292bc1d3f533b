"""Plans from end to end: every number against its rule, sharing and the 8x rule, and accuracy in simulation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import (
    Builder,
    concat_net,
    conv_relu_net,
    depthwise_net,
    detection_head_net,
    encoder_like,
    lstm_net,
    multi_io_net,
    nan_net,
    random_feeds,
    resnet_like,
)
from onnx import numpy_helper

from workbench.errors import ContractError, DataError, ModelError, SchemeError
from workbench.model.canonical import canonical_graph
from workbench.model.summary import graph_summary
from workbench.quant.affine import affine_parameters, fp16_up, quantize_weight, symmetric_parameters
from workbench.quant.build import build_plan, calibrated_tensors, constant_vetoes, quantized_constants
from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.quant.select import WeightUse
from workbench.reference import ReferenceSession

MODELS = [conv_relu_net, resnet_like, depthwise_net, concat_net, encoder_like, detection_head_net, multi_io_net]


class Samples:
    """Arrays in memory as calibration samples."""

    sha256 = "5" * 64
    feedback = None

    def __init__(self, arrays: Mapping[str, np.ndarray], size: int = 0) -> None:
        self.arrays, self.size = arrays, size
        self.n = len(next(iter(arrays.values())))

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        size = self.size or batch
        for at in range(start, self.n, size):
            yield {name: array[at : at + size] for name, array in self.arrays.items()}


def plan_of(
    model: onnx.ModelProto, samples: Samples | None = None, **options: Any
) -> tuple[onnx.ModelProto, QuantPlan]:
    canonical, transforms = canonical_graph(model)
    data = samples or Samples(random_feeds(model, 6, seed=1))
    plan = build_plan("a" * 64, canonical, transforms, Scheme(**options), data, lambda *_: None, lambda: None)
    return canonical, plan


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}


def sqnr_db(expected: np.ndarray, got: np.ndarray) -> float:
    error = np.sum((expected.astype(np.float64) - got) ** 2)
    return float(10 * np.log10(np.sum(expected.astype(np.float64) ** 2) / error))


def run(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], *, optimized: bool) -> dict[str, np.ndarray]:
    with ReferenceSession(model.SerializeToString(), optimized=optimized) as session:
        return session.run(feeds)


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
def test_every_node_is_quantized_or_has_a_reason_and_every_number_is_there(make: Any, scheme: str) -> None:
    canonical, plan = plan_of(make(), name=scheme)
    names = [node.name for node in canonical.graph.node]
    assert sorted([*plan.quantized_nodes, *plan.float_nodes]) == sorted(names)
    constants = constants_of(canonical)
    for node in canonical.graph.node:
        for index in plan.edges.get(node.name, ()):
            assert node.input[index] in (plan.weights if node.input[index] in constants else plan.tensors)
    for name, weight in plan.weights.items():
        assert weight.codes.shape == constants[name].shape
    for parameters in plan.tensors.values():
        assert float(np.float16(parameters.scale)) == parameters.scale >= 2.0**-14


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
def test_the_simulated_graph_stays_close_to_float(make: Any, scheme: str) -> None:
    model = make()
    canonical, plan = plan_of(model, name=scheme)
    feeds = random_feeds(model, 4, seed=2)
    expected = run(canonical, feeds, optimized=True)
    got = run(write_qdq(canonical, plan, SIMULATED), feeds, optimized=False)
    for name, value in expected.items():
        assert sqnr_db(value, got[name]) > 15.0


def test_weights_and_biases_are_those_of_the_rule() -> None:
    canonical, plan = plan_of(conv_relu_net(), method="minmax")
    constants = constants_of(canonical)
    for node in canonical.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        weight = plan.weights[node.input[1]]
        expected = quantize_weight(constants[node.input[1]], 0)
        np.testing.assert_array_equal(weight.codes, expected.codes)
        np.testing.assert_array_equal(weight.scale, expected.scale)
        grid = np.float32(plan.tensors[node.input[0]].scale) * weight.scale
        bias = plan.biases[node.input[2]]
        codes = np.rint(constants[node.input[2]].astype(np.float64) / grid)
        np.testing.assert_array_equal(bias, (codes * grid).astype(np.float32))


def test_minmax_scales_come_from_the_exact_extremes() -> None:
    model = conv_relu_net()
    data = Samples(random_feeds(model, 5))
    largest = float(np.abs(data.arrays["input"]).max())
    _, plan = plan_of(model, data, method="minmax")
    assert plan.tensors["input"] == symmetric_parameters(largest)
    assert plan.tensors["input"].scale == float(fp16_up(largest / 127))
    low, high = float(data.arrays["input"].min()), float(data.arrays["input"].max())
    _, affine = plan_of(model, data, method="minmax", name="S2")
    assert affine.tensors["input"] == affine_parameters(low, high)
    assert affine.ranges["input"] == {"min": low, "max": high, "threshold": largest, "low": low, "high": high}


def test_the_calibration_is_recorded() -> None:
    _, plan = plan_of(conv_relu_net(), method="percentile", percentile=99.5)
    record = plan.calibration
    assert (record.method, record.parameters, record.n) == ("percentile", {"percentile": 99.5}, 6)
    assert record.sha256 == "5" * 64
    assert set(plan.ranges["input"]) == {"min", "max", "threshold"}


@pytest.mark.parametrize("size", [1, 4])
def test_the_plan_does_not_depend_on_how_samples_are_batched(size: int) -> None:
    model = resnet_like()
    feeds = random_feeds(model, 6)
    assert plan_of(model, Samples(feeds, size))[1].sha256 == plan_of(model, Samples(feeds))[1].sha256
    backward = {name: array[::-1] for name, array in feeds.items()}
    assert plan_of(model, Samples(backward))[1].sha256 == plan_of(model, Samples(feeds))[1].sha256


def test_pass_through_ops_have_equal_parameters_and_only_sources_are_calibrated() -> None:
    model = concat_net()
    canonical, plan = plan_of(model)
    concat = next(node for node in canonical.graph.node if node.op_type == "Concat")
    assert concat.name in plan.quantized_nodes
    assert len({plan.tensors[name] for name in (*concat.input, *concat.output)}) == 1
    names = calibrated_tensors(graph_summary(canonical), Scheme(), {}, canonical)
    assert set(concat.input) <= set(names)


def wide_concat(ratio: float) -> onnx.ModelProto:
    b = Builder(3)
    x = b.node("Relu", [b.conv("stem", "input", 3, 8)], "stem_relu")
    big = b.node("Conv", [x, b.weight("big_w", 4, 8, 1, 1, gain=ratio)], "big")
    small = b.node("Conv", [x, b.weight("small_w", 4, 8, 1, 1, gain=1.0)], "small")
    pooled = b.node("MaxPool", [b.node("Concat", [big, small], "joined", axis=1)], "pooled", kernel_shape=[2, 2])
    b.conv("head", pooled, 8, 4)
    model: onnx.ModelProto = b.model({"input": ["N", 3, 8, 8]}, {"head": ["N", 4, 7, 7]})
    return model


def test_a_concat_of_ranges_8x_apart_stays_float_with_both_thresholds_and_the_rest_goes_on() -> None:
    canonical, plan = plan_of(wide_concat(100.0))
    reason = plan.float_nodes["joined_node"]
    assert "8x" in reason
    assert "big (threshold" in reason
    assert "small (threshold" in reason
    assert "joined_node (Concat)" in plan.float_nodes["pooled_node"]
    assert plan.tensors["big"].scale > 8 * plan.tensors["small"].scale
    assert plan.tensors["pooled"].scale != plan.tensors["small"].scale
    assert "head_node" in plan.quantized_nodes
    _, near = plan_of(wide_concat(1.0))
    assert "joined_node" in near.quantized_nodes
    assert near.tensors["big"] == near.tensors["small"] == near.tensors["pooled"]
    assert canonical.graph.node


@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_scores_beside_boxes_stay_alive(scheme: str) -> None:
    model = detection_head_net()
    canonical, plan = plan_of(model, name=scheme)
    joined = next(node.name for node in canonical.graph.node if node.op_type == "Concat")
    assert "after the last INT8 layer" in plan.float_nodes[joined]
    assert "8x" in plan.float_nodes[joined]
    feeds = random_feeds(model, 4, seed=5)
    expected = run(canonical, feeds, optimized=True)["detections"]
    got = run(write_qdq(canonical, plan, SIMULATED), feeds, optimized=False)["detections"]
    assert np.ptp(got[:, 4:]) > 0.8 * np.ptp(expected[:, 4:])
    assert sqnr_db(expected[:, 4:], got[:, 4:]) > 15.0


def test_relu6_is_fused_and_its_range_never_exceeds_6() -> None:
    canonical, plan = plan_of(depthwise_net(), Samples(random_feeds(depthwise_net(), 6, scale=4.0)), method="minmax")
    clips = [node for node in canonical.graph.node if node.op_type == "Clip"]
    assert clips
    for node in clips:
        assert node.name in plan.quantized_nodes
        assert node.input[0] not in plan.tensors
        assert plan.ranges[node.output[0]]["max"] <= 6.0


def test_weight_only_needs_no_samples_and_leaves_activations_and_biases() -> None:
    canonical, transforms = canonical_graph(conv_relu_net())
    plan = build_plan("a" * 64, canonical, transforms, Scheme(name="S3"), None, lambda *_: None, lambda: None)
    assert plan.tensors == {}
    assert plan.biases == {}
    assert all(edges == (1,) for edges in plan.edges.values())
    assert plan.calibration.n == 0


def test_a_recurrent_model_quantizes_its_gemm_and_says_why_the_rest_is_float() -> None:
    model = lstm_net()
    _, plan = plan_of(model, Samples(random_feeds(model, 1)))
    assert any("LSTM" in reason for reason in plan.float_nodes.values())


def test_a_bias_of_the_wrong_shape_or_a_wrong_type_vetoes_its_node() -> None:
    b = Builder(0)
    b.node("Gemm", ["x", b.weight("w", 4, 6), b.constant("b", np.zeros((1, 1)))], "y")
    model = b.model({"x": ["N", 4]}, {"y": ["N", 6]})
    canonical, _ = canonical_graph(model)
    constants = {value.name: value for value in canonical.graph.initializer}
    assert constant_vetoes(graph_summary(canonical), constants) == {
        "y_node": "its bias is not one value per output channel"
    }


def test_lifted_weight_scales_are_noted() -> None:
    b = Builder(0)
    b.node("Gemm", ["x", b.constant("w", np.asarray([[1e-3, 0.0], [1.0, 0.0]]))], "y")
    _, plan = plan_of(b.model({"x": ["N", 2]}, {"y": ["N", 2]}))
    assert not [note for note in plan.transforms if note["kind"] == "scale_floor"]
    b = Builder(0)
    b.node("Gemm", ["x", b.constant("w", np.asarray([[1e-3, 0.0, 1.0], [1e-3, 0.0, 1.0]]))], "y")
    _, plan = plan_of(b.model({"x": ["N", 2]}, {"y": ["N", 3]}))
    assert {"kind": "scale_floor", "tensor": "w", "channels": 1} in plan.transforms


def test_errors_are_clear() -> None:
    canonical, transforms = canonical_graph(conv_relu_net())
    nothing = (lambda *_: None, lambda: None)
    with pytest.raises(DataError, match="needs calibration samples"):
        build_plan("a" * 64, canonical, transforms, Scheme(), None, *nothing)
    with pytest.raises(ContractError):
        build_plan("a" * 64, canonical, transforms, Scheme(name="fp32"), None, *nothing)
    with pytest.raises(ModelError, match="NaN or infinite"):
        plan_of(nan_net())
    with pytest.raises(SchemeError, match="does not have"):
        plan_of(conv_relu_net(), exclude_nodes=("nowhere",))


def test_layers_on_tensors_too_wide_for_a_scale_stay_float() -> None:
    b = Builder(0)
    power = b.node("Mul", [b.linear("a", "x", 4, 4), "a"], "power")
    x = b.node("MatMul", [power, b.weight("w", 4, 4)], "mel")
    x = b.node("Relu", [b.node("Mul", [x, b.constant("down", 1e-9)], "small")], "r")
    b.linear("y", x, 4, 4)
    model = b.model({"x": ["N", 4]}, {"y": ["N", 4]})
    _, plan = plan_of(model, Samples({"x": random_feeds(model, 4)["x"] * np.float32(5e4)}))
    assert plan.quantized_nodes == ("a_node", "y_node")
    assert re.match(r"power reaches \d\.\d+e\+10, more than 127 steps", plan.float_nodes["mel_node"])
    assert "a" not in plan.tensors


@pytest.mark.parametrize("value", [1e8, np.inf, np.nan])
def test_a_layer_with_weights_too_large_for_a_scale_stays_float(value: float) -> None:
    b = Builder(0)
    b.node("Gemm", ["x", b.constant("w", np.asarray([[1.0, value]]))], "y")
    graph, _ = canonical_graph(b.model({"x": ["N", 1]}, {"y": ["N", 2]}))
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    assert "its weight reaches" in constant_vetoes(graph_summary(graph), constants)["y_node"]


@pytest.mark.parametrize("name", ["S1", "S2"])
def test_a_layer_whose_output_is_too_wide_stays_float(name: str) -> None:
    b = Builder(0)
    x = b.node("Relu", [b.conv("wide", "x", 3, 3)], "fused")
    x = b.node("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Mul", [b.conv("next", x, 3, 3), b.constant("down", np.full(1, 1e-9))], "small")
    b.conv("y", b.node("Sigmoid", [x], "s"), 3, 3)
    model = b.model({"x": ["N", 3, 8, 8]}, {"y": ["N", 3, 4, 4]})
    huge = Samples({"x": random_feeds(model, 4)["x"] * np.float32(2e7)})
    canonical, plan = plan_of(model, huge, name=name)
    assert plan.quantized_nodes == ("y_node",)
    assert "reaches" in plan.float_nodes["wide_node"]
    assert plan.float_nodes["fused_node"].startswith("its input comes from wide_node")
    write_qdq(canonical, plan, SIMULATED)


@pytest.mark.data
def test_keyword_spotting_keeps_its_answers(shared_data: Any) -> None:
    from workbench.model.load import load_model

    model = load_model(shared_data / "models" / "kws_dscnn.onnx")
    with np.load(shared_data / "kws_sample" / "calibration.npz") as archive:
        calibration = archive["input"]
    with np.load(shared_data / "kws_sample" / "evaluation.npz") as archive:
        evaluation = archive["input"][:200]
    name = model.inputs[0].name
    canonical, plan = plan_of(model.proto, Samples({name: calibration}))
    output = canonical.graph.output[0].name
    expected = run(canonical, {name: evaluation}, optimized=True)[output].argmax(-1)
    got = run(write_qdq(canonical, plan, SIMULATED), {name: evaluation}, optimized=False)[output].argmax(-1)
    assert np.mean(expected == got) > 0.95


@pytest.mark.parametrize("name", ["S1", "S2"])
def test_power_of_two_scales_hold_everywhere(name: str) -> None:
    _, plan = plan_of(conv_relu_net(), name=name, scale_rounding="power_of_two")
    scales = [tensor.scale for tensor in plan.tensors.values()]
    scales += [float(scale) for weight in plan.weights.values() for scale in weight.scale]
    assert scales
    assert all(np.frexp(scale)[0] == 0.5 for scale in scales)


@pytest.mark.parametrize("name", ["S1", "S2"])
def test_what_needs_a_range_only_because_nodes_before_it_stay_in_float_stays_there_too(name: str) -> None:
    """The range of the mean was observed, that of the same values as a row was not: it was to have the same scale."""
    model = conv_relu_net()
    edits = {"conv1_b": lambda values: values + np.float32(1e8), "conv2_w": lambda values: values * np.float32(1e-9)}
    for tensor in model.graph.initializer:
        if tensor.name in edits:
            changed = edits[tensor.name](numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    canonical, plan = plan_of(model, name=name)
    assert plan.quantized_nodes == ()
    assert "reaches" in plan.float_nodes["conv2_node"]
    assert plan.float_nodes["logits_node"] == "the range of flat was not observed: nodes beside it stay in float"
    write_qdq(canonical, plan, SIMULATED)


def test_a_scale_is_lifted_from_just_below_the_smallest_one_on() -> None:
    smallest = 127.0 * 2.0**-14
    for value, lifted in ((smallest, []), (smallest * 0.99, [{"kind": "scale_floor", "tensor": "w", "channels": 1}])):
        constants = {"w": numpy_helper.from_array(np.asarray([[value], [1.0], [0.0]], np.float32), "w")}
        weights, biases, notes = quantized_constants([WeightUse("n", "w", 0, "", 1)], constants, {})
        assert (list(weights), biases, notes) == (["w"], {}, lifted)
