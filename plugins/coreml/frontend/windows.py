"""Windows of convolutions and pools: pads of every ONNX form as numbers before and after each axis.

Source of the rules: ONNX Operators, Conv, ConvTranspose, AveragePool and MaxPool (auto_pad, ceil_mode).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench_plugins.coreml.frontend.step import Step


@dataclass(frozen=True)
class Window:
    """One window sliding over the spatial axes; every tuple has one entry per spatial axis.

    Attributes:
        begins, ends: elements added before and after.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """Elements from a window's first to its last, both counted."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def pad(self) -> list[int]:
        """Pads in MIL's order: before and after of the first axis, then of the second."""
        return [number for pair in zip(self.begins, self.ends, strict=True) for number in pair]


def window_of(step: Step, kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    """Return the window of a Conv or pool.

    Args:
        kernel: its size per spatial axis.
        sizes: of the input per spatial axis.
    """
    axes = len(kernel)
    strides = tuple(step.attribute("strides", [1] * axes))
    dilations = tuple(step.attribute("dilations", [1] * axes))
    plain = Window(tuple(kernel), strides, dilations, (0,) * axes, (0,) * axes)
    auto = step.attribute("auto_pad", "NOTSET")
    if auto == "VALID":
        return plain
    if auto == "NOTSET":
        pads = list(step.attribute("pads", [0] * 2 * axes))
        return Window(plain.kernel, strides, dilations, tuple(pads[:axes]), tuple(pads[axes:]))
    needed = zip(sizes, strides, plain.spans, strict=True)
    totals = [max((-(-size // stride) - 1) * stride + span - size, 0) for size, stride, span in needed]
    begins, ends = split(totals, auto)
    return Window(plain.kernel, strides, dilations, begins, ends)


def split(totals: Sequence[int], auto: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return pads before and after; an odd one goes after with SAME_UPPER, before with SAME_LOWER."""
    small, large = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (large, small) if auto == "SAME_LOWER" else (small, large)


def ends_for(window: Window, sizes: Sequence[int], outputs: Sequence[int]) -> tuple[int, ...]:
    """Return pads after each axis that give just `outputs` windows (ceil_mode), at least 0."""
    needed = zip(sizes, outputs, window.strides, window.spans, window.begins, strict=True)
    return tuple(max((out - 1) * stride + span - size - begin, 0) for size, out, stride, span, begin in needed)
