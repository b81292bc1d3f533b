"""Recurrent layers against ONNX Runtime, whose gates stand in another order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator.recurrent import gru, lstm, rnn

STEPS, BATCH, INPUT, HIDDEN = 5, 2, 3, 4
X = random(STEPS, BATCH, INPUT)


def reordered(weights: np.ndarray, order: str, wanted: str) -> np.ndarray:
    """Reorder the gates along the first axis: from "iofc" to "ifoc", say."""
    parts = dict(zip(order, np.split(weights, len(order)), strict=True))
    return np.concatenate([parts[gate] for gate in wanted])


def parameters(gates: int, directions: int = 1) -> tuple[np.ndarray, ...]:
    shapes = ((gates * HIDDEN, INPUT), (gates * HIDDEN, HIDDEN), (2 * gates * HIDDEN,))
    return tuple(random(directions, *shape, seed=seed) / 2 for seed, shape in enumerate(shapes, 1))


def onnx_lstm_in_our_order(place: int, w: np.ndarray, r: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    bias = b[place, : 4 * HIDDEN] + b[place, 4 * HIDDEN :]
    return [reordered(item, "iofc", "ifoc") for item in (w[place], r[place], bias)]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_lstm(direction: str) -> None:
    directions = 2 if direction == "bidirectional" else 1
    w, r, b = parameters(4, directions)
    h, c, p = (random(directions, *shape, seed=9) for shape in ((BATCH, HIDDEN), (BATCH, HIDDEN), (3 * HIDDEN,)))
    expected = onnx_results("LSTM", [X, w, r, b, None, h, c, p], outputs=3, hidden_size=HIDDEN, direction=direction)
    forward = dict(zip(("weight_ih", "weight_hh", "bias"), onnx_lstm_in_our_order(0, w, r, b), strict=True))
    options: dict[str, Any] = {**forward, "peephole": reordered(p[0], "iof", "ifo")}
    if directions == 2:
        back = onnx_lstm_in_our_order(1, w, r, b)
        options |= dict(zip(("weight_ih_back", "weight_hh_back", "bias_back"), back, strict=True))
        options["peephole_back"] = reordered(p[1], "iof", "ifo")
    outputs, last_h, last_c = lstm(
        X, np.concatenate(h, -1), np.concatenate(c, -1), direction=direction, output_sequence=True, **options
    )
    y = np.concatenate(np.moveaxis(expected[0], 1, 0), -1)
    np.testing.assert_allclose(outputs, y[::-1] if direction == "reverse" else y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last_h, np.concatenate(expected[1], -1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last_c, np.concatenate(expected[2], -1), rtol=1e-4, atol=1e-5)


def test_without_the_sequence_the_last_step_is_returned() -> None:
    w, r, b = parameters(4)
    weights = onnx_lstm_in_our_order(0, w, r, b)
    h = c = np.zeros((BATCH, HIDDEN), np.float32)
    whole, last_h, _ = lstm(X, h, c, *weights, output_sequence=True)
    short, _, _ = lstm(X, h, c, *weights)
    assert np.array_equal(short, whole[-1:])
    assert np.array_equal(short[0], last_h)


@pytest.mark.parametrize("reset_after", [False, True])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_gru(direction: str, reset_after: bool) -> None:
    w, r, b = parameters(3)
    h = random(1, BATCH, HIDDEN, seed=9)
    expected = onnx_results(
        "GRU",
        [X, w, r, b, None, h],
        outputs=2,
        hidden_size=HIDDEN,
        direction=direction,
        linear_before_reset=int(reset_after),
    )
    w_bias, r_bias = (reordered(item, "zrh", "rhz") for item in np.split(b[0], 2))
    biases = {"bias": r_bias, "input_bias": w_bias} if reset_after else {"bias": w_bias + r_bias}
    outputs, last = gru(
        X,
        h[0],
        *(reordered(item[0], "zrh", "rhz") for item in (w, r)),
        direction=direction,
        output_sequence=True,
        reset_after=reset_after,
        **biases,
    )
    y = expected[0][:, 0]
    np.testing.assert_allclose(outputs, y[::-1] if direction == "reverse" else y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, expected[1][0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("activation", "theirs"), [("tanh", "Tanh"), ("relu", "Relu"), ("sigmoid", "Sigmoid")])
def test_rnn(activation: str, theirs: str) -> None:
    w, r, b = parameters(1)
    h = random(1, BATCH, HIDDEN, seed=9)
    expected = onnx_results("RNN", [X, w, r, b, None, h], outputs=2, hidden_size=HIDDEN, activations=[theirs])
    bias = b[0, :HIDDEN] + b[0, HIDDEN:]
    outputs, last = rnn(X, h[0], w[0], r[0], bias, output_sequence=True, activation=activation)
    np.testing.assert_allclose(outputs, expected[0][:, 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, expected[1][0], rtol=1e-4, atol=1e-5)


def test_what_is_not_modelled_is_said() -> None:
    h = np.zeros((BATCH, HIDDEN), np.float32)
    w, r, _ = parameters(4)
    with pytest.raises(ValueError, match="clip is not modelled"):
        lstm(X, h, h, w[0], r[0], clip=np.float32(1))
    with pytest.raises(ValueError, match="activation scaled_tanh is not modelled"):
        lstm(X, h, h, w[0], r[0], cell_activation="scaled_tanh")
