"""Matrix products against ONNX Runtime and torch."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator.linear import einsum, linear, matmul, scaled_dot_product_attention


@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((3,), (3, 4)), ((2, 1, 2, 3), (4, 3, 2))])
def test_matmul(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    x, y = random(*shapes[0]), random(*shapes[1], seed=1)
    np.testing.assert_allclose(matmul(x, y), onnx_results("MatMul", [x, y])[0], rtol=1e-5, atol=1e-6)


def test_transposed_factors() -> None:
    x, y = random(2, 3, 4), random(2, 5, 3, seed=1)
    expected = matmul(np.swapaxes(x, 1, 2), np.swapaxes(y, 1, 2))
    assert np.array_equal(matmul(x, y, transpose_x=True, transpose_y=True), expected)


def test_linear_is_gemm() -> None:
    x, weight, bias = random(4, 3), random(5, 3, seed=1), random(5, seed=2)
    expected = onnx_results("Gemm", [x, weight, bias], transB=1)[0]
    np.testing.assert_allclose(linear(x, weight, bias), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(linear(x, weight), expected - bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("equation", ["bnqd, bnkd -> bnqk", "bnqd,bnkd->bqnk"])
def test_einsum(equation: str) -> None:
    x, y = random(2, 3, 4, 5), random(2, 3, 6, 5, seed=1)
    expected = onnx_results("Einsum", [x, y], equation=equation.replace(" ", ""))[0]
    np.testing.assert_allclose(einsum((x, y), equation), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
def test_attention_is_torchs(mask: str) -> None:
    torch = pytest.importorskip("torch")
    query, key, value = random(2, 3, 4, 8), random(2, 3, 5, 8, seed=1), random(2, 3, 5, 6, seed=2)
    kept = random(4, 5, seed=3) > -0.5
    given = {"none": None, "bool": kept, "float": random(4, 5, seed=4)}[mask]
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.from_numpy, (query, key, value)), attn_mask=None if given is None else torch.from_numpy(given)
    )
    got = scaled_dot_product_attention(query, key, value, given)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-5)
