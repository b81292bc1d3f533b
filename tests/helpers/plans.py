"""A small planner for tests: min-max S1, S2 or S3 plans of canonical graphs, made without the calibration code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from workbench.quant.plan import CalibrationRecord, QuantPlan, TensorParameters, WeightParameters
from workbench.quant.scheme import Scheme

COMPUTE = ("Conv", "ConvTranspose", "Gemm", "MatMul")
SHARING = ("MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Reshape", "Transpose", "Concat", "Squeeze")


def run_graph(model: onnx.ModelProto, feeds: Mapping[str, Any], *, optimized: bool = False) -> dict[str, Any]:
    """Run a graph on one thread, with graph optimizations off unless asked for."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([item.name for item in session.get_outputs()], session.run(None, dict(feeds)), strict=True))


def make_plan(model: onnx.ModelProto, feeds: Mapping[str, Any], scheme: Scheme | None = None) -> QuantPlan:
    """Return a min-max plan; ranges come from one run of the graph on `feeds`."""
    scheme = scheme or Scheme()
    graph = model.graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    chosen = [node for node in graph.node if _is_chosen(node, constants, scheme)]
    values = _values(model, feeds)
    tensors = _tensors(graph, chosen, constants, values, scheme) if scheme.quantizes_activations else {}
    weights = {node.input[1]: _weight(node, constants) for node in chosen if node.op_type in COMPUTE}
    biases = {}
    for node in chosen:
        if node.op_type in COMPUTE and len(node.input) > 2 and tensors:
            grid = np.float32(tensors[node.input[0]].scale) * weights[node.input[1]].scale
            values = constants[node.input[2]].astype(np.float64).reshape(-1)
            if values.shape != grid.shape:
                continue
            codes = np.rint(values / grid)
            biases[node.input[2]] = (codes.astype(np.float32) * grid).astype(np.float32)
    fused = [node for node in graph.node if node.op_type in ("Relu", "Clip") and _is_fused(node, chosen, tensors)]
    names = {node.name for node in (*chosen, *fused)}
    return QuantPlan(
        model_sha256="0" * 64,
        scheme=scheme,
        calibration=CalibrationRecord("minmax", {}, len(next(iter(feeds.values()))), "1" * 64),
        tensors=tensors,
        weights=weights,
        biases=biases,
        quantized_nodes=tuple(node.name for node in graph.node if node.name in names),
        edges={
            node.name: tuple(i for i, name in enumerate(node.input) if name in tensors or name in weights)
            for node in chosen
        }
        | {node.name: () for node in fused},
        float_nodes={node.name: "excluded by the scheme" for node in graph.node if node.name not in names},
    )


def _is_fused(node: onnx.NodeProto, chosen: list[Any], tensors: Mapping[str, Any]) -> bool:
    return node.output[0] in tensors and any(node.input[0] in layer.output for layer in chosen)


def fp16_up(value: float) -> float:
    """Return the smallest float16 that is at least `value` and at least 2^-14."""
    half = np.float16(max(value, 2.0**-14))
    return float(half if float(half) >= value else np.nextafter(half, np.float16(np.inf)))


def _is_chosen(node: onnx.NodeProto, constants: Mapping[str, Any], scheme: Scheme) -> bool:
    if node.name in scheme.exclude_nodes or node.op_type in scheme.exclude_op_types:
        return False
    if node.op_type in COMPUTE:
        return node.input[1] in constants
    if scheme.name == "S3":
        return False
    return node.op_type in SHARING or (node.op_type == "Add" and not any(name in constants for name in node.input))


def _values(model: onnx.ModelProto, feeds: Mapping[str, Any]) -> dict[str, Any]:
    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    have = {item.name for item in model.graph.output}
    for node in model.graph.node:
        augmented.graph.output.extend(
            helper.make_empty_tensor_value_info(o) for o in node.output if o and o not in have
        )
    return {**feeds, **run_graph(augmented, feeds)}


def _tensors(
    graph: onnx.GraphProto, chosen: list[Any], constants: Mapping[str, Any], values: Mapping[str, Any], scheme: Scheme
) -> dict[str, TensorParameters]:
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    group: dict[str, str] = {}

    def root(name: str) -> str:
        group.setdefault(name, name)
        return name if group[name] == name else root(group[name])

    planned: list[str] = []
    for node in chosen:
        activations = [node.input[0]] if node.op_type not in ("Add", "Concat") else list(node.input)
        output = node.output[0]
        after = readers.get(output, [])
        if len(after) == 1 and after[0].op_type in ("Relu", "Clip") and node.op_type in (*COMPUTE, "Add"):
            output = after[0].output[0]
        planned += [*activations, output]
        if node.op_type in SHARING:
            for name in [*activations, output]:
                group[root(name)] = root(activations[0])
    members: dict[str, list[str]] = {}
    for name in planned:
        members.setdefault(root(name), []).append(name)
    tensors = {}
    for names in members.values():
        low = min(0.0, *(float(values[name].min()) for name in names))
        high = max(0.0, *(float(values[name].max()) for name in names))
        tensors.update(dict.fromkeys(names, _parameters(low, high, scheme)))
    return tensors


def _parameters(low: float, high: float, scheme: Scheme) -> TensorParameters:
    if scheme.name == "S1":
        return TensorParameters(fp16_up(max(-low, high) / 127), 0, "int8", None, (-128, 127))
    scale = fp16_up((high - low) / 255)
    return TensorParameters(scale, int(np.clip(np.rint(-low / scale), 0, 255)), "uint8", None, (0, 255))


def _weight(node: onnx.NodeProto, constants: Mapping[str, Any]) -> WeightParameters:
    value = constants[node.input[1]]
    trans_b = any(item.name == "transB" and item.i for item in node.attribute)
    axis = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0 if trans_b else 1}.get(node.op_type, value.ndim - 1)
    moved = np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1)
    scale = np.asarray([fp16_up(float(peak) / 127) for peak in np.abs(moved).max(1)], np.float32)
    shape = [-1 if i == axis else 1 for i in range(value.ndim)]
    codes = np.clip(np.rint(value / scale.reshape(shape)), -127, 127).astype(np.int8)
    return WeightParameters(scale, np.zeros(scale.shape, np.int8), axis, codes)
