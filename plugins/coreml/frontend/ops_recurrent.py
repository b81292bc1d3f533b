"""LSTM, GRU and RNN, with ONNX's gate orders, both directions and both layouts.

MIL's lstm and rnn are used where they say the same; a reversed direction is computed forward on reversed steps. GRU,
and cells with clips or other activations, are written out step by step: where MIL's gru applies its reset gate is not
documented clearly enough to rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from workbench_plugins.coreml.frontend.cells import Cell, gru_cell, lstm_cell, written_out
from workbench_plugins.coreml.frontend.dtypes import Array
from workbench_plugins.coreml.frontend.net import Value
from workbench_plugins.coreml.frontend.step import Step

NATIVE = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu"}
LSTM_ORDER = (0, 2, 1, 3)
"""ONNX's gates input, output, forget, cell in MIL's order: input, forget, output, cell."""
PEEPHOLE_ORDER = (0, 2, 1)
DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


@dataclass(frozen=True)
class Layer:
    """One direction of a recurrent op.

    Attributes:
        weight, recurrent: [gates * H, I] and [gates * H, H].
        bias: [2 * gates * H], of the input and of the state.
        peephole: [3 * H], or None.
        activations: ONNX's names.
        states: initial h, and c for an LSTM, each [b, H].
    """

    weight: Array
    recurrent: Array
    bias: Array
    peephole: Array | None
    activations: tuple[str, ...]
    states: tuple[Value, ...]

    @property
    def hidden(self) -> int:
        """H."""
        return int(self.recurrent.shape[1])


def recurrent(step: Step) -> Sequence[Value]:
    """Every direction by itself, then put together: Y [s, D, b, H], Y_h [D, b, H], Y_c [D, b, H]."""
    _check(step)
    x = step.transpose(step.var(0), (1, 0, 2)) if step.attribute("layout", 0) else step.var(0)
    made = []
    for place, is_reversed in enumerate(_directions(step)):
        turned = step.op("reverse", x=x, axes=[0]) if is_reversed else x
        outputs, *ends = _layer_outputs(step, turned, _layer(step, place))
        made.append((step.op("reverse", x=outputs, axes=[0]) if is_reversed else outputs, *ends))
    return _together(step, made)


def _directions(step: Step) -> tuple[bool, ...]:
    """Return per direction whether it is reversed."""
    return {"forward": (False,), "reverse": (True,)}.get(step.attribute("direction", "forward"), (False, True))


def _check(step: Step) -> None:
    length = step.shape()[1 if step.attribute("layout", 0) else 0]
    if step.has(4) and (step.constant(4, "the sequence lengths") != length).any():
        raise step.refuse("sequences of different lengths have no equivalent", "pad them, or run them one by one")


def _layer(step: Step, place: int) -> Layer:
    weight, recurrent_weight = (step.weight_value(index)[place] for index in (1, 2))
    rows, hidden = recurrent_weight.shape
    bias = step.weight_value(3)[place] if step.has(3) else np.zeros(2 * rows, weight.dtype)
    peephole = step.weight_value(7)[place] if step.node.op_type == "LSTM" and step.has(7) else None
    names = tuple(name.decode() for name in step.attribute("activations", []))
    count = len(DEFAULTS[step.node.op_type])
    names = names[place * count : (place + 1) * count] or DEFAULTS[step.node.op_type]
    inputs = (5, 6) if step.node.op_type == "LSTM" else (5,)
    states = tuple(_initial(step, index, place, hidden) for index in inputs)
    return Layer(weight, recurrent_weight, bias, peephole, names, states)


def _initial(step: Step, index: int, place: int, hidden: int) -> Value:
    """Return one direction's initial state, [b, H]; zeros where none is given."""
    by_batch = bool(step.attribute("layout", 0))
    batch = step.shape()[0 if by_batch else 1]
    if not step.has(index):
        return step.const(np.zeros((batch, hidden), step.numpy_type()))
    known = step.value(index)
    if known is not None:
        return step.const(np.take(known, place, 1 if by_batch else 0).astype(step.numpy_type()))
    value = step.transpose(step.var(index), (1, 0, 2)) if by_batch else step.var(index)
    if len(_directions(step)) > 1:
        value = step.op("slice_by_index", x=value, begin=[place, 0, 0], end=[place + 1, batch, hidden])
    return step.op("squeeze", x=value, axes=[0])


def _layer_outputs(step: Step, x: Value, layer: Layer) -> Sequence[Value]:
    """Return the states of all steps [s, b, H], and the last ones [b, H]."""
    is_plain = step.attribute("clip") is None and not step.attribute("input_forget", 0)
    is_native = is_plain and set(layer.activations) <= set(NATIVE)
    if step.node.op_type == "LSTM":
        return _native_lstm(step, x, layer) if is_native else _by_cell(step, x, layer, lstm_cell)
    if step.node.op_type == "GRU":
        return _by_cell(step, x, layer, gru_cell)
    if not is_native:
        raise step.refuse(f"an RNN with {', '.join(layer.activations)} or a clip has no equivalent", "use Tanh or Relu")
    weights = {"weight_ih": layer.weight, "weight_hh": layer.recurrent, "bias": _sum_of_biases(layer)}
    (state,), activation = layer.states, NATIVE[layer.activations[0]]
    return step.ops("rnn", 2, x=x, initial_h=state, output_sequence=True, activation=activation, **weights)


def _sum_of_biases(layer: Layer) -> Array:
    rows = len(layer.weight)
    return np.asarray(layer.bias[:rows] + layer.bias[rows:])


def _ordered(array: Array, order: Sequence[int]) -> Array:
    """Return the gates of an array in another order, along its first axis."""
    parts = np.split(array, len(order))
    return np.concatenate([parts[place] for place in order])


def _native_lstm(step: Step, x: Value, layer: Layer) -> Sequence[Value]:
    weights = {"weight_ih": layer.weight, "weight_hh": layer.recurrent, "bias": _sum_of_biases(layer)}
    given = {name: _ordered(array, LSTM_ORDER) for name, array in weights.items()}
    if layer.peephole is not None:
        given["peephole"] = _ordered(layer.peephole, PEEPHOLE_ORDER)
    gate, cell, out = (NATIVE[name] for name in layer.activations)
    kinds = {"recurrent_activation": gate, "cell_activation": cell, "activation": out}
    h, c = layer.states
    return step.ops("lstm", 3, x=x, initial_h=h, initial_c=c, output_sequence=True, **kinds, **given)


def _by_cell(step: Step, x: Value, layer: Layer, cell: Callable[..., Cell]) -> Sequence[Value]:
    step.note("written out step by step")
    length = step.shape()[1 if step.attribute("layout", 0) else 0]
    return written_out(step, x, length, layer.states, cell(step, layer))


def _together(step: Step, made: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """Return the op's outputs from those of each direction; None for those without a name."""
    by_batch = bool(step.attribute("layout", 0))
    outputs: list[Value] = []
    for place, values in enumerate(zip(*made, strict=True)):
        if not step.wants(place):
            outputs.append(None)
            continue
        axis = (2 if by_batch else 1) if place == 0 else (1 if by_batch else 0)
        parts = [step.transpose(value, (1, 0, 2)) for value in values] if by_batch and place == 0 else values
        spread = [step.op("expand_dims", x=value, axes=[axis]) for value in parts]
        outputs.append(spread[0] if len(spread) == 1 else step.op("concat", values=spread, axis=axis, interleave=False))
    return outputs


OPS: dict[str, Callable[[Step], Sequence[Value]]] = {"LSTM": recurrent, "GRU": recurrent, "RNN": recurrent}
