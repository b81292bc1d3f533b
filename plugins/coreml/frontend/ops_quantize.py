"""QuantizeLinear and DequantizeLinear, with exactly the model's numbers.

Activations become MIL's quantize and dequantize. A DequantizeLinear of constant codes becomes a constexpr op that
keeps the codes: constexpr_affine_dequantize for iOS17, constexpr_blockwise_shift_scale for iOS18.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import FLOATS, NUMPY_TYPES, Array, narrowed
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

CODES = frozenset({"int8", "uint8"})


def quantize(step: Step) -> Value:
    """Codes of an activation: clip(round(x / scale) + zero point)."""
    dtype = step.out_dtype()
    scale, zero_point = step.value(1), step.value(2)
    is_known = scale is not None and (not step.has(2) or zero_point is not None)
    if not is_known or dtype not in CODES or step.attribute("block_size", 0) or not _is_positive(scale):
        return _by_arithmetic(step, dtype)
    x = step.var() if step.dtype() in FLOATS else step.cast(step.var(), "fp32")
    return step.op("quantize", input=x, output_dtype=dtype, **_parameters(step))


def dequantize(step: Step) -> Value:
    """Real values of codes: (code - zero point) * scale."""
    dtype = step.dtype()
    if step.is_weight(0) and step.value(0) is not None:
        return _of_constant(step, dtype)
    known = step.value(1) is not None and (not step.has(2) or step.value(2) is not None)
    if known and dtype in CODES and not step.attribute("block_size", 0):
        return step.op("dequantize", input=step.var(), **_parameters(step))
    return _reals_by_arithmetic(step)


def _is_positive(scale: Array | None) -> bool:
    return scale is not None and bool((scale > 0).all())


def _parameters(step: Step) -> dict[str, Value]:
    """Return scale, zero point and axis: numbers for one per tensor, vectors for one per index of an axis.

    A zero point of 0 is left out, which is how MIL writes it: passes then need not make the op anew, without its name.
    """
    scale = narrowed(step.constant(1, "the scale"))
    found = step.value(2)
    zero_point = {} if found is None or not found.any() else {"zero_point": narrowed(found)}
    if scale.size == 1 and not (scale.ndim and step.shape()[step.axis(1)] == 1):
        return {"scale": scale.reshape(()), **{name: value.reshape(()) for name, value in zero_point.items()}}
    return {"scale": scale, **zero_point, "axis": step.axis(1)}


def _of_constant(step: Step, dtype: str) -> Value:
    codes = step.constant(0, "the codes")
    if dtype not in CODES:
        raise step.refuse(f"MIL keeps weights as int8 or uint8, not as {dtype}", "use 8-bit codes")
    scale = narrowed(step.constant(1, "the scale"))
    zero_point = step.constant(2, "the zero point") if step.has(2) else np.zeros(scale.shape, codes.dtype)
    if step.target == "iOS17":
        if step.attribute("block_size", 0):
            raise step.refuse("weights in blocks need iOS18", "convert for iOS18")
        given = {"scale": scale, "zero_point": zero_point, "axis": step.axis(1)}
        if scale.size == 1:
            given = {"scale": scale.reshape(()), "zero_point": zero_point.reshape(()), "axis": 0}
        return step.op("constexpr_affine_dequantize", quantized_data=codes, **given)
    shape = _block_shape(step, scale)
    offset = {"offset": zero_point.reshape(shape)} if zero_point.any() else {}
    return step.op("constexpr_blockwise_shift_scale", data=codes, scale=scale.reshape(shape), **offset)


def _block_shape(step: Step, parameter: Array) -> tuple[int, ...]:
    """Return the shape of a scale with as many axes as the codes have."""
    rank = step.rank()
    if parameter.ndim == rank and step.attribute("block_size", 0):
        return parameter.shape
    if parameter.size == 1:
        return (1,) * rank
    return tuple(-1 if axis == step.axis(1) else 1 for axis in range(rank))


def _spread(step: Step, place: int) -> Value:
    """Return a scale or zero point, as int32 or float, in a shape that broadcasts against the tensor."""
    value, _ = step.number(place)
    if step.attribute("block_size", 0):
        return _in_blocks(step, place, value)
    if step.rank(place) == 0 or step.shape(place) == (1,):
        return value
    shape = tuple(-1 if axis == step.axis(1) else 1 for axis in range(step.rank()))
    return step.reshape(value, shape)


def _in_blocks(step: Step, place: int, value: Value) -> Value:
    """Return one parameter per element, by taking each block's."""
    axis = step.axis(1)
    order = np.arange(step.shape()[axis]) // step.attribute("block_size")
    return step.op("gather", x=value, indices=order.astype(np.int32), axis=axis)


def _by_arithmetic(step: Step, dtype: str) -> Value:
    """Quantize with parameters that are no constants, or that MIL's op does not take (blocks)."""
    step.note("quantized by division, rounding and clipping: MIL's quantize takes 8 bits and constants only")
    limits = np.iinfo(NUMPY_TYPES[dtype])
    x, real = step.real()
    steps = step.op("round", x=step.op("real_div", x=x, y=_spread(step, 1)))
    if step.has(2):
        steps = step.op("add", x=steps, y=step.cast(_spread(step, 2), real))
    low, high = step.scalar(limits.min, real), step.scalar(limits.max, real)
    return step.cast(step.op("clip", x=steps, alpha=low, beta=high), dtype)


def _reals_by_arithmetic(step: Step) -> Value:
    """Dequantize with parameters that are no constants, or of codes that MIL's op does not take."""
    step.note("dequantized by subtraction and multiplication: MIL's dequantize takes 8 bits and constants only")
    codes, _ = step.number(0)
    if step.has(2):
        codes = step.op("sub", x=codes, y=_spread(step, 2))
    return step.op("mul", x=step.cast(codes, step.dtype(1)), y=_spread(step, 1))


OPS: dict[str, Callable[[Step], Value]] = {"QuantizeLinear": quantize, "DequantizeLinear": dequantize}
