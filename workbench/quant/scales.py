"""Power-of-two scales, for the self-test S1-P2: every product of a code and a scale is then exact in float32."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workbench.quant.affine import Float32, nearest_codes
from workbench.quant.plan import TensorParameters, WeightParameters


def power_of_two_up(scale: npt.ArrayLike) -> Float32:
    """Return the smallest powers of two that are >= `scale`, float32 of the same shape; `scale` is > 0."""
    mantissa, exponent = np.frexp(np.asarray(scale, np.float64))  # mantissa in [0.5, 1)
    return np.asarray(np.ldexp(1.0, exponent - (mantissa == 0.5)), np.float32)


def power_of_two_tensor(tensor: TensorParameters) -> TensorParameters:
    """Return a tensor's parameters on the power-of-two grid; an affine zero point moves with the low end."""
    scale = float(power_of_two_up(tensor.scale))
    lowest = (tensor.clamp[0] - tensor.zero_point) * tensor.scale
    affine = round(-lowest / scale) if tensor.dtype == "uint8" else tensor.zero_point
    return replace(tensor, scale=scale, zero_point=affine)


def power_of_two_weight(weight: WeightParameters, values: Float32) -> WeightParameters:
    """Return codes clip(rint(W / s), -127, 127) of float32 `values` on the power-of-two grid s_w[c], ties to even."""
    scale = power_of_two_up(weight.scale)
    return replace(weight, scale=scale, codes=nearest_codes(values, scale, weight.axis))
