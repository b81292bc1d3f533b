"""SmoothQuant's migration (Xiao et al., 2023): ranges of activation channels move into the weights that read them.

Activations get one scale per tensor, weights one per output channel: a channel of an activation that is wide makes all
others coarse, and the same factor in the weight's row costs little. A channel is divided by s, the weight's row
multiplied by it, s = max|X_c|^alpha / max|W_c|^(1 - alpha). Nothing else may see the divided tensor, so that the float
function stays what it was, up to rounding: the place of the division are the scale and shift of a LayerNormalization,
or the constant of a Mul (and of the Add behind it), which is how exporters write a normalization out.
NOT done: adding nodes. Where there is no such place, the tensor stays as it is and the plan says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from workbench.model.graph import GraphSummary, NodeSummary
from workbench.model.protos import constants_of, copy_without
from workbench.model.summary import graph_summary
from workbench.quant.calibrate import SampleSource, Watch, stream
from workbench.quant.plan import QuantPlan
from workbench.quant.select import Selection
from workbench.quant.wiring import Wiring, wire

Floats = npt.NDArray[np.float32]
KIND = "smoothing"
LINEAR = frozenset({"Gemm", "MatMul"})
SMALLEST = 1e-5
"""Least factor and least range, as in the authors' code."""


@dataclass(frozen=True)
class Place:
    """A tensor whose channels can be divided.

    Attributes:
        tensor: its name; channels along its last axis.
        scale, shift: constants [C] that make it; shift "" where there is none.
        weights: constant -> its input-channel axis, of every layer that reads the tensor.
    """

    tensor: str
    scale: str
    shift: str
    weights: Mapping[str, int]


def smooth(
    canonical: onnx.ModelProto, plan: QuantPlan, selection: Selection, samples: SampleSource, watch: Watch
) -> tuple[onnx.ModelProto, QuantPlan]:
    """Return the graph with the scheme's migration in it, and the plan with every changed constant and a note.

    The note: {"kind": "smoothing", "alpha", "tensors": {name: [scale, shift, *weights]}, "left": {name: reason}}, left
    being the inputs of quantized Gemms and MatMuls without an exact place. With smoothing 0 both are as they were.

    Raises:
        ModelError: the model cannot be run.
    """
    alpha = plan.scheme.smoothing
    if alpha == 0.0:
        return canonical, plan
    places, left = places_of(graph_summary(canonical), selection)
    constants = constants_of(canonical.graph)
    peaks = channel_peaks(canonical, [place.tensor for place in places], samples, watch)
    changed: dict[str, Floats] = {}
    for place in places:
        weights = {name: _array(constants, name) for name in place.weights}
        factors = smoothing_factors(peaks[place.tensor], weights, place.weights, alpha)
        divided = {name: _array(constants, name) for name in (place.scale, place.shift) if name}
        changed |= {name: np.asarray(values / factors, np.float32) for name, values in divided.items()}
        changed |= {name: _multiplied(values, factors, place.weights[name]) for name, values in weights.items()}
    named = {place.tensor: [place.scale, place.shift, *place.weights] for place in places}
    note = {"kind": KIND, "alpha": alpha, "tensors": named, "left": left}
    changed_plan = replace(plan, float_values=changed, transforms=(*plan.transforms, note))
    return with_constants(canonical, changed), changed_plan


def smoothed(canonical: onnx.ModelProto, plan: QuantPlan) -> onnx.ModelProto:
    """Return the float graph that a plan's ranges belong to: `canonical` itself, or with the plan's migration in it."""
    graph_constants = constants_of(canonical.graph)
    changed: dict[str, Floats] = {}
    for note in plan.transforms:
        for scale, shift, *weights in note["tensors"].values() if note["kind"] == KIND else ():
            factors = _found_factors(graph_constants, plan, [name for name in (scale, shift) if name])
            changed |= {name: plan.float_values[name] for name in (scale, shift) if name}
            for name in weights:
                values = _array(graph_constants, name)
                changed[name] = _multiplied(values, factors, 1 - plan.weights[name].axis)
    return with_constants(canonical, changed) if changed else canonical


def places_of(graph: GraphSummary, selection: Selection) -> tuple[list[Place], dict[str, str]]:
    """Return the tensors whose channels can be divided, and why the other inputs of Gemms and MatMuls cannot."""
    wiring = wire(graph)
    layers = {node.name for node in graph.nodes if node.op_type in LINEAR and node.name in selection.compute_inputs}
    places: list[Place] = []
    left: dict[str, str] = {}
    for tensor in dict.fromkeys(node.inputs[0] for node in graph.nodes if node.name in layers):
        readers = [reader for reader, index in wiring.readers(tensor) if index == 0 and reader.name in layers]
        makers = _makers(tensor, wiring)
        weights = {reader.inputs[1]: _input_axis(reader) for reader in readers}
        reason = _refusal(tensor, readers, makers, [*makers, *weights], wiring)
        if reason:
            left[tensor] = reason
        else:
            scale, shift = (*makers, "")[:2]
            places.append(Place(tensor, scale, shift, weights))
    return places, left


