"""From a canonical graph, a scheme and calibration samples to a quantization plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from workbench.errors import ContractError, DataError, ModelError
from workbench.model.graph import COMPUTE_OPS, GraphSummary, NodeSummary
from workbench.model.protos import constants_of
from workbench.model.summary import graph_summary
from workbench.quant.affine import (
    SCALE_CEILING,
    affine_parameters,
    bias_grid,
    quantize_bias,
    quantize_weight,
    symmetric_parameters,
)
from workbench.quant.calibrate import SampleSource, Watch, used_samples
from workbench.quant.equalize import equalize
from workbench.quant.folded import with_folded_values
from workbench.quant.plan import CalibrationRecord, QuantPlan, TensorParameters, WeightParameters
from workbench.quant.ranges import FindRanges, TensorRange, find_ranges
from workbench.quant.refine import refine
from workbench.quant.scales import power_of_two_tensor, power_of_two_weight
from workbench.quant.scheme import ScaleRounding, Scheme
from workbench.quant.select import Selection, WeightUse, choose
from workbench.quant.sharing import Ranges, float_concat_inputs, mixed_ranges, refused_concats, shared_ranges, threshold
from workbench.quant.smoothing import smooth

Floats = npt.NDArray[np.float32]
TOO_WIDE = "more than 127 steps of the largest float16 scale"


def build_plan(
    model_sha256: str,
    canonical: onnx.ModelProto,
    transforms: Sequence[Mapping[str, Any]],
    scheme: Scheme,
    samples: SampleSource | None,
    progress: Callable[[int, int, str], None],
    check_cancelled: Callable[[], None],
    find: FindRanges = find_ranges,
) -> QuantPlan:
    """Decide every number of a scheme on a model.

    Args:
        canonical: the canonical graph; transforms: what made it so, taken into the plan.
        samples: calibration samples; None only for a scheme without activations.
        find: where the ranges come from; they must be what `find_ranges` finds.

    Raises:
        DataError: activations are quantized and there are no samples.
        ModelError: a tensor is not finite.
        SchemeError: an excluded node does not exist.
        ContractError: the scheme quantizes nothing.
    """
    if not scheme.is_quantized:
        raise ContractError(f"scheme {scheme.name} has no plan")
    graph = graph_summary(canonical)
    constants = constants_of(canonical.graph)
    vetoes = constant_vetoes(graph, constants)
    plan = QuantPlan(model_sha256, scheme, CalibrationRecord(scheme.method, {}, 0, ""), transforms=tuple(transforms))
    if not scheme.quantizes_activations:
        return with_folded_values(canonical, _with_constants(plan, choose(graph, scheme, vetoes), constants))
    if samples is None:
        raise DataError(f"Scheme {scheme.title} needs calibration samples", how="Give [data.calibration] or --data.")
    shared = choose(graph, scheme, vetoes)
    watch = Watch(progress, check_cancelled)
    canonical, plan = smooth(canonical, plan, shared, samples, watch)
    canonical, plan = equalize(canonical, plan, shared, samples, watch)
    constants = constants_of(canonical.graph)
    names = calibrated_tensors(graph, scheme, vetoes, canonical)
    found = find(canonical, names, scheme, samples, watch)
    ranges = {name: (tensor.low, tensor.high) for name, tensor in found.items()}
    selection = settle(graph, scheme, vetoes, ranges)
    n = used_samples(canonical, samples)
    plan = replace(
        plan,
        calibration=CalibrationRecord(scheme.method, scheme.parameters(), n, samples.sha256),
        tensors=tensor_parameters(selection, scheme, ranges),
        ranges={name: _observed(found[name], scheme) for name in selection.sources},
    )
    plan = refine(canonical, _with_constants(plan, selection, constants), selection.weights, samples, watch)
    return with_folded_values(canonical, plan)


def possible_selection(canonical: onnx.ModelProto, scheme: Scheme) -> Selection:
    """Return what a plan would quantize, as far as it can be told before any range is known.

    Raises:
        SchemeError: an excluded node or op type does not exist.
    """
    graph = graph_summary(canonical)
    return choose(graph, scheme, constant_vetoes(graph, constants_of(canonical.graph)))


def constant_vetoes(graph: GraphSummary, constants: Mapping[str, TensorProto]) -> dict[str, str]:
    """Return compute nodes whose constants cannot be quantized -> why: element type, shape, or values too large."""
    vetoes: dict[str, str] = {}
    for node in graph.nodes:
        if node.op_type not in COMPUTE_OPS or 1 not in node.constant_inputs:
            continue
        weight = constants[node.inputs[1]]
        if weight.data_type != TensorProto.FLOAT:
            vetoes[node.name] = f"its weight is {TensorProto.DataType.Name(weight.data_type).lower()}, not float32"
        elif node.op_type in ("MatMul", "Gemm") and len(weight.dims) != 2:
            vetoes[node.name] = "its constant is not 2-D"
        elif not (largest := _largest(weight)) <= 127.0 * SCALE_CEILING:
            vetoes[node.name] = f"its weight reaches {largest:.3g}, {TOO_WIDE}"
        elif len(node.inputs) > 2 and node.inputs[2] in constants and not _is_bias(node, constants):
            vetoes[node.name] = "its bias is not one value per output channel"
    return vetoes


def calibrated_tensors(
    graph: GraphSummary, scheme: Scheme, vetoes: Mapping[str, str], canonical: onnx.ModelProto
) -> list[str]:
    """Return the tensors whose ranges may be needed, however the 8x rule decides, in topological order.

    Sources of both extremes: all Concats shared, none shared; what a Concat after the last INT8 layer joins; and the
    graph's outputs, so that a model that ends in NaN is found. Outputs of pass-through ops are left out, since they
    take their input's scale.
    """
    shared = choose(graph, scheme, vetoes)
    concats = [name for name, role in shared.roles.items() if role == "concat"]
    apart = choose(graph, scheme, {**vetoes, **dict.fromkeys(concats, "not shared")})
    floats = _float_tensors(canonical)
    wanted = {*shared.sources, *apart.sources, *(spec.name for spec in graph.outputs if spec.name in floats)}
    for names in float_concat_inputs(graph, shared).values():
        wanted.update(name for name in names if name in floats)
    order = [spec.name for spec in graph.inputs] + [name for node in graph.nodes for name in node.outputs]
    return [name for name in dict.fromkeys(order) if name in wanted]


def settle(graph: GraphSummary, scheme: Scheme, vetoes: Mapping[str, str], ranges: Ranges) -> Selection:
    """Return the final selection: what the ranges rule out leaves it, and what hung on that, until none is left.

    Those are Concats of ranges that do not fit, and nodes on a tensor too wide for a scale. Concats after the last INT8
    layer that would mix such ranges get that as their reason too.
    """
    refused = dict(vetoes)
    selection = choose(graph, scheme, refused)
    while found := refused_concats(selection, ranges) or _on_lost_tensors(graph, selection, scheme, ranges):
        refused.update(found)
        selection = choose(graph, scheme, refused)
    reasons = dict(selection.float_nodes)
    for node, names in float_concat_inputs(graph, selection).items():
        mixed = mixed_ranges(names, ranges)
        reasons[node] = f"{reasons[node]}; {mixed}" if mixed else reasons[node]
    return replace(selection, float_nodes=reasons)


def _on_lost_tensors(graph: GraphSummary, selection: Selection, scheme: Scheme, ranges: Ranges) -> dict[str, str]:
    """Return quantized nodes on a tensor that can have no scale -> why they stay in float.

    No float16 scale is large enough, or its range was not observed, because it has one of its own only since nodes
    before or behind it stay in float. All readers of its group go first: without them a Gemm or MatMul may give out
    floats. Where there are none, the maker goes.
    """
    lost = {
        name: f"the range of {name} was not observed: nodes beside it stay in float"
        for name in selection.sources
        if name not in ranges
    } or _too_wide(selection, scheme, ranges)
    nodes = [node for node in graph.nodes if node.name in selection.roles]
    readers = {
        node.name: lost[node.inputs[index]]
        for node in nodes
        for index in selection.edges[node.name]
        if node.inputs[index] in lost
    }
    return readers or _makers(nodes, selection, lost)


def _too_wide(selection: Selection, scheme: Scheme, ranges: Ranges) -> dict[str, str]:
    return {
        name: f"{name} reaches {threshold(limits):.3g}, {TOO_WIDE}"
        for name, limits in shared_ranges(selection, ranges).items()
        if _parameters(limits, scheme) is None
    }


def _makers(nodes: Sequence[NodeSummary], selection: Selection, lost: Mapping[str, str]) -> dict[str, str]:
    """Return the node that computes each tensor of `lost`, looked up through its bias and its fused activation."""
    found: dict[str, str] = {}
    reasons = dict(lost)
    for node in reversed(nodes):
        reason = next((reasons[name] for name in node.outputs if name in reasons), "")
        if reason and selection.roles[node.name] in ("bias", "fused"):
            reasons.update(dict.fromkeys(node.inputs, reason))
        elif reason:
            found[node.name] = reason
    return found


def tensor_parameters(selection: Selection, scheme: Scheme, ranges: Ranges) -> dict[str, TensorParameters]:
    """Return scale and zero point of every quantized tensor. Raises ModelError when a scale exceeds float16."""
    parameters: dict[str, TensorParameters] = {}
    for name, limits in shared_ranges(selection, ranges).items():
        found = _parameters(limits, scheme)
        if found is None:
            raise ModelError(
                f"Tensor {name} reaches {threshold(limits):.3g}", why="its scale does not fit into float16",
                how="Exclude the nodes around it, or scale the model's values down.",
            )  # fmt: skip
        parameters[name] = found
    return parameters


def _parameters(limits: tuple[float, float], scheme: Scheme) -> TensorParameters | None:
    """Return scale and zero point for a range, None where no float16 scale is large enough."""
    low, high = limits
    try:
        found = affine_parameters(low, high) if scheme.name == "S2" else symmetric_parameters(max(-low, high))
    except ValueError:
        return None
    return power_of_two_tensor(found) if scheme.scale_rounding == "power_of_two" else found


def quantized_constants(
    uses: Iterable[WeightUse],
    constants: Mapping[str, TensorProto],
    input_scales: Mapping[str, float],
    scale_rounding: ScaleRounding = "float16",
) -> tuple[dict[str, WeightParameters], dict[str, Floats], list[dict[str, Any]]]:
    """Return weights, rounded biases and the notes about both.

    Args:
        input_scales: node -> scale of its input 0; biases of nodes that are absent stay as they are.

    Notes are {"kind": "scale_floor" | "bias_clamped", "tensor": name, "channels": count}.
    """
    weights: dict[str, WeightParameters] = {}
    biases: dict[str, Floats] = {}
    notes: list[dict[str, Any]] = []
    for use in uses:
        if use.weight not in weights:
            weights[use.weight] = _weight(numpy_helper.to_array(constants[use.weight]), use.axis, scale_rounding)
            notes += _floor_note(use.weight, weights[use.weight], constants)
        if use.bias and use.node in input_scales:
            values = numpy_helper.to_array(constants[use.bias]).reshape(-1)
            grid = bias_grid(input_scales[use.node], weights[use.weight].scale, values.size)
            biases[use.bias], clamped = quantize_bias(values, grid)
            notes += [{"kind": "bias_clamped", "tensor": use.bias, "channels": clamped}] if clamped else []
    return weights, biases, notes


def _weight(values: Floats, axis: int, scale_rounding: ScaleRounding) -> WeightParameters:
    found = quantize_weight(values, axis)
    return power_of_two_weight(found, values) if scale_rounding == "power_of_two" else found


def _with_constants(plan: QuantPlan, selection: Selection, constants: Mapping[str, TensorProto]) -> QuantPlan:
    """Return the plan with the selection's nodes, its weights and its biases; what is codes now is no float."""
    inputs = selection.compute_inputs.items()
    scales = {node: plan.tensors[name].scale for node, name in inputs if name in plan.tensors}
    weights, biases, notes = quantized_constants(selection.weights, constants, scales, plan.scheme.scale_rounding)
    return replace(
        plan,
        weights=weights,
        biases=biases,
        float_values={name: values for name, values in plan.float_values.items() if name not in weights},
        quantized_nodes=selection.quantized_nodes,
        edges=selection.edges,
        float_nodes=selection.float_nodes,
        transforms=(*plan.transforms, *notes),
    )


