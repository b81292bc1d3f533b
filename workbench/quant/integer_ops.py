"""Integer kernels of the executable specification: products, convolutions and windows, in numpy.

They work on *steps*, a code minus its zero point, so that the real zero is step 0 and padding with zero is padding
with 0. Products are summed in float64, where BLAS is fast and the sum still exact in any order: steps and weights stay
within +-255, so a sum of K products stays below K * 2^16, an integer that float64 holds for every K < 2^37.
NOT decided here: scales, rounding, where an int32 accumulator ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window, one entry per spatial axis.

    Attributes:
        pads: (before, after); an entry is negative where a transposed convolution crops.
        overhang: how far ceil_mode lets the last window stand beyond the padding.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    overhang: tuple[int, ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """Cells from the first to the last that one window covers, per axis."""
        return tuple((size - 1) * step + 1 for size, step in zip(self.kernel, self.dilations, strict=True))


def window_of(attributes: Mapping[str, Any], kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    """Return the window of a Conv or pool from its ONNX attributes.

    Args:
        attributes: strides, dilations, pads, auto_pad, ceil_mode; absent ones have ONNX's defaults.
        kernel: kernel sizes; sizes: the input's spatial sizes.
    """
    ones = [1] * len(kernel)
    strides, dilations = attributes.get("strides", ones), attributes.get("dilations", ones)
    spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    auto_pad = _text(attributes.get("auto_pad", "NOTSET"))
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        totals = [
            max((math.ceil(size / stride) - 1) * stride + span - size, 0)
            for size, stride, span in zip(sizes, strides, spans, strict=True)
        ]
        pads = tuple(_halves(total, lower_first=auto_pad == "SAME_UPPER") for total in totals)
    else:
        given = attributes.get("pads", [0] * 2 * len(kernel)) if auto_pad == "NOTSET" else [0] * 2 * len(kernel)
        pads = tuple(zip(given[: len(kernel)], given[len(kernel) :], strict=True))
    overhang = [
        _overhang(size, pad, stride, span) if attributes.get("ceil_mode", 0) else 0
        for size, pad, stride, span in zip(sizes, pads, strides, spans, strict=True)
    ]
    return Window(tuple(kernel), tuple(strides), tuple(dilations), pads, tuple(overhang))


def convolve(steps: Integers, weight: Integers, window: Window, groups: int) -> Int64:
    """Return sum_{c, k} steps[n, c, o * stride + k * dilation] * weight[m, c, k] with zero padding.

    Args:
        steps: [N, C, *spatial]; weight: [M, C / groups, *kernel].

    Returns:
        [N, M, *output].
    """
    view = windows(steps, window, 0)
    rank = len(window.kernel)
    output = view.shape[2 : 2 + rank]
    columns = np.moveaxis(view, range(2, 2 + rank), range(-rank, 0)).astype(np.float64)
    columns = columns.reshape(len(steps), groups, -1, math.prod(output))
    rows = weight.astype(np.float64).reshape(groups, weight.shape[0] // groups, -1)
    return (rows @ columns).astype(np.int64).reshape(len(steps), weight.shape[0], *output)


def convolve_transposed(steps: Integers, weight: Integers, attributes: Mapping[str, Any]) -> Int64:
    """Return ONNX's ConvTranspose of steps [N, C, *spatial] with weight [C, M / group, *kernel]: [N, M, *output].

    It is the Conv of the input, spread out by the strides, with the kernel turned round and the channels exchanged.
    """
    kernel, sizes = weight.shape[2:], steps.shape[2:]
    groups = attributes.get("group", 1)
    strides = attributes.get("strides", [1] * len(kernel))
    spread = np.zeros((*steps.shape[:2], *((n - 1) * s + 1 for n, s in zip(sizes, strides, strict=True))), np.int64)
    spread[:, :, *(slice(None, None, stride) for stride in strides)] = steps
    parts = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    turned = np.flip(parts.reshape(-1, weight.shape[0] // groups, *kernel), tuple(range(2, 2 + len(kernel))))
    return convolve(spread, turned, _transposed_window(attributes, kernel, sizes), groups)


def multiply(left: Integers, right: Integers) -> Int64:
    """Return the matrix product with numpy's broadcasting, as ONNX MatMul."""
    return np.asarray(np.matmul(left.astype(np.float64), right.astype(np.float64)).astype(np.int64))


