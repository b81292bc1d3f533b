"""What is done to a plan once its ranges stand: weights re-rounded, biases corrected, layer after layer.

Two graphs advance side by side over at most 32 held runs: the float one, and the simulated one with every layer before
already refined. At each quantized layer the weight is rounded to what it really reads, then the mean shift of its
output goes into its bias. The whole correction is kept only if the answers on those runs come nearer to float.
NOT decided here: ranges, scales and which nodes are quantized.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from workbench.model.canonical import compared_outputs
from workbench.model.protos import constants_of
from workbench.model.summary import graph_summary
from workbench.quant.affine import bias_grid, dequantize_weight, quantize_bias
from workbench.quant.calibrate import SampleSource, Watch, fixed_batch, runs, stream
from workbench.quant.correction import by_channel, channel_shift, is_nearer
from workbench.quant.layers import Layer, layers_of
from workbench.quant.plan import QuantPlan
from workbench.quant.rounding import gptq_codes, hessian
from workbench.quant.rows import as_rows, columns, from_rows
from workbench.quant.select import WeightUse
from workbench.quant.staged import Staged, answers, float_graph, simulated_graph

Array = npt.NDArray[Any]
Feeds = Mapping[str, Array]

HELD_SAMPLES = 32


def refine(
    canonical: onnx.ModelProto, plan: QuantPlan, uses: Iterable[WeightUse], samples: SampleSource, watch: Watch
) -> QuantPlan:
    """Return the plan with what its scheme asks for after calibration: GPTQ rounding, bias correction.

    Args:
        uses: the weights and biases of the layers that the plan quantizes.

    What was done is added to `transforms`: {"kind": "gptq", "samples", "layers"} and {"kind": "bias_correction",
    "samples", "kept", "channels": how many were shifted per layer, "sqnr_db": {"before", "after"} on those samples}.

    Raises:
        ModelError: a part of the graph cannot be run.
    """
    wanted = plan.scheme.bias_correction or plan.scheme.weight_rounding == "gptq"
    layers = layers_of(graph_summary(canonical), plan, uses) if wanted else []
    held = held_runs(canonical, samples) if layers else []
    if not held:
        return plan
    walk = _Walk(canonical, plan, held, len(held) * (fixed_batch(canonical) or 1))
    for done, layer in enumerate(layers):
        watch.check_cancelled()
        walk.visit(layer)
        watch.progress(done + 1, len(layers), "Correcting biases" if plan.scheme.bias_correction else "Rounding")
    return walk.finish()


def held_runs(canonical: onnx.ModelProto, samples: SampleSource) -> list[Feeds]:
    """Return the feeds of the first 32 samples, or of one run where the graph's own batch is larger.

    A recurrent model's state is the float model's own, so that runs do not depend on each other.
    """
    step = fixed_batch(canonical) or 1
    count = max(1, HELD_SAMPLES // step)
    if samples.feedback is None:
        with closing(runs(samples, step)) as feeds:
            return list(islice(feeds, count))
    names = [value.name for value in canonical.graph.input]
    silent = Watch(lambda *_: None, lambda: None)
    with closing(stream(canonical, names, samples, silent)) as values:
        return [{name: run[name] for name in names} for run in islice(values, count)]


class _Walk:
    """Both graphs, and the plan as far as it is refined."""

    def __init__(self, canonical: onnx.ModelProto, plan: QuantPlan, held: Sequence[Feeds], samples: int) -> None:
        self._canonical, self._plan, self._held, self._samples = canonical, plan, held, samples
        self._constants = constants_of(canonical.graph)
        self._float = Staged(float_graph(canonical), held, optimized=True)
        self._simulated = Staged(simulated_graph(canonical, plan), held, optimized=False)
        self._weights, self._biases = dict(plan.weights), dict(plan.biases)
        self._rounded: list[str] = []
        self._shifted: dict[str, int] = {}

    def visit(self, layer: Layer) -> None:
        """Refine one layer; layers come in the graph's order."""
        if self._plan.scheme.weight_rounding == "gptq" and layer.rounds:
            self._simulated.before(layer.node.name)
            self._round(layer)
        if self._plan.scheme.bias_correction and layer.bias:
            self._simulated.through(layer.last.name)
            self._float.through(layer.last.name)
            self._correct(layer)

    def finish(self) -> QuantPlan:
        """Return the refined plan, the correction of the biases kept or taken back."""
        rounded = replace(self._plan, weights=self._weights)
        if self._rounded:
            note = {"kind": "gptq", "samples": self._samples, "layers": len(self._rounded)}
            rounded = replace(rounded, transforms=(*rounded.transforms, note))
        if not self._plan.scheme.bias_correction:
            return rounded
        self._float.finish()
        self._simulated.finish()
        corrected = replace(rounded, biases=self._biases)
        return self._gated(rounded, corrected)

    def _gated(self, plain: QuantPlan, corrected: QuantPlan) -> QuantPlan:
        names = _judged_outputs(self._canonical)
        expected = [self._float.values(name) for name in names]
        after = shares_of_error(expected, [self._simulated.values(name) for name in names])
        without = answers(self._simulated.graph, self._held, names, optimized=False)
        before = shares_of_error(expected, list(zip(*without, strict=True)))
        is_kept = is_nearer(before, after)
        note = {
            "kind": "bias_correction",
            "samples": self._samples,
            "kept": is_kept,
            "channels": dict(self._shifted),
            "sqnr_db": {"before": _db(math.fsum(before)), "after": _db(math.fsum(after))},
        }
        chosen = corrected if is_kept else plain
        return replace(chosen, transforms=(*chosen.transforms, note))

    def _round(self, layer: Layer) -> None:
        name = layer.node.inputs[1]
        weight, tensor = self._weights[name], self._plan.tensors[layer.node.inputs[0]]
        simulated = self._simulated.node(layer.node.name)
        rows = as_rows(layer.node, numpy_helper.to_array(self._constants[name]).astype(np.float64))
        flat = rows.reshape(rows.shape[0], rows.shape[1], -1)
        covariance = hessian(self._columns(layer, simulated.input[0], tensor.scale, weight.codes.shape[2:]))
        scale = weight.scale.astype(np.float64).reshape(rows.shape[:2])
        codes = np.stack([gptq_codes(*group) for group in zip(flat, scale, covariance, strict=True)])
        shaped = from_rows(layer.node, codes.reshape(rows.shape), weight.codes.shape)
        self._weights[name] = replace(weight, codes=shaped)
        self._simulated.set_constant(simulated.input[1], dequantize_weight(self._weights[name]))
        self._rounded.append(layer.node.name)

    def _columns(self, layer: Layer, tensor: str, scale: float, kernel: tuple[int, ...]) -> Iterator[Array]:
        """Yield the layer's input in whole steps, code - zero point."""
        for values in self._simulated.values(tensor):
            yield from columns(layer.node, np.rint(values / np.float32(scale)), kernel)

    def _correct(self, layer: Layer) -> None:
        output = self._simulated.node(layer.last.name).output[0]
        found = self._simulated.values(output)
        axis, grid = layer.axis % found[0].ndim, self._grid(layer)
        shift = channel_shift(
            [by_channel(values, axis) for values in self._float.values(layer.last.outputs[0])],
            [by_channel(values, axis) for values in found],
            layer.bounds,
            grid.astype(np.float64),
        )
        self._shifted[layer.node.name] = int(np.count_nonzero(shift))
        shape = [-1 if index == axis else 1 for index in range(found[0].ndim)]
        step = shift.astype(np.float32).reshape(shape)
        for values in found:
            np.add(values, step, out=values)
        moved = (self._biases[layer.bias] + shift).astype(np.float32)
        self._biases[layer.bias], _ = quantize_bias(moved, grid)

    def _grid(self, layer: Layer) -> npt.NDArray[np.float32]:
        scale, weight = self._plan.tensors[layer.node.inputs[0]].scale, self._weights[layer.node.inputs[1]]
        return bias_grid(scale, weight.scale, self._biases[layer.bias].size)


