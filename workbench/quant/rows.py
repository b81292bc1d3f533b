"""The weight of a compute layer as rows, one per output channel, and the layer's input as the columns they meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.model.graph import NodeSummary
from workbench.quant.integer_ops import window_of, windows

Array = npt.NDArray[Any]
ROW_OPS = ("Conv", "Gemm", "MatMul")
_POSITIONS = 4096  # columns at a time, so that a large feature map is never unfolded as a whole


def groups_of(node: NodeSummary) -> int:
    """Return the number of groups of a Conv, 1 for every other layer."""
    return int(node.attributes.get("group", 1)) if node.op_type == "Conv" else 1


def as_rows(node: NodeSummary, weight: Array) -> Array:
    """Return the weight of a Conv, Gemm or MatMul as [G, O/G, I/G, kernel]: group, output, input, kernel position."""
    if node.op_type == "Conv":
        groups = groups_of(node)
        return weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    rows = weight if _is_row_major(node) else weight.T
    return rows[None, :, :, None]


def from_rows(node: NodeSummary, rows: Array, shape: tuple[int, ...]) -> Array:
    """Return what `as_rows` made rows of, in the initializer's shape."""
    if node.op_type == "Conv":
        return np.ascontiguousarray(rows.reshape(shape))
    flat = rows.reshape(rows.shape[1], -1)
    return np.ascontiguousarray(flat if _is_row_major(node) else flat.T)


def columns(node: NodeSummary, values: Array, kernel: tuple[int, ...]) -> Iterator[Array]:
    """Yield a layer's input as [G, K, P]: K = I/G * kernel, so that rows @ columns is the layer's output.

    Args:
        values: the input [N, C, *space] of a Conv, [..., I] of a Gemm or MatMul.
        kernel: the Conv's kernel shape, () for others.
    """
    if node.op_type != "Conv":
        yield values.reshape(-1, values.shape[-1]).T[None]
        return
    views = windows(values, window_of(node.attributes, kernel, values.shape[2:]), 0)  # [N, C, *out, *kernel]
    rank, groups = len(kernel), groups_of(node)
    row = int(np.prod(views.shape[3 : 2 + rank], dtype=np.int64)) * views.shape[0]
    step = max(1, _POSITIONS // max(row, 1))
    for start in range(0, views.shape[2], step):
        part = views[:, :, start : start + step]
        order = (1, *range(2 + rank, 2 + 2 * rank), 0, *range(2, 2 + rank))
        per_group = part.shape[1] // groups * int(np.prod(kernel, dtype=np.int64))
        yield part.transpose(order).reshape(groups, per_group, -1)


def _is_row_major(node: NodeSummary) -> bool:
    """Whether a Gemm or MatMul constant is [O, I]; it is [I, O] without transB."""
    return bool(node.attributes.get("transB", 0))
