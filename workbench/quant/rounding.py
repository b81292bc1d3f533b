"""Weight codes that keep a layer's output rather than each weight: GPTQ.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers" (2022): columns are
rounded one by one, those with the largest inputs first, and what rounding one costs is made up for by the columns that
are left. The scales stay the scheme's own. The Hessian is summed over codes, in whole numbers, so that neither the
order of the samples nor the number of threads can change it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

DAMPING = 0.01
"""Share of the mean of the Hessian's diagonal that is added to it (the paper's section 3.3)."""
_BLOCK = 128
_FLOAT32_EXACT = 1 << 24
"""Whole numbers up to here, and with them their sums in any order, are exact in float32."""
_FEW = 64
"""Columns at a time below which float32 is not worth it; codes of 8 bits allow 258 and more."""


def hessian(columns: Iterable[npt.NDArray[np.floating]]) -> Float64:
    """Return sum X X^T, float64 [G, K, K], of blocks X [G, K, P] of whole numbers; exact while |sum| < 2^53."""
    total: Float64 | None = None
    for block in columns:
        product = _product(block)
        total = product if total is None else total + product
    if total is None:
        raise ValueError("no columns")
    return total


def _product(block: npt.NDArray[np.floating]) -> Float64:
    """Return X X^T of whole numbers, float64 [G, K, K].

    In float32, which takes half the time, over as few columns at a time as keep every sum of products exact.
    """
    step = int(_FLOAT32_EXACT / max(float(block.max(initial=1.0)), -float(block.min(initial=0.0))) ** 2)
    if step < _FEW:
        return np.asarray(_squared(block.astype(np.float64)), np.float64)
    values = block.astype(np.float32, copy=False)
    total = np.zeros((*block.shape[:2], block.shape[1]))
    for start in range(0, block.shape[2], step):
        total += _squared(values[:, :, start : start + step])
    return total


def _squared(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.asarray(values @ values.transpose(0, 2, 1))


def gptq_codes(weight: Float64, scale: Float64, covariance: Float64) -> npt.NDArray[np.int8]:
    """Return int8 codes [O, K] in [-127, 127] of float64 `weight` [O, K] on steps `scale` [O].

    Args:
        covariance: float64 [K, K], sum of x x^T over the layer's inputs, in any unit.
    """
    size = weight.shape[1]
    damped = covariance.copy()
    diagonal = np.einsum("kk->k", damped)
    diagonal[diagonal == 0.0] = max(float(diagonal.mean()), 1.0)  # an input that is always 0 binds no weight
    diagonal += DAMPING * diagonal.mean()
    order = np.argsort(-diagonal, kind="stable")
    factor = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    rest, codes = weight[:, order], np.zeros(weight.shape, np.int8)
    for start in range(0, size, _BLOCK):
        end = min(start + _BLOCK, size)
        errors = _round_block(rest, codes, scale, factor, start, end)
        rest[:, end:] -= errors @ factor[start:end, end:]
    back = np.empty_like(codes)
    back[:, order] = codes
    return back


def _round_block(
    rest: Float64, codes: npt.NDArray[np.int8], scale: Float64, factor: Float64, start: int, end: int
) -> Float64:
    """Round columns start..end of `rest` in place; return each error over the factor's diagonal, [O, end - start]."""
    errors = np.zeros((rest.shape[0], end - start))
    for column in range(start, end):
        chosen = np.clip(np.rint(rest[:, column] / scale), -127, 127)
        codes[:, column] = chosen.astype(np.int8)
        errors[:, column - start] = (rest[:, column] - chosen * scale) / factor[column, column]
        rest[:, column + 1 : end] -= np.outer(errors[:, column - start], factor[column, column + 1 : end])
    return errors
