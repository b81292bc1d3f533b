"""Relu and Clip computed on codes, so that no float op is left between integer kernels.

`Conv -> Relu -> Q -> DQ` becomes `Conv -> Q -> (something on codes) -> DQ`. Rounding to a grid is monotone and the
bounds are rounded to the same grid, so that clipping codes gives exactly the codes of clipped values.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from workbench.model.protos import read_names
from workbench.quant.passes.draft import DEQUANTIZED, QUANTIZE, QUANTIZED, SCALE, ZERO_POINT, Draft, copied
from workbench.quant.plan import TensorParameters

Code = npt.NDArray[np.int8 | np.uint8]


@dataclass(frozen=True)
class Activation:
    """A Relu or Clip that can work on codes.

    Attributes:
        node: the op in the draft; bounds: its real (low, high).
        after: the planned tensor it makes; before: the planned tensor it reads, or "" where that is not planned.
    """

    node: onnx.NodeProto
    bounds: tuple[float, float]
    before: str
    after: str


def clip_codes(draft: Draft) -> None:
    """Write Relu and Clip with constant bounds as Clip on codes, or as nothing where saturation does all of it.

    Activations whose input is planned with other numbers than their output are left to `look_up_relu`.
    """
    changes: dict[str, list[onnx.NodeProto]] = {}
    for each in activations(draft):
        quantizer = each.after + QUANTIZE
        parameters = draft.parameters(each.after)
        if not each.before and _is_saturation(draft, each):
            changes |= {each.node.name: [], quantizer: [_requantized(draft, each)]}
        elif not each.before:
            quantized = draft.quantize(each.node.input[0], each.node.input[0], parameters)
            changes |= {each.node.name: [quantized], quantizer: [_clip(draft, each, each.node.input[0])]}
        elif draft.plan.tensors[each.before] == draft.plan.tensors[each.after]:
            changes |= {each.node.name: [], quantizer: [_clip(draft, each, each.before)]}
    draft.replace(changes)


def look_up_relu(draft: Draft) -> None:
    """Put activations between two Q/DQ pairs, Relu as LeakyRelu(0): a table look-up on codes in ONNX Runtime x64.

    A Clip(0, c) is written as LeakyRelu(0) too where the highest code already is c, else it stays a Clip.
    """
    changes: dict[str, list[onnx.NodeProto]] = {}
    for each in activations(draft):
        source = each.node.input[0]
        node = _leaky_relu(each.node) if is_relu_on_codes(*each.bounds, draft.plan.tensors[each.after]) else each.node
        node, pair = copied(node), []
        if not each.before:
            parameters = draft.parameters(each.after)
            node.input[0] = source + DEQUANTIZED
            pair = [draft.quantize(source, source, parameters), draft.dequantize(source, node.input[0], parameters)]
        changes[each.node.name] = [*pair, node]
    draft.replace(changes)


def activations(draft: Draft) -> list[Activation]:
    """Return every Relu and Clip with constant bounds that makes a planned tensor, not in float, and follows codes.

    It follows codes if its input is planned, or comes, for it alone, from a quantized node.
    """
    planned = {draft.read_name(name): name for name in draft.plan.tensors}
    made = {draft.raw_name(name): name for name in draft.plan.tensors}
    counts = Counter(name for node in draft.nodes for name in read_names(node))
    quantized = set(draft.plan.quantized_nodes)
    free = {name for node in draft.nodes if node.name in quantized for name in node.output if counts[name] == 1}
    found = []
    for node in draft.nodes:
        bounds = clip_bounds(node, draft)
        if bounds is None or made.get(node.output[0], "") not in draft.plan.tensors.keys() - draft.float_made:
            continue
        if node.input[0] in planned or node.input[0] in free - draft.outputs:
            found.append(Activation(node, bounds, planned.get(node.input[0], ""), made[node.output[0]]))
    return found


def clip_bounds(node: onnx.NodeProto, draft: Draft) -> tuple[float, float] | None:
    """Return (low, high) of a Relu or of a Clip whose bounds are constants or left out, else None."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    if node.op_type != "Clip" or any(name and name not in draft.constants for name in node.input[1:3]):
        return None
    low, high = (*(float(draft.array(name).item()) if name else None for name in node.input[1:3]), None, None)[:2]
    return -float("inf") if low is None else low, float("inf") if high is None else high


def is_relu_on_codes(low: float, high: float, tensor: TensorParameters) -> bool:
    """Whether [low, high] is ReLU once codes are clamped: low is 0 and rint(high / scale) reaches the highest code."""
    highest = tensor.clamp[1] - tensor.zero_point
    return low == 0.0 and (np.isinf(high) or float(np.rint(high / tensor.scale)) >= highest)


def _is_saturation(draft: Draft, each: Activation) -> bool:
    """Whether the codes' own saturation does all of the clipping, as for ReLU with uint8 codes and zero point 0."""
    lowest, highest = _code_bounds(draft, each)
    limits = np.iinfo(lowest.dtype)
    return int(lowest) == limits.min and int(highest) == limits.max


def _clip(draft: Draft, each: Activation, source: str) -> onnx.NodeProto:
    """Return a Clip from the codes of `source` to those of the activation's output."""
    names = [each.after + "__lowest", each.after + "__highest"]
    for name, code in zip(names, _code_bounds(draft, each), strict=True):
        draft.add_constant(name, code)
    return helper.make_node("Clip", [source + QUANTIZED, *names], [each.after + QUANTIZED], each.node.name)


def _requantized(draft: Draft, each: Activation) -> onnx.NodeProto:
    """Return the QuantizeLinear of the activation's output, reading what the activation read."""
    inputs = [each.node.input[0], *draft.parameters(each.after)]
    return helper.make_node("QuantizeLinear", inputs, [each.after + QUANTIZED], each.after + QUANTIZE)


def _code_bounds(draft: Draft, each: Activation) -> list[Code]:
    scale, zero_point = draft.array(each.after + SCALE), draft.array(each.after + ZERO_POINT)
    return [_code(bound, scale, zero_point) for bound in each.bounds]


def _code(bound: float, scale: npt.NDArray[np.float32], zero_point: Code) -> Code:
    """Return the code [] of a real bound in the zero point's dtype; infinite bounds give the dtype's end."""
    limits = np.iinfo(zero_point.dtype)
    code = np.rint(np.float32(bound) / scale) + np.float32(zero_point)
    return np.asarray(np.clip(code, limits.min, limits.max), zero_point.dtype)


def _leaky_relu(node: onnx.NodeProto) -> onnx.NodeProto:
    return helper.make_node("LeakyRelu", [node.input[0]], [node.output[0]], node.name, alpha=0.0)
