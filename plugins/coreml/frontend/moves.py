"""Tensors of more than five axes between Reshape and Transpose: never made, since only their elements' order counts.

PixelShuffle, its inverse, channel shuffle and attention windows are written as Reshape, Transpose, Reshape with six
axes and more. Axes that stay neighbours are one axis for that purpose; what still has more than five is moved in steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import LARGEST_RANK, Step

RESHAPES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Ops that leave the elements in their order."""
POINTWISE = frozenset({"Cast", "Clip", "DequantizeLinear", "LeakyRelu", "QuantizeLinear", "Relu", "Sigmoid"})
"""Ops that do not care where an element stands, where their parameters are single numbers."""
Move = tuple[tuple[int, ...], tuple[int, ...]]
"""A shape of at most five axes, and the order in which they are taken."""


@dataclass(frozen=True)
class Moved:
    """A tensor that stands for `transpose(reshape(base, shape), order)`.

    Attributes:
        base: a variable of the program.
    """

    base: Value
    shape: tuple[int, ...]
    order: tuple[int, ...]


def moved(step: Step, source: Moved | None, lower: Any) -> Value | Moved:
    """Convert a node whose input or output has more than five axes.

    Args:
        source: its input where that has more than five axes; lower: the conversion of its op.

    Raises RefusedError for ops that need such a tensor itself.
    """
    kind = step.node.op_type
    if source is not None and kind == "Transpose":
        given = step.attribute("perm", list(range(step.rank()))[::-1])
        return Moved(source.base, source.shape, tuple(source.order[axis] for axis in given))
    if kind in RESHAPES:
        return _reshaped(step, source)
    if source is not None and kind in POINTWISE and _has_single_numbers(step):
        return Moved(lower(step), source.shape, source.order)
    count = max(step.rank(), len(step.out_shape()))
    raise step.refuse(f"it has {count} axes, and Core ML has {LARGEST_RANK} at most", "merge axes in the model")


def _reshaped(step: Step, source: Moved | None) -> Value | Moved:
    shape = step.out_shape()
    base = step.var() if source is None else _made(step, source)
    if len(shape) > LARGEST_RANK:
        return Moved(base, shape, tuple(range(len(shape))))
    return step.reshape(base, shape) if shape else step.op("squeeze", x=step.reshape(base, (1,)), axes=[0])


def _made(step: Step, source: Moved) -> Value:
    """Return the elements in their order, in some shape."""
    value = source.base
    for shape, order in moves(source.shape, source.order):
        step.note(f"moved as {list(shape)} in the order {list(order)}: Core ML has {LARGEST_RANK} axes at most")
        value = step.transpose(step.reshape(value, shape), order)
    return value


def _has_single_numbers(step: Step) -> bool:
    return all(prod(step.shape(place)) == 1 for place in range(1, step.input_count) if step.has(place))


def moves(shape: Sequence[int], order: Sequence[int]) -> list[Move]:
    """Return transpositions of at most five axes that together order elements as `transpose(order)` of `shape` does.

    Each is a reshape followed by a transposition; () where nothing moves. An axis is brought to its place by exchanging
    it with all that stands before it there, which takes four axes: what is in place, what is passed, itself, the rest.
    """
    found: list[Move] = []
    sizes, wanted = merged(shape, order)
    while len(sizes) > LARGEST_RANK:
        place = next(index for index, axis in enumerate(wanted) if axis != index)
        axis = wanted[place]
        parts = (sizes[:place], sizes[place:axis], sizes[axis : axis + 1], sizes[axis + 1 :])
        found.append((tuple(prod(part) for part in parts), (0, 2, 1, 3)))
        passed = [*range(place), axis, *range(place, axis), *range(axis + 1, len(sizes))]
        sizes, wanted = merged([sizes[old] for old in passed], [passed.index(old) for old in wanted])
    return [*found, (sizes, wanted)] if len(sizes) > 1 else found


def merged(shape: Sequence[int], order: Sequence[int]) -> Move:
    """Return the same transposition with as few axes as it has: none of size 1, neighbours that stay so as one."""
    kept = [axis for axis in order if shape[axis] != 1]
    runs: list[list[int]] = []
    for axis in kept:
        before = runs[-1][-1] if runs else axis
        between = range(before + 1, axis)
        if runs and axis > before and all(shape[old] == 1 for old in between):
            runs[-1].append(axis)
        else:
            runs.append([axis])
    places = sorted(runs)
    return tuple(prod(shape[axis] for axis in run) for run in places), tuple(places.index(run) for run in runs)
