"""Biases on the grid scale_x * scale_w[c]: as float32 values, or as int32 codes behind a DequantizeLinear."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from workbench.quant.affine import bias_grid
from workbench.quant.passes.draft import ADDED, CODES, DEQUANTIZED, SCALE, ZERO_POINT, Draft

Float32 = npt.NDArray[np.float32]


def put_biases(draft: Draft) -> None:
    """Put the plan's rounded float32 values in place of the model's, in their shape.

    A bias that an Add puts behind a MatMul is renamed `<B>__added`: a file must tell it from any other constant.
    """
    for name, values in draft.plan.biases.items():
        shape = tuple(draft.constants[name].dims)
        draft.set_constant(name, values.astype(np.float32).reshape(shape))
    for node in draft.nodes:
        for index, name in enumerate(node.input):
            if node.op_type == "Add" and name in draft.plan.biases:
                draft.add_constant(name + ADDED, draft.array(name))
                node.input[index] = name + ADDED


def code_biases(draft: Draft) -> None:
    """Write biases as int32 codes where these stand for exactly the same float32 values; others stay float32.

    The DequantizeLinear has one scale per channel, so that only a bias [C] or [1, C] has codes.
    """
    nodes: list[onnx.NodeProto] = []
    producers = {name: node for node in draft.nodes for name in node.output}
    for node in draft.nodes:
        for index, name in enumerate(node.input):
            bias = name.removesuffix(ADDED) if node.op_type == "Add" else name if index == 2 else ""
            layer = producers.get(node.input[1 - index]) if node.op_type == "Add" else node
            values = _values(draft, bias)
            grid = _grid(draft, layer, bias, values.size) if values is not None and layer is not None else None
            codes = grid_codes(values, grid) if values is not None and grid is not None else None
            if grid is not None and codes is not None:
                nodes += _dequantized(draft, bias, codes, grid)
                node.input[index] = bias + DEQUANTIZED
        nodes.append(node)
    draft.nodes = nodes


def grid_codes(bias: Float32, grid: Float32) -> npt.NDArray[np.int32] | None:
    """Return int32 codes [C] with float32(code) * grid bit-equal to `bias`, or None when there are none."""
    codes = np.rint(bias.astype(np.float64) / grid.astype(np.float64))
    if not np.all(np.isfinite(codes)) or np.any(np.abs(codes) > np.iinfo(np.int32).max):
        return None
    integers = codes.astype(np.int32)
    return integers if np.array_equal(integers.astype(np.float32) * grid, bias) else None


def _values(draft: Draft, name: str) -> Float32 | None:
    """Return the plan's bias, float32 [C], or a bias of zeros, which is on every grid; None for any other name.

    A plan may be older than the zero biases that the canonical graph gives to layers without one.
    """
    if name in draft.plan.biases:
        return draft.plan.biases[name].astype(np.float32)
    tensor = draft.constants.get(name)
    if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
        return None
    values = numpy_helper.to_array(tensor).reshape(-1)
    return None if values.any() else values


def _grid(draft: Draft, layer: onnx.NodeProto, bias: str, channels: int) -> Float32 | None:
    """Return the bias's step per channel, float32 [C], or None where input or weight stay float or shapes differ."""
    tensor, weight = (name.removesuffix(DEQUANTIZED) for name in layer.input[:2])
    if tensor not in draft.plan.tensors or layer.input[1] != weight + DEQUANTIZED:
        return None
    if channels != draft.constants[bias].dims[-1] or channels % draft.plan.weights[weight].scale.size:
        return None
    return bias_grid(draft.plan.tensors[tensor].scale, draft.plan.weights[weight].scale, channels)


def _dequantized(draft: Draft, name: str, codes: npt.NDArray[np.int32], grid: Float32) -> list[onnx.NodeProto]:
    if name + CODES in draft.constants:
        return []
    values = {CODES: codes, SCALE: grid, ZERO_POINT: np.zeros(grid.shape, np.int32)}
    return [draft.dequantized_constant(name, values, 0)]
