"""The executable specification of the integers, in numpy: quantize, dequantize, scales, weight codes, bias grid.

Runtimes are judged against these functions. All scales are float16 values held as float32, so that the product of
two of them is exact in float32 (11 + 11 bits of significand), whatever the order in which a runtime multiplies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from workbench.quant.plan import TensorParameters, WeightParameters

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]
Rounding = Callable[[Float32], Float32]


def half_even(values: Float32) -> Float32:
    """Return whole numbers, ties to even: the rounding of ONNX QuantizeLinear."""
    return np.rint(values)


SCALE_FLOOR = 2.0**-14
"""Smallest scale: the smallest normal float16, so that carriers that flush subnormals keep the number."""
SCALE_CEILING = float(np.finfo(np.float16).max)
_INT32 = np.iinfo(np.int32)


def fp16_up(values: npt.ArrayLike) -> Float32:
    """Return the smallest float16 values that are >= `values` and >= 2^-14, as float32 of the same shape.

    Raises:
        ValueError: a value is negative, not finite or above 65504.
    """
    exact = np.maximum(np.asarray(values, np.float64), SCALE_FLOOR)
    if not np.all(np.isfinite(exact)) or np.any(exact > SCALE_CEILING) or np.any(np.asarray(values) < 0):
        raise ValueError("a scale must be finite, not negative and at most 65504")
    nearest = np.asarray(exact.astype(np.float16))
    too_low = nearest.astype(np.float64) < exact
    np.nextafter(nearest, np.float16(np.inf), out=nearest, where=too_low)
    return nearest.astype(np.float32)


def symmetric_parameters(threshold: float) -> TensorParameters:
    """Return s8 parameters that reach `threshold`: scale = fp16_up(T / 127), zero point 0, clamp [-128, 127]."""
    return TensorParameters(float(fp16_up(threshold / 127.0)), 0, "int8", None, (-128, 127))


def affine_parameters(low: float, high: float) -> TensorParameters:
    """Return u8 parameters for [min(low, 0), max(high, 0)].

    scale = fp16_up((high - low) / 255), zero point = clip(rint(-low / scale), 0, 255), clamp [0, 255].
    """
    scale, zero_point = affine_grid(np.asarray([low]), np.asarray([high]))
    return TensorParameters(float(scale[0]), int(zero_point[0]), "uint8", None, (0, 255))


def affine_grid(low: Float64, high: Float64) -> tuple[Float64, Float64]:
    """Return scales and zero points of many u8 ranges at once, both float64 [k]; see `affine_parameters`."""
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    scale = fp16_up((high - low) / 255.0).astype(np.float64)
    return scale, np.clip(np.rint(-low / scale), 0, 255)


def quantize(values: Float32, parameters: TensorParameters, rounding: Rounding = half_even) -> npt.NDArray[np.int32]:
    """Return codes clip(rint(x / scale) + zero_point, *clamp), int32, same shape.

    Args:
        rounding: ties go to even, as ONNX QuantizeLinear says; another rule only to explain what a runtime does.
    """
    return codes_of(values, parameters.scale, parameters.zero_point, parameters.clamp, rounding)


def codes_of(
    values: npt.NDArray[np.floating],
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    limits: tuple[int, int],
    rounding: Rounding = half_even,
) -> npt.NDArray[np.int32]:
    """Return clip(rint(x / scale) + zero_point, *limits), int32, same shape; scale and zero point broadcast against x.

    The division is done in float32; what it takes beyond float32 saturates.
    """
    with np.errstate(over="ignore"):
        steps = rounding(np.divide(np.asarray(values, np.float32), np.asarray(scale, np.float32)))
    zero = np.asarray(zero_point, np.int32)
    low, high = (np.asarray(limit - zero, np.float32) for limit in limits)
    codes: npt.NDArray[np.int32] = np.clip(steps, low, high).astype(np.int32) + zero
    return codes


def dequantize(codes: npt.NDArray[np.integer], parameters: TensorParameters) -> Float32:
    """Return scale * (code - zero_point) as float32, same shape."""
    return reals_of(codes, parameters.scale, parameters.zero_point)


def reals_of(codes: Integers, scale: npt.ArrayLike, zero_point: npt.ArrayLike = 0) -> Float32:
    """Return float32(code - zero_point) * scale, same shape; scale and zero point broadcast against the codes.

    With sums of products as codes and scale_x * scale_w[c] as scale this is what an int32 accumulator stands for.
    """
    steps = codes.astype(np.int64) - np.asarray(zero_point, np.int64)
    return np.asarray(steps.astype(np.float32) * np.asarray(scale, np.float32))


def real_range(parameters: TensorParameters) -> tuple[float, float]:
    """Return the lowest and the highest real value that the codes can hold."""
    low, high = ((code - parameters.zero_point) * parameters.scale for code in parameters.clamp)
    return low, high


def quantize_weight(weight: Float32, axis: int) -> WeightParameters:
    """Return s8 codes and scales of a weight, one scale per index of `axis`.

    s_w[c] = fp16_up(max|W_c| / 127), codes = clip(rint(W / s_w), -127, 127), divided in float64, ties to even.
    """
    moved = np.moveaxis(np.asarray(weight, np.float64), axis, 0)
    largest = np.abs(moved).reshape(moved.shape[0], -1).max(axis=1, initial=0.0)
    scale = fp16_up(largest / 127.0)
    return WeightParameters(scale, np.zeros(scale.shape, np.int8), axis, nearest_codes(weight, scale, axis))


def nearest_codes(values: npt.NDArray[np.floating], scale: Float32, axis: int) -> npt.NDArray[np.int8]:
    """Return int8 codes clip(rint(W / s_w[c]), -127, 127), c along `axis`, divided in float64, ties to even."""
    steps = np.rint(values.astype(np.float64) / scale.astype(np.float64).reshape(_along(axis, values.ndim)))
    return np.asarray(np.clip(steps, -127, 127).astype(np.int8))


def dequantize_weight(weight: WeightParameters) -> Float32:
    """Return scale[c] * codes[..., c, ...] as float32, the codes' shape."""
    return weight.codes.astype(np.float32) * weight.scale.reshape(_along(weight.axis, weight.codes.ndim))


