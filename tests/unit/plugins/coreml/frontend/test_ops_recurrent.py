"""LSTM, GRU and RNN against ONNX Runtime: gate orders, directions, layouts, states, peepholes, clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types
from workbench_plugins.coreml.frontend.convert import unsupported

STEPS, BATCH, INPUTS, HIDDEN = 5, 2, 3, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def case_of(
    op_type: str, direction: str = "forward", states: bool = True, peephole: bool = False, **attributes: object
):
    gates, count = GATES[op_type], 2 if direction == "bidirectional" else 1
    arrays = [
        normal(STEPS, BATCH, INPUTS),
        normal(count, gates * HIDDEN, INPUTS, seed=1),
        normal(count, gates * HIDDEN, HIDDEN, seed=2),
        normal(count, 2 * gates * HIDDEN, seed=3),
        None,
        normal(count, BATCH, HIDDEN, seed=4) if states else None,
    ]
    if op_type == "LSTM":
        arrays.append(normal(count, BATCH, HIDDEN, seed=5) if states else None)
        arrays += [normal(count, 3 * HIDDEN, seed=6)] if peephole else []
    outputs = 3 if op_type == "LSTM" else 2
    constants = (1, 2, 3, 7) if peephole else (1, 2, 3)
    options = {"hidden_size": HIDDEN, "direction": direction, **attributes}
    return one_node(op_type, arrays, outputs=outputs, opset=14, constants=constants, **options)


def agrees(case, folder: Path) -> None:
    assert_agrees(case, folder, atol=1e-5, by="onnxruntime")


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize("op_type", ["LSTM", "GRU", "RNN"])
def test_directions_and_states(op_type: str, states: bool, direction: str, tmp_path: Path) -> None:
    agrees(case_of(op_type, direction, states), tmp_path)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_the_reset_gate_after_the_product(direction: str, tmp_path: Path) -> None:
    agrees(case_of("GRU", direction, linear_before_reset=1), tmp_path)


def test_peepholes(tmp_path: Path) -> None:
    case = case_of("LSTM", peephole=True)
    assert "lstm" in op_types(case[0])
    agrees(case, tmp_path)


@pytest.mark.parametrize("attributes", [{"clip": 0.5}, {"input_forget": 1}], ids=str)
def test_what_mils_lstm_lacks_is_written_out(attributes: dict[str, object], tmp_path: Path) -> None:
    case = case_of("LSTM", peephole=True, **attributes)
    assert "lstm" not in op_types(case[0])
    agrees(case, tmp_path)


@pytest.mark.parametrize(
    ("op_type", "names"),
    [
        ("LSTM", ["Sigmoid", "Relu", "Tanh"]),
        ("GRU", ["Sigmoid", "Softsign"]),
        ("LSTM", ["Sigmoid", "Softsign", "Tanh"]),
    ],
    ids=str,
)
def test_other_activations(op_type: str, names: list[str], tmp_path: Path) -> None:
    agrees(case_of(op_type, activations=names), tmp_path)


def test_an_activation_without_an_op_is_refused() -> None:
    (refused,) = unsupported(case_of("GRU", activations=["Sigmoid", "Affine"])[0])
    assert "Affine" in refused.why


def test_sequences_of_different_lengths_are_refused() -> None:
    arrays = [normal(3, 2, 2), normal(1, 8, 2), normal(1, 8, 2), None, np.array([3, 2], np.int32)]
    (refused,) = unsupported(one_node("LSTM", arrays, constants=(1, 2, 4), hidden_size=2)[0])
    assert "different lengths" in refused.why