def _observed(tensor: TensorRange, scheme: Scheme) -> dict[str, float]:
    values = {"min": tensor.minimum, "max": tensor.maximum, "threshold": threshold((tensor.low, tensor.high))}
    return values | {"low": tensor.low, "high": tensor.high} if scheme.name == "S2" else values


def _floor_note(name: str, weight: WeightParameters, constants: Mapping[str, TensorProto]) -> list[dict[str, Any]]:
    """Note channels whose scale was lifted to 2^-14, which costs them resolution; all-zero channels do not count."""
    moved = np.abs(np.moveaxis(numpy_helper.to_array(constants[name]), weight.axis, 0))
    largest = moved.reshape(moved.shape[0], -1).max(axis=1, initial=0.0)
    lifted = int(np.count_nonzero((largest > 0) & (largest / 127.0 < 2.0**-14)))
    return [{"kind": "scale_floor", "tensor": name, "channels": lifted}] if lifted else []


def _largest(weight: TensorProto) -> float:
    """Return the largest magnitude of a weight, NaN where it holds one."""
    return float(np.abs(numpy_helper.to_array(weight)).max(initial=0.0))


def _is_bias(node: Any, constants: Mapping[str, TensorProto]) -> bool:
    bias, weight = constants[node.inputs[2]], constants[node.inputs[1]]
    if node.op_type == "Gemm":
        channels = weight.dims[0 if node.attributes.get("transB", 0) else 1]
    elif node.op_type == "ConvTranspose":
        channels = weight.dims[1] * node.attributes.get("group", 1)
    else:
        channels = weight.dims[0]
    shape = [int(axis) for axis in bias.dims]
    return bias.data_type == TensorProto.FLOAT and shape in ([channels], [1, channels])


def _float_tensors(model: onnx.ModelProto) -> set[str]:
    values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