def shares_of_error(expected: Sequence[Sequence[Array]], found: Sequence[Sequence[Array]]) -> list[float]:
    """Return each run's share of the NMSE, which is their sum: mean over outputs of sum (f - q)^2 / sum f^2.

    Args:
        expected, found: per output the values of all runs. Outputs that are always 0 do not count.
    """
    errors: list[list[float]] = []
    for float_runs, simulated_runs in zip(expected, found, strict=True):
        power = math.fsum(_squares(values) for values in float_runs)
        pairs = zip(float_runs, simulated_runs, strict=True)
        if power > 0.0:
            errors.append([_squares(values.astype(np.float64) - other) / power for values, other in pairs])
    runs_of_outputs = zip(*errors, strict=True) if errors else [(0.0,)] * len(expected[0])
    return [math.fsum(shares) / len(shares) for shares in runs_of_outputs]


def _squares(values: Array) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _db(error: float) -> float | None:
    return -10.0 * math.log10(error) if error > 0.0 else None


def _judged_outputs(canonical: onnx.ModelProto) -> list[str]:
    """Return the float outputs that tell whether a plan is better: the logits where they are outputs, else all."""
    kinds = {value.name: value.type.tensor_type.elem_type for value in canonical.graph.output}
    floats = [name for name, kind in kinds.items() if kind == TensorProto.FLOAT]
    logits = [name for name in compared_outputs(canonical, "logits") if name in floats]
    return logits or floats
