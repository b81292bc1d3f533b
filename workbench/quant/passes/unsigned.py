"""Activation codes as uint8, for integer kernels that take unsigned activations."""

from __future__ import annotations

import numpy as np

from workbench.quant.passes.draft import ZERO_POINT, Draft

UINT8_SHIFT = 128
"""A signed code c is written as the unsigned code c + 128 with zero point + 128."""


def shift_codes(draft: Draft) -> None:
    """Write int8 tensors as uint8 with their zero point raised by 128: the same steps, the same real values."""
    for name, tensor in draft.plan.tensors.items():
        if tensor.dtype == "int8":
            draft.set_constant(name + ZERO_POINT, np.asarray(tensor.zero_point + UINT8_SHIFT, np.uint8))
