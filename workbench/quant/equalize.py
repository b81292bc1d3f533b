"""Activation equalization: channels between two layers are scaled up towards the tensor's own range, Clips kept.

One scale serves a whole tensor, so that a channel with a tenth of the range has a tenth of the codes. Multiplying its
producer's row and dividing its readers' columns by a factor >= 1 changes nothing in float as long as the channel stays
below the tensor's threshold, and with it below the bound of a Clip(0, b) on the way, which is kept as it is. (Cross-
layer equalization, Nagel et al. 2019, drops the bound: ReLU6 becomes ReLU, at 12.8 points on MobileNetV1.)

What a larger factor wins in the rounding of activations it loses in the rounding of the readers' weights, whose largest
entry shrinks less than the others. Of factors (T / max_c)^e the exponent e with the least expected noise is taken, for
each tensor by itself. Factors are whole quarters of an octave, so that a plan holds them in one character each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from workbench.model.graph import GraphSummary, NodeSummary
from workbench.model.protos import constants_of, copy_without
from workbench.model.summary import graph_summary
from workbench.quant.calibrate import SampleSource, Watch, stream
from workbench.quant.plan import QuantPlan
from workbench.quant.rows import ROW_OPS, as_rows, from_rows
from workbench.quant.select import Selection
from workbench.quant.wiring import Wiring, wire

Float64 = npt.NDArray[np.float64]

KIND = "equalize_activations"
EXPONENTS = (0.0, 0.25, 0.5, 0.75)
"""1 would leave no room for larger values than the calibration set showed."""
DIGITS = "0123456789abcdefg"
"""A factor 2^(k/4) is the k-th of these; 16 is the largest."""
_LEVELS = 127.0


@dataclass(frozen=True)
class Pair:
    """A layer and the layers that alone read its output, through nothing but a Relu or Clip(0, b)."""

    producer: NodeSummary
    tensor: str
    readers: tuple[NodeSummary, ...]


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Values of one tensor on the calibration set: largest |x| and mean of x^2 per channel, float64 [C]."""

    largest: Float64
    mean_square: Float64


def equalize(
    canonical: onnx.ModelProto, plan: QuantPlan, selection: Selection, samples: SampleSource, watch: Watch
) -> tuple[onnx.ModelProto, QuantPlan]:
    """Return the graph with equalized weights and biases, and the plan with a note, where its scheme asks for it.

    The note: {"kind": "equalize_activations", "tensors": {name: factors in DIGITS, one per channel}}, those that are
    better left alone not among them. Only tensors between two layers that compute on codes are touched.

    Raises:
        ModelError: the model cannot be run.  DataError: there are not enough samples for one run.
    """
    if not plan.scheme.equalize_activations:
        return canonical, plan
    constants = constants_of(canonical.graph)
    pairs = pairs_of(graph_summary(canonical), set(selection.compute_inputs))
    statistics = channel_statistics(canonical, pairs, samples, replace(watch, text="Finding narrow channels"))
    chosen = {pair.tensor: best_steps(pair, statistics[pair.tensor], constants) for pair in pairs}
    tensors = {name: "".join(DIGITS[step] for step in steps) for name, steps in chosen.items() if steps.any()}
    noted = replace(plan, transforms=(*plan.transforms, {"kind": KIND, "tensors": tensors}))
    return equalized(canonical, noted), noted


def equalized(canonical: onnx.ModelProto, plan: QuantPlan) -> onnx.ModelProto:
    """Return the float graph that a plan's ranges belong to: `canonical`, with the plan's equalization in it."""
    notes = [note for note in plan.transforms if note["kind"] == KIND and note["tensors"]]
    if not notes:
        return canonical
    result = copy_without(canonical, ())
    constants = constants_of(result.graph)
    pairs = {pair.tensor: pair for pair in pairs_of(graph_summary(canonical), None)}
    for note in notes:
        for name, digits in note["tensors"].items():
            _scale(pairs[name], factors_of(np.asarray([DIGITS.index(digit) for digit in digits])), constants)
    return result


def pairs_of(graph: GraphSummary, layers: Set[str] | None) -> list[Pair]:
    """Return the tensors that can be equalized, in the graph's order.

    Args:
        layers: nodes that may be changed; None for all.
    """
    wiring, outputs = wire(graph), {spec.name for spec in graph.outputs}
    usable = {
        node.name for node in graph.nodes if _has_own_weight(node, wiring) and (layers is None or node.name in layers)
    }
    found = []
    for node in graph.nodes:
        if node.name not in usable or node.op_type == "MatMul":
            continue
        tensor = _carried(node, wiring)
        readers = [reader for reader, index in wiring.readers(tensor) if index == 0 and _takes_columns(reader, node)]
        is_between = len(readers) == len(wiring.readers(tensor)) > 0 and tensor not in outputs
        if is_between and all(reader.name in usable for reader in readers):
            found.append(Pair(node, tensor, tuple(readers)))
    return found