def _along(axis: int, rank: int) -> list[int]:
    """Return the shape in which one value per index of `axis` broadcasts."""
    return [-1 if index == axis % rank else 1 for index in range(rank)]


def bias_grid(input_scale: float, weight_scale: Float32, channels: int) -> Float32:
    """Return the step of each output channel's bias, scale_x * scale_w[c], float32 [channels].

    The product is formed in float32, as runtimes do; of two float16 values it is exact. A grouped ConvTranspose has
    fewer weight scales than channels; they repeat for each group.
    """
    product = np.float32(input_scale) * weight_scale.astype(np.float32)
    return np.tile(product, channels // product.size)


def quantize_bias(bias: Float32, grid: Float32) -> tuple[Float32, int]:
    """Round a bias to its grid.

    Args:
        bias, grid: float32 [C].

    Returns:
        clip(rint(bias / grid), int32) * grid as float32 [C] (codes above 2^24 are on the grid to float32's
        precision), and the number of codes that int32 had to clamp.
    """
    codes = bias_codes(bias, grid)
    clamped = np.clip(codes, _INT32.min, _INT32.max)
    return (clamped * grid.astype(np.float64)).astype(np.float32), int(np.count_nonzero(clamped != codes))


def bias_codes(bias: Float32, grid: Float32) -> Float64:
    """Return rint(bias / grid), divided in float64, as whole float64 numbers [C]; int32 is not enforced."""
    return np.asarray(np.rint(bias.astype(np.float64) / grid.astype(np.float64)))
