"""Normalizations against ONNX Runtime and torch."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import norm

EPSILON = np.float32(1e-3)


def test_batch_norm() -> None:
    x, parameters = random(2, 3, 4, 5), [random(3, seed=seed) for seed in (1, 2, 3)]
    variance = np.abs(random(3, seed=4)) + 0.1
    expected = onnx_results("BatchNormalization", [x, *parameters, variance], epsilon=1e-3)[0]
    got = norm.batch_norm(x, parameters[2], variance, parameters[0], parameters[1], EPSILON)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_instance_norm() -> None:
    x, gamma, beta = random(2, 3, 4, 5), random(3, seed=1), random(3, seed=2)
    expected = onnx_results("InstanceNormalization", [x, gamma, beta], epsilon=1e-3)[0]
    np.testing.assert_allclose(norm.instance_norm(x, gamma, beta, EPSILON), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1])
def test_layer_norm(axis: int) -> None:
    x = random(2, 3, 4)
    gamma, beta = random(*x.shape[axis:], seed=1), random(*x.shape[axis:], seed=2)
    expected = onnx_results("LayerNormalization", [x, gamma, beta], axis=axis, epsilon=1e-3)[0]
    got = norm.layer_norm(x, range(axis % 3, 3), gamma, beta, EPSILON)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_layer_norm_without_parameters_is_standard() -> None:
    got = norm.layer_norm(random(5, 40), epsilon=np.float32(0))
    assert abs(got.mean()) < 1e-6
    assert got.std() == pytest.approx(1, abs=1e-5)


def test_l2_norm_gives_unit_length_over_three_axes() -> None:
    lengths = np.sqrt(np.square(norm.l2_norm(random(2, 3, 4, 5), np.float32(0))).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_local_response_norm_is_torchs(size: int) -> None:
    torch = pytest.importorskip("torch")
    x = random(2, 7, 3, 3)
    expected = torch.nn.LocalResponseNorm(size, alpha=0.1, beta=0.75, k=2.0)(torch.from_numpy(x)).numpy()
    got = norm.local_response_norm(x, size, np.float32(0.1), np.float32(0.75), np.float32(2))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