def _refusal(
    tensor: str, readers: Sequence[NodeSummary], makers: Sequence[str], constants: Sequence[str], wiring: Wiring
) -> str:
    """Return why a tensor cannot be divided, or ""."""
    producer = wiring.producer.get(tensor)
    others = [reader for reader, _ in wiring.readers(tensor) if reader not in readers]
    counts = [len(wiring.readers(name)) for name in constants]
    checks = (
        (tensor in {spec.name for spec in wiring.graph.outputs}, "the graph gives it out"),
        (producer is None, "it is an input of the graph"),
        (bool(others), f"{others[0].name} ({others[0].op_type}) reads it too" if others else ""),
        (not makers, f"{producer.op_type if producer else ''} has no scale per channel that could take the factors"),
        (counts != [1] * len(constants), "other nodes share its scale or its weights"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _makers(tensor: str, wiring: Wiring) -> tuple[str, ...]:
    """Return the constants [C] whose division divides the tensor's channels: scale and shift, or a scale alone."""
    node = wiring.producer.get(tensor)
    if node is None:
        return ()
    if node.op_type == "LayerNormalization":
        is_last = node.attributes.get("axis", -1) in (-1, len(wiring.graph.shapes.get(tensor, ())) - 1)
        found = tuple(name for name in node.inputs[1:3] if name)
        return found if is_last and all(_is_row(name, tensor, wiring) for name in found) else ()
    if node.op_type == "Mul":
        return _row_of(node, tensor, wiring)
    if node.op_type != "Add":
        return ()
    shift = _row_of(node, tensor, wiring)
    product = next((wiring.producer.get(name) for name in node.inputs if name not in shift), None)
    if not shift or product is None or product.op_type != "Mul" or not wiring.is_only_reader(node, product.outputs[0]):
        return ()
    scale = _row_of(product, tensor, wiring)
    return (*scale, *shift) if scale else ()


def _row_of(node: NodeSummary, tensor: str, wiring: Wiring) -> tuple[str, ...]:
    """Return the one constant of a Mul or Add, if it has a value per channel of the tensor."""
    names = [node.inputs[index] for index in node.constant_inputs]
    return tuple(names) if len(names) == 1 and _is_row(names[0], tensor, wiring) else ()


def _is_row(name: str, tensor: str, wiring: Wiring) -> bool:
    """Whether a constant has one value per channel: [C], [1, C], ..., C the size of the tensor's last axis."""
    shapes = wiring.graph.shapes
    shape, channels = shapes.get(name, ()), shapes.get(tensor, ())[-1:]
    is_constant = wiring.producer.get(name) is None and name not in {spec.name for spec in wiring.graph.inputs}
    return is_constant and bool(channels) and shape[-1:] == channels and all(axis == 1 for axis in shape[:-1])


def _input_axis(node: NodeSummary) -> int:
    return int(node.op_type == "Gemm" and bool(node.attributes.get("transB", 0)))


def channel_peaks(
    model: onnx.ModelProto, names: Sequence[str], samples: SampleSource, watch: Watch
) -> dict[str, npt.NDArray[np.float64]]:
    """Return max |x| of every channel (last axis) of each tensor over all samples, [C] each; streamed."""
    peaks: dict[str, npt.NDArray[np.float64]] = {}
    if not names:
        return peaks
    watch = replace(watch, text="Finding wide channels")
    with closing(stream(model, names, samples, watch)) as values:
        for arrays in values:
            for name in names:
                found = np.abs(arrays[name]).reshape(-1, arrays[name].shape[-1]).max(axis=0).astype(np.float64)
                peaks[name] = np.maximum(peaks[name], found) if name in peaks else found
    return peaks


def smoothing_factors(
    peaks: npt.NDArray[np.float64], weights: Mapping[str, Floats], axes: Mapping[str, int], alpha: float
) -> npt.NDArray[np.float64]:
    """Return what each channel is divided by, [C] > 0: max|X_c|^alpha / max|W_c|^(1 - alpha).

    Channels that are always 0, or that no weight reads, keep their size.
    """
    rows = [np.abs(np.moveaxis(values, axes[name], 0)).max(axis=1) for name, values in weights.items()]
    largest = np.max(np.stack(rows), axis=0).astype(np.float64)
    factors = np.maximum(peaks, SMALLEST) ** alpha / np.maximum(largest, SMALLEST) ** (1.0 - alpha)
    return np.where((peaks > 0.0) & (largest > 0.0), np.maximum(factors, SMALLEST), 1.0)


def _found_factors(
    constants: Mapping[str, onnx.TensorProto], plan: QuantPlan, names: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the factors again, from what became of the constants that were divided; 1 where all of them are 0."""
    size = plan.float_values[names[0]].size
    factors, is_open = np.ones(size), np.ones(size, bool)
    for name in names:
        before = _array(constants, name).reshape(-1).astype(np.float64)
        after = plan.float_values[name].reshape(-1).astype(np.float64)
        known = after != 0.0
        ratio = np.divide(before, after, out=np.ones_like(before), where=known)
        factors = np.where(is_open & known, ratio, factors)
        is_open &= ~known
    return factors


def with_constants(model: onnx.ModelProto, changed: Mapping[str, Floats]) -> onnx.ModelProto:
    """Return a copy of a model with other values under some initializers' names."""
    result = copy_without(model, changed)
    result.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in changed.items())
    return result


def _multiplied(values: Floats, factors: npt.NDArray[np.float64], axis: int) -> Floats:
    shape = [-1 if index == axis else 1 for index in range(values.ndim)]
    return np.asarray(values * factors.reshape(shape), np.float32)


def _array(constants: Mapping[str, onnx.TensorProto], name: str) -> Floats:
    return np.asarray(numpy_helper.to_array(constants[name]), np.float32)
