"""Activations against ONNX Runtime and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import activation
from workbench_plugins.coreml.evaluator.registry import OPERATIONS

HALF = np.float32(0.5)
ALIKE: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "relu": ({}, "Relu", {}),
    "leaky_relu": ({"alpha": HALF}, "LeakyRelu", {"alpha": 0.5}),
    "thresholded_relu": ({"alpha": HALF}, "ThresholdedRelu", {"alpha": 0.5}),
    "elu": ({"alpha": HALF}, "Elu", {"alpha": 0.5}),
    "sigmoid": ({}, "Sigmoid", {}),
    "sigmoid_hard": ({"alpha": HALF, "beta": np.float32(0.25)}, "HardSigmoid", {"alpha": 0.5, "beta": 0.25}),
    "softplus": ({}, "Softplus", {}),
    "softsign": ({}, "Softsign", {}),
    "erf": ({}, "Erf", {}),
    "softmax": ({"axis": 1}, "Softmax", {"axis": 1}),
}


@pytest.mark.parametrize("name", ALIKE)
def test_like_onnx(name: str) -> None:
    parameters, op_type, attributes = ALIKE[name]
    x = random(2, 5, 7) * 3
    got = OPERATIONS[name](x=x, **parameters)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, onnx_results(op_type, [x], **attributes)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("mode", "approximate"), [("EXACT", "none"), ("TANH_APPROXIMATION", "tanh")])
def test_gelu(mode: str, approximate: str) -> None:
    x = random(3, 40) * 3
    expected = onnx_results("Gelu", [x], approximate=approximate)[0]
    np.testing.assert_allclose(activation.gelu(x, mode), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(activation.gelu(x, "SIGMOID_APPROXIMATION"), expected, rtol=1e-4, atol=1e-6)


def test_silu_and_relu6_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    x = random(3, 40) * 5
    functional = torch.nn.functional
    expected = functional.silu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(activation.silu(x), expected, rtol=1e-4, atol=1e-6)
    assert np.array_equal(activation.relu6(x), functional.relu6(torch.from_numpy(x)).numpy())


def test_one_slope_per_channel() -> None:
    x, alpha = random(2, 3, 4), np.array([0.1, 0.2, 0.3], np.float32)
    np.testing.assert_allclose(activation.prelu(x, alpha), onnx_results("PRelu", [x, alpha.reshape(3, 1)])[0])
    soft = activation.softplus_parametric(x, alpha, alpha)
    np.testing.assert_allclose(soft[:, 1], 0.2 * np.log1p(np.exp(0.2 * x[:, 1])), rtol=1e-5)


def test_clamped_linear_and_scaled() -> None:
    x = np.array([-2.0, 1, 9], np.float32)
    assert activation.clamped_relu(x, HALF, np.float32(6)).tolist() == [-1, 1, 6]
    assert activation.linear_activation(x, HALF, np.float32(1)).tolist() == [0, 1.5, 5.5]
    np.testing.assert_allclose(activation.scaled_tanh(x, HALF, np.float32(2)), 0.5 * np.tanh(2 * x), rtol=1e-6)


def test_softmax_of_large_values_stays_finite() -> None:
    assert activation.softmax(np.array([1e4, 1e4], np.float32)).tolist() == [0.5, 0.5]
