"""Multiply-accumulates of one node from its tensors' shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Shape = Sequence[int]
Attributes = Mapping[str, Any]


def macs_of(
    op_type: str, attributes: Attributes, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> int:
    """Return a node's multiply-accumulates for the shapes given, 0 for ops that have none or are not known.

    Where only the weight's shape is known (behind a Squeeze or an If whose result depends on sizes), those of one
    position, row or step are counted: 0 would make a float layer vanish from an INT8 share.

    Conv: elements of the output times C_in / group times the kernel's size. ConvTranspose: elements of the input
    times C_out / group times the kernel's size. Gemm, MatMul: elements of the output times the inner size.
    LSTM, GRU, RNN: steps times batch times elements of W and R. Biases and activations are not counted.

    Args:
        inputs, outputs: a shape per tensor, None for one that is left out or not known.
    """
    rule = _RULES.get(op_type)
    if rule is None:
        return 0
    try:
        return rule(attributes, inputs, outputs)
    except _Unknown:
        weights = [inputs[index] for index in _WEIGHTS[op_type] if index < len(inputs)]
        return sum(0 if shape is None else math.prod(shape) for shape in weights)


class _Unknown(Exception):  # noqa: N818  (a signal inside this file, no error)
    """A shape that the formula needs is not known."""


Rule = Callable[[Attributes, Sequence[Shape | None], Sequence[Shape | None]], int]


def _at(shapes: Sequence[Shape | None], index: int) -> Shape:
    shape = shapes[index] if index < len(shapes) else None
    if shape is None:
        raise _Unknown
    return shape


def _conv(weight: int) -> Rule:
    return lambda _, inputs, outputs: math.prod(_at(outputs, 0)) * math.prod(_at(inputs, weight)[1:])


def _conv_transpose(_: Attributes, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    return math.prod(_at(inputs, 0)) * math.prod(_at(inputs, 1)[1:])


def _gemm(attributes: Attributes, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    inner = _at(inputs, 0)[0 if attributes.get("transA", 0) else 1]
    return math.prod(_at(outputs, 0)) * inner


def _matmul(_: Attributes, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    return math.prod(_at(outputs, 0)) * _at(inputs, 0)[-1]


def _recurrent(attributes: Attributes, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    first, second = _at(inputs, 0)[:2]
    return first * second * (math.prod(_at(inputs, 1)) + math.prod(_at(inputs, 2)))


_RULES: dict[str, Rule] = {
    "Conv": _conv(1),
    "ConvInteger": _conv(1),
    "QLinearConv": _conv(3),
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}

_WEIGHTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(_RULES, (1,)),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul"), (3,)),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), (1, 2)),
}
"""Op -> its inputs whose elements are the multiply-accumulates of one position, row or step."""
