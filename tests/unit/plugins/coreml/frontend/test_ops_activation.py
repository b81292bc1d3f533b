"""Activations against ONNX's reference, at their edges and in every opset's form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types, run_saved

EDGES = np.array([[-7.0, -3.0, -1.0, -0.5, 0.0], [0.5, 1.0, 2.0, 3.0, 7.0]], np.float32)


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("Relu", {}),
        ("LeakyRelu", {}),
        ("LeakyRelu", {"alpha": 0.0}),
        ("Elu", {"alpha": 0.5}),
        ("Celu", {"alpha": 2.0}),
        ("Selu", {}),
        ("HardSigmoid", {}),
        ("HardSigmoid", {"alpha": 0.5, "beta": 0.25}),
        ("HardSwish", {}),
        ("Mish", {}),
        ("ThresholdedRelu", {"alpha": 1.0}),
        ("Shrink", {"lambd": 1.0, "bias": 0.5}),
        ("Tanh", {}),
        ("Sigmoid", {}),
        ("Softplus", {}),
        ("Softsign", {}),
    ],
    ids=str,
)
def test_formulas(op_type: str, attributes: dict[str, float], tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, [EDGES], opset=18, **attributes), tmp_path, atol=1e-6)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate: str, tmp_path: Path) -> None:
    case = one_node("Gelu", [EDGES], opset=20, approximate=approximate)
    assert op_types(case[0]) == ["gelu"]
    assert_agrees(case, tmp_path, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 3, 1, 1), (1,), (4, 5), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("is_constant", [True, False])
def test_slopes_of_prelu(shape: tuple[int, ...], is_constant: bool, tmp_path: Path) -> None:
    case = one_node("PRelu", [normal(2, 3, 4, 5), normal(*shape, seed=1)], constants=(1,) * is_constant)
    assert_agrees(case, tmp_path)


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, None])
def test_along_an_axis(op_type: str, axis: int | None, tmp_path: Path) -> None:
    attributes = {} if axis is None else {"axis": axis}
    assert_agrees(one_node(op_type, [3 * normal(2, 3, 4)], **attributes), tmp_path)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_before_opset_13_axes_are_taken_as_one(axis: int, tmp_path: Path) -> None:
    x = normal(2, 3, 4)
    model, feeds = one_node("Softmax", [x], opset=11, axis=axis)
    flat = np.exp(x.reshape(int(np.prod(x.shape[:axis])), -1))
    (have,) = run_saved(model, feeds, tmp_path)
    np.testing.assert_allclose(have, (flat / flat.sum(1, keepdims=True)).reshape(x.shape), rtol=1e-5)


def test_large_logits_do_not_overflow(tmp_path: Path) -> None:
    model, feeds = one_node("LogSoftmax", [np.array([[1000.0, 999.0, -1000.0]], np.float32)])
    (have,) = run_saved(model, feeds, tmp_path)
    np.testing.assert_allclose(have, [[-0.313262, -1.313262, -2000.313262]], rtol=1e-5)