def window_maximum(steps: Integers, window: Window) -> Int64:
    """Return the largest step under each window, padding left out: [N, C, *output]."""
    view = windows(steps.astype(np.int64), window, np.iinfo(np.int64).min)
    return np.asarray(view.max(axis=_kernel_axes(window)))


def window_sum(steps: Integers, window: Window) -> Int64:
    """Return the sum under each window, padding counting as 0: [N, C, *output]."""
    return np.asarray(windows(steps.astype(np.int64), window, 0).sum(axis=_kernel_axes(window)))


def window_count(sizes: Sequence[int], window: Window, *, count_pads: bool) -> Int64:
    """Return how many cells each window averages over, [1, 1, *output]: with the padding or without it."""
    cells = np.ones((1, 1, *sizes), np.int64)
    pads = window.pads if count_pads else ((0, 0),) * len(sizes)
    grown = np.pad(cells, ((0, 0), (0, 0), *pads), constant_values=1)
    rest = tuple((own[0] - new[0], own[1] - new[1]) for own, new in zip(window.pads, pads, strict=True))
    return window_sum(grown, Window(window.kernel, window.strides, window.dilations, rest, window.overhang))


def windows(values: npt.NDArray[Any], window: Window, fill: int) -> npt.NDArray[Any]:
    """Return a view [N, C, *output, *kernel] of values [N, C, *spatial] of any dtype, padded with `fill` or cropped."""
    edges = zip(window.pads, window.overhang, strict=True)
    widths = [(max(before, 0), max(after, 0) + extra) for (before, after), extra in edges]
    padded = np.pad(values, ((0, 0), (0, 0), *widths), constant_values=fill)
    crop = tuple(slice(max(-before, 0), size - max(-after, 0)) for (before, after), size in _ends(window, padded))
    axes = tuple(range(2, values.ndim))
    view = np.lib.stride_tricks.sliding_window_view(padded[:, :, *crop], window.spans, axis=axes)
    steps = (slice(None, None, step) for step in (*window.strides, *window.dilations))
    return np.asarray(view[:, :, *steps])


def _ends(window: Window, padded: npt.NDArray[Any]) -> zip[tuple[tuple[int, int], int]]:
    return zip(window.pads, padded.shape[2:], strict=True)


def _kernel_axes(window: Window) -> tuple[int, ...]:
    return tuple(range(-len(window.kernel), 0))


def _overhang(size: int, pads: tuple[int, int], stride: int, span: int) -> int:
    """Return the cells that ceil_mode adds after the padding; a window that would start beyond it is left out."""
    room = size + sum(pads) - span
    count = math.ceil(room / stride) + 1
    if (count - 1) * stride >= size + pads[0]:
        count -= 1
    return max((count - 1) * stride - room, 0)


def _transposed_window(attributes: Mapping[str, Any], kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    rank = len(kernel)
    ones, zeros = [1] * rank, [0] * rank
    strides, dilations = attributes.get("strides", ones), attributes.get("dilations", ones)
    extra = attributes.get("output_padding", zeros)
    spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    full = [s * (n - 1) + e + span for s, n, e, span in zip(strides, sizes, extra, spans, strict=True)]
    cut = _transposed_pads(attributes, full, [n * s for n, s in zip(sizes, strides, strict=True)])
    pads = tuple(
        (span - 1 - before, span - 1 - after + e) for (before, after), span, e in zip(cut, spans, extra, strict=True)
    )
    return Window(tuple(kernel), tuple(ones), tuple(dilations), pads, tuple(zeros))


def _transposed_pads(attributes: Mapping[str, Any], full: Sequence[int], same: Sequence[int]) -> list[tuple[int, int]]:
    """Return what ConvTranspose cuts off its full output: as given, or so that the output has a wanted size."""
    auto_pad = _text(attributes.get("auto_pad", "NOTSET"))
    rank = len(full)
    wanted = attributes.get("output_shape", same if auto_pad.startswith("SAME") else None)
    if wanted is not None:
        upper = auto_pad == "SAME_UPPER"
        return [_halves(have - want, lower_first=upper) for have, want in zip(full, wanted[-rank:], strict=True)]
    given = attributes.get("pads", [0] * 2 * rank) if auto_pad == "NOTSET" else [0] * 2 * rank
    return list(zip(given[:rank], given[rank:], strict=True))


def _halves(total: int, *, lower_first: bool) -> tuple[int, int]:
    """Split padding in two; an odd cell goes to the end when `lower_first`, else to the beginning."""
    small = total // 2
    return (small, total - small) if lower_first else (total - small, small)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
