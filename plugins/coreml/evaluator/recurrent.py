"""LSTM, GRU and RNN over x [s, b, I]. A reversed layer's outputs stand in the order in which they were computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from workbench_plugins.coreml.evaluator.registry import Array, operation

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "hard_sigmoid": lambda x: np.clip(np.float32(0.2) * x + np.float32(0.5), 0, 1),
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "sigmoid": special.expit,
    "sigmoid_hard": lambda x: np.clip(np.float32(0.2) * x + np.float32(0.5), 0, 1),
    "tanh": np.tanh,
}


def _activation(name: str) -> Callable[[Array], Array]:
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation {name} is not modelled")
    return _ACTIVATIONS[name]


@operation("lstm")
def lstm(  # noqa: PLR0913, PLR0917  (MIL's parameters)
    x: Array,
    initial_h: Array,
    initial_c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    peephole: Array | None = None,
    direction: str = "forward",
    output_sequence: Any = False,
    **others: Any,
) -> tuple[Array, Array, Array]:
    """Gates stand in the order input, forget, output, cell; peepholes input, forget, output.

    Returns [s or 1, b, H], [b, H], [b, H]; with two directions 2 * H, the backward half in the order of time.
    """
    back = [others.pop(name, None) for name in ("weight_ih_back", "weight_hh_back", "bias_back", "peephole_back")]
    cell = _Lstm(**others)
    hidden = weight_hh.shape[1]
    turned = x[::-1] if direction == "reverse" else x
    states = cell.states(turned, initial_h[:, :hidden], initial_c[:, :hidden], weight_ih, weight_hh, bias, peephole)
    if direction == "bidirectional":
        backward = cell.states(x[::-1], initial_h[:, hidden:], initial_c[:, hidden:], *back)
        outputs = np.concatenate([states[0], backward[0][::-1]], -1)
        ends = [np.concatenate(pair, -1) for pair in zip(states[1:], backward[1:], strict=True)]
        return (outputs if output_sequence else ends[0][None]), ends[0], ends[1]
    return _kept(states[0], output_sequence), states[1], states[2]


def _kept(outputs: Array, output_sequence: Any) -> Array:
    return outputs if output_sequence else outputs[-1:]


class _Lstm:
    """Activations of an LSTM; Core ML's `clip` is not modelled."""

    def __init__(
        self,
        recurrent_activation: str = "sigmoid",
        cell_activation: str = "tanh",
        activation: str = "tanh",
        clip: Any = None,
    ) -> None:
        if clip is not None:
            raise ValueError("clip is not modelled")
        self._gate, self._cell, self._out = map(_activation, (recurrent_activation, cell_activation, activation))

    def states(
        self,
        x: Array,
        h: Array,
        c: Array,
        weight_ih: Array,
        weight_hh: Array,
        bias: Array | None,
        peephole: Array | None,
    ) -> tuple[Array, Array, Array]:
        """Return h of every step [s, b, H], and the last h and c [b, H]."""
        fed = x @ weight_ih.T + (0 if bias is None else bias)
        peeps = np.zeros(3 * h.shape[1], np.float32) if peephole is None else peephole
        outputs = []
        for step in fed:
            h, c = self._step(step + h @ weight_hh.T, c, np.split(peeps, 3))
            outputs.append(h)
        return np.stack(outputs), h, c

    def _step(self, gates: Array, c: Array, peeps: list[Array]) -> tuple[Array, Array]:
        i, f, o, z = np.split(gates, 4, -1)
        c = self._gate(f + peeps[1] * c) * c + self._gate(i + peeps[0] * c) * self._cell(z)
        return self._gate(o + peeps[2] * c) * self._out(c), c


@operation("gru")
def gru(  # noqa: PLR0913, PLR0917  (MIL's parameters)
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: Any = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: Any = False,
    input_bias: Array | None = None,
) -> tuple[Array, Array]:
    """Gates stand in the order reset, output, update; the reset gate acts on h before the product unless reset_after.

    With reset_after `bias` belongs to the product of h and is gated with it.
    """
    gate, out = _activation(recurrent_activation), _activation(activation)
    fed = (x[::-1] if direction == "reverse" else x) @ weight_ih.T + (0 if input_bias is None else input_bias)
    hidden = weight_hh.shape[1]
    added = np.zeros(3 * hidden, np.float32) if bias is None else bias
    h, outputs = initial_h, []
    for step in fed:
        r, z = (gate(step[:, at] + h @ weight_hh[at].T + added[at]) for at in _thirds(hidden, 0, 2))
        h = (1 - z) * out(_candidate(step, h, r, weight_hh, added, bool(reset_after))) + z * h
        outputs.append(h)
    return _kept(np.stack(outputs), output_sequence), h


def _thirds(hidden: int, *numbers: int) -> list[slice]:
    return [slice(number * hidden, (number + 1) * hidden) for number in numbers]


def _candidate(step: Array, h: Array, r: Array, weight_hh: Array, bias: Array, reset_after: bool) -> Array:
    (at,) = _thirds(h.shape[1], 1)
    if reset_after:
        return np.asarray(step[:, at] + r * (h @ weight_hh[at].T + bias[at]))
    return np.asarray(step[:, at] + (r * h) @ weight_hh[at].T + bias[at])


@operation("rnn")
def rnn(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: Any = False,
    activation: str = "tanh",
) -> tuple[Array, Array]:
    """Compute h = activation(x @ weight_ih.T + h @ weight_hh.T + bias) step by step."""
    out = _activation(activation)
    fed = (x[::-1] if direction == "reverse" else x) @ weight_ih.T + (0 if bias is None else bias)
    h, outputs = initial_h, []
    for step in fed:
        h = out(step + h @ weight_hh.T)
        outputs.append(h)
    return _kept(np.stack(outputs), output_sequence), h
