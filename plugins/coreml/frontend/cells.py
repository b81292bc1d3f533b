"""Recurrent cells written out: one step's ops, and the chain of all steps.

Source of the formulas: ONNX Operators, LSTM (gates in the order input, output, forget, cell) and GRU (update, reset,
hidden; linear_before_reset).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from workbench_plugins.coreml.frontend.dtypes import Array
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

if TYPE_CHECKING:
    from workbench_plugins.coreml.frontend.ops_recurrent import Layer

MOST_STEPS = 512
"""Above it a written-out chain makes a program that takes too long to compile."""
States = tuple[Value, ...]


@dataclass(frozen=True)
class Cell:
    """One step of a recurrent op.

    Attributes:
        weight: [gates * H, I], applied to all steps at once.
        bias: [gates * H], added to that.
        advance: (what the input gives to all gates [b, gates * H], states) -> new states, h first.
    """

    weight: Array
    bias: Array
    advance: Callable[[Value, States], States]


def written_out(step: Step, x: Value, length: int, states: States, cell: Cell) -> Sequence[Value]:
    """Return h of all steps [s, b, H], and the last states.

    Args:
        x: [s, b, I].
        length: s.
    """
    if length > MOST_STEPS:
        raise step.refuse(f"{length} steps are too many to write out", f"use sequences of {MOST_STEPS} at most")
    fed = step.op("add", x=step.op("matmul", x=x, y=np.ascontiguousarray(cell.weight.T)), y=cell.bias)
    sizes = np.ones(length, np.int32)
    parts = step.ops("split", length, x=fed, split_sizes=sizes, axis=0) if length > 1 else [fed]
    outputs = []
    for part in parts:
        states = cell.advance(step.op("squeeze", x=part, axes=[0]), states)
        outputs.append(step.op("expand_dims", x=states[0], axes=[0]))
    joined = outputs[0] if length == 1 else step.op("concat", values=outputs, axis=0, interleave=False)
    return (joined, *states)


def gru_cell(step: Step, layer: Layer) -> Cell:
    """Each step: h' = (1 - z) * g(...) + z * h; linear_before_reset says where the reset gate acts."""
    hidden, after = layer.hidden, bool(step.attribute("linear_before_reset", 0))
    own, state = np.split(layer.bias, 2)
    inner = state[2 * hidden :]
    bias = own + (np.concatenate([state[: 2 * hidden], np.zeros_like(inner)]) if after else state)
    gates, last = (np.ascontiguousarray(part.T) for part in np.split(layer.recurrent, [2 * hidden]))
    gate, out = (_activation(step, name, place) for place, name in enumerate(layer.activations))

    def advance(fed: Value, states: States) -> States:
        (h,) = states
        update, reset, candidate = step.ops("split", 3, x=fed, split_sizes=np.full(3, hidden, np.int32), axis=1)
        of_h = step.op("matmul", x=h, y=gates)
        first, second = step.ops("split", 2, x=of_h, split_sizes=np.full(2, hidden, np.int32), axis=1)
        z, r = gate(step.op("add", x=update, y=first)), gate(step.op("add", x=reset, y=second))
        if after:
            own_state = step.op("add", x=step.op("matmul", x=h, y=last), y=inner)
            added = step.op("mul", x=r, y=own_state)
        else:
            added = step.op("matmul", x=step.op("mul", x=r, y=h), y=last)
        new = out(step.op("add", x=candidate, y=added))
        rest = step.op("sub", x=step.scalar(1, step.dtype()), y=z)
        return (step.op("add", x=step.op("mul", x=rest, y=new), y=step.op("mul", x=z, y=h)),)

    return Cell(layer.weight, np.asarray(bias), advance)


def lstm_cell(step: Step, layer: Layer) -> Cell:
    """Each step: c' = f * c + i * g(...), h' = o * h(c'); with peepholes, input_forget and any activations.

    The clip bounds what goes into the gates, not what goes into h: ONNX leaves it open, ONNX Runtime does it so.
    """
    hidden = layer.hidden
    own, state = np.split(layer.bias, 2)
    recurrent = np.ascontiguousarray(layer.recurrent.T)
    peeps = [None] * 3 if layer.peephole is None else np.split(layer.peephole, 3)
    gate, cell = (_activation(step, name, place) for place, name in enumerate(layer.activations[:2]))
    out = _activation(step, layer.activations[2], 2, is_clipped=False)

    def with_peephole(value: Value, peep: Array | None, c: Value) -> Value:
        return value if peep is None else step.op("add", x=value, y=step.op("mul", x=c, y=peep))

    def advance(fed: Value, states: States) -> States:
        h, c = states
        total = step.op("add", x=fed, y=step.op("matmul", x=h, y=recurrent))
        i, o, f, z = step.ops("split", 4, x=total, split_sizes=np.full(4, hidden, np.int32), axis=1)
        i = gate(with_peephole(i, peeps[0], c))
        if step.attribute("input_forget", 0):
            f = step.op("sub", x=step.scalar(1, step.dtype()), y=i)
        else:
            f = gate(with_peephole(f, peeps[2], c))
        c = step.op("add", x=step.op("mul", x=f, y=c), y=step.op("mul", x=i, y=cell(z)))
        return step.op("mul", x=gate(with_peephole(o, peeps[1], c)), y=out(c)), c

    return Cell(layer.weight, np.asarray(own + state), advance)


def _activation(step: Step, name: str, place: int, is_clipped: bool = True) -> Callable[[Value], Value]:
    """Return an activation, with the clip before it where it is a gate's. Raises RefusedError where there is no op."""
    plain = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Softsign": "softsign", "Softplus": "softplus"}
    with_alpha = {"LeakyRelu": ("leaky_relu", 0.01), "Elu": ("elu", 1.0)}
    clip, dtype = step.attribute("clip") if is_clipped else None, step.dtype()
    alphas = step.attribute("activation_alpha", [])
    if name not in plain and name not in with_alpha:
        raise step.refuse(f"the activation {name} of a recurrent op has no equivalent", "use Sigmoid, Tanh or Relu")

    def apply(value: Value) -> Value:
        if clip is not None:
            value = step.op("clip", x=value, alpha=step.scalar(-clip, dtype), beta=step.scalar(clip, dtype))
        if name in plain:
            return step.op(plain[name], x=value)
        kind, alpha = with_alpha[name]
        alpha = alphas[place] if place < len(alphas) else alpha
        return step.op(kind, x=value, alpha=step.scalar(alpha, dtype))

    return apply