def channel_statistics(
    canonical: onnx.ModelProto, pairs: Sequence[Pair], samples: SampleSource, watch: Watch
) -> dict[str, ChannelStatistics]:
    """Return the statistics of every pair's tensor over all samples."""
    names = [pair.tensor for pair in pairs]
    largest: dict[str, Float64] = {}
    squares: dict[str, Float64] = {}
    count = 0
    with closing(stream(canonical, names, samples, watch)) as runs:
        for values in runs if names else ():
            count += 1
            for name in names:
                flat = np.moveaxis(values[name], 1, 0).reshape(values[name].shape[1], -1).astype(np.float64)
                largest[name] = np.maximum(largest.get(name, np.zeros(1)), np.abs(flat).max(axis=1))
                squares[name] = squares.get(name, np.zeros(1)) + np.square(flat).mean(axis=1)
    return {name: ChannelStatistics(largest[name], squares[name] / count) for name in names if count}


def best_steps(
    pair: Pair, statistics: ChannelStatistics, constants: Mapping[str, TensorProto]
) -> npt.NDArray[np.int64]:
    """Return the factors with the least expected noise at the readers' outputs, in quarter octaves, int64 [C]."""
    rows = [_rows(reader, constants) for reader in pair.readers]
    candidates = [steps_of(statistics.largest, exponent) for exponent in EXPONENTS]
    noises = [sum(_noise(weight, factors_of(steps), statistics) for weight in rows) for steps in candidates]
    return candidates[int(np.argmin(noises))]


def steps_of(largest: Float64, exponent: float) -> npt.NDArray[np.int64]:
    """Return (T / max_c)^exponent in quarter octaves, rounded down, at most 16 of them; T = max over channels.

    A channel that is always 0 keeps its size.
    """
    threshold = float(largest.max(initial=0.0))
    octaves = np.log2(np.where(largest > 0.0, largest, 1.0))
    distance = np.where(largest > 0.0, np.log2(threshold or 1.0) - octaves, 0.0)
    return np.minimum(np.floor(4.0 * exponent * distance), len(DIGITS) - 1).astype(np.int64)


def factors_of(steps: npt.NDArray[np.int64]) -> Float64:
    """Return the factors that quarter octaves stand for, float64 >= 1."""
    return np.asarray(2.0 ** (steps / 4.0))


def _noise(rows: Float64, factors: Float64, statistics: ChannelStatistics) -> float:
    """Return the variance that rounding adds to a reader's outputs, summed over them.

    Args:
        rows: its weight as [G, O/G, I/G, kernel].

    Activations: step T / 127, variance step^2 / 12 behind a weight W / a. Weights: step max|W / a| / 127 per output,
    before inputs of mean square a^2 E[x^2].
    """
    groups, _, inputs, kernel = rows.shape
    factor = factors.reshape(groups, 1, inputs)
    scaled = rows / factor[..., None]
    step = float(statistics.largest.max(initial=0.0)) / _LEVELS
    weight_step = np.abs(scaled).max(axis=(2, 3)) / _LEVELS
    power = kernel * (factor**2 * statistics.mean_square.reshape(groups, 1, inputs)).sum(axis=2)
    return float((np.square(scaled).sum() * step**2 + (weight_step**2 * power).sum()) / 12.0)


def _scale(pair: Pair, factors: Float64, constants: Mapping[str, TensorProto]) -> None:
    producer = _rows(pair.producer, constants)
    per_output = factors.reshape(producer.shape[0], producer.shape[1], 1, 1)
    _put(pair.producer, producer * per_output, constants)
    bias = constants[pair.producer.inputs[2]]
    values = numpy_helper.to_array(bias).astype(np.float64)
    scaled = (values.reshape(-1) * factors).reshape(values.shape)
    bias.CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), bias.name))
    for reader in pair.readers:
        rows = _rows(reader, constants)
        _put(reader, rows / factors.reshape(rows.shape[0], 1, rows.shape[2], 1), constants)


def _rows(node: NodeSummary, constants: Mapping[str, TensorProto]) -> Float64:
    return np.asarray(as_rows(node, numpy_helper.to_array(constants[node.inputs[1]]).astype(np.float64)))


def _put(node: NodeSummary, rows: Float64, constants: Mapping[str, TensorProto]) -> None:
    weight = constants[node.inputs[1]]
    shaped = from_rows(node, rows.astype(np.float32), tuple(weight.dims))
    weight.CopyFrom(numpy_helper.from_array(shaped, weight.name))


def _carried(node: NodeSummary, wiring: Wiring) -> str:
    """Return the tensor that carries a layer's output: behind the Relu or Clip(0, b) that alone reads it."""
    reader = wiring.only_reader(node.outputs[0])
    if reader is None:
        return node.outputs[0]
    is_clip = reader.op_type == "Clip" and wiring.clip_bounds(reader)[0] == 0.0
    return reader.outputs[0] if reader.op_type == "Relu" or is_clip else node.outputs[0]


def _takes_columns(reader: NodeSummary, producer: NodeSummary) -> bool:
    """Whether a reader's weight has a column per channel of the producer's output."""
    return reader.op_type in (("Conv",) if producer.op_type == "Conv" else ("Gemm", "MatMul"))


def _has_own_weight(node: NodeSummary, wiring: Wiring) -> bool:
    """Whether a layer's weight, and its bias where the op has one, is a constant that no other node reads."""
    is_layer = node.op_type in ROW_OPS and 1 in node.constant_inputs
    has_bias = node.op_type == "MatMul" or 2 in node.constant_inputs
    return is_layer and has_bias and all(len(wiring.readers(name)) == 1 for name in node.inputs[1:])
