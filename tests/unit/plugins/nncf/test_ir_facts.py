"""Facts of a quantized IR: ranges in words, weights with and without a zero point, what is left in float."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workbench_plugins.nncf.ir_facts import ir_facts, range_words
from workbench_plugins.nncf.library import load_openvino


@pytest.mark.parametrize(
    ("low", "high", "levels", "words"),
    [
        (0.0, 6.0, 256, "256 levels, from 0"),
        (-128.0, 127.0, 256, "256 levels, symmetric"),
        (-1.0, 1.0, 255, "255 levels, symmetric"),
        (-1.0, 3.0, 256, "256 levels, asymmetric"),
    ],
)
def test_a_range_in_words(low: float, high: float, levels: int, words: str) -> None:
    assert range_words(low, high, levels) == words


def network(*, shifted: bool, fake: bool) -> Any:
    """x -> (FakeQuantize) -> MatMul with an 8-bit weight -> MatMul with a float one."""
    openvino = load_openvino()
    ops = openvino.opset13
    x = ops.parameter([1, 4], np.float32, "x")
    data = x
    if fake:
        low, high = np.float32(0), np.float32(2.55)
        data = ops.fake_quantize(x, low, high, low, high, 256)
    weight = ops.convert(ops.constant(np.eye(4, dtype=np.int8)), np.float32)
    if shifted:
        weight = ops.subtract(weight, np.full((1, 4), 3, np.float32))
    weight = ops.multiply(weight, np.full((1, 4), 0.1, np.float32))
    first = ops.matmul(data, weight, False, False)
    second = ops.matmul(ops.relu(first), ops.constant(np.eye(4, dtype=np.float32)), False, False)
    return openvino.Model([second], [x], "net")


@pytest.mark.parametrize(
    ("shifted", "fake", "weights", "activations", "left"),
    [
        (False, True, "int8, symmetric, per channel", "256 levels, from 0, per tensor", "MatMul 1"),
        (True, False, "int8, asymmetric, per channel", "none", "MatMul 1"),
    ],
)
def test_weights_activations_and_what_is_left(
    tmp_path: Path, shifted: bool, fake: bool, weights: str, activations: str, left: str
) -> None:
    path = tmp_path / "model.xml"
    load_openvino().save_model(network(shifted=shifted, fake=fake), str(path), compress_to_fp16=False)
    facts = ir_facts(path)
    assert facts["weights"] == f"1 \N{MULTIPLICATION SIGN} {weights}"
    assert facts["activations"].removeprefix("1 \N{MULTIPLICATION SIGN} ") == activations
    assert facts["nodes"] == f"{int(fake)} FakeQuantize"
    assert facts["float nodes"] == left
