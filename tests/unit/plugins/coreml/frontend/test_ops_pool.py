"""Pools against ONNX Runtime: pads counted or not, ceil_mode, automatic pads, codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node
from workbench_plugins.coreml.frontend.convert import unsupported


@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 1, 1]], ids=str)
def test_average(include: int, ceil: int, pads: list[int], tmp_path: Path) -> None:
    options = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": pads}
    case = one_node("AveragePool", [normal(1, 2, 8, 7)], opset=19, count_include_pad=include, ceil_mode=ceil, **options)
    assert_agrees(case, tmp_path, by="onnxruntime")


@pytest.mark.parametrize("op_type", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_pads(op_type: str, auto: str, tmp_path: Path) -> None:
    case = one_node(op_type, [normal(1, 2, 7, 6)], kernel_shape=[3, 2], strides=[2, 1], auto_pad=auto)
    assert_agrees(case, tmp_path, by="onnxruntime")


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("sizes", [(9,), (7, 8), (5, 4, 6)], ids=["1-D", "2-D", "3-D"])
def test_largest(sizes: tuple[int, ...], ceil: int, tmp_path: Path) -> None:
    axes = len(sizes)
    options = {"kernel_shape": [3] * axes, "strides": [2] * axes, "pads": [1] * 2 * axes}
    assert_agrees(
        one_node("MaxPool", [normal(1, 2, *sizes) - 3], ceil_mode=ceil, **options), tmp_path, by="onnxruntime"
    )


def test_codes_are_pooled_exactly(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(-128, 128, (1, 2, 6, 6), np.int8)
    assert_agrees(one_node("MaxPool", [codes], kernel_shape=[2, 2], strides=[2, 2]), tmp_path, by="onnxruntime")


@pytest.mark.parametrize("op_type", ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
def test_over_everything(op_type: str, tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, [normal(2, 3, 4, 5)]), tmp_path, by="onnxruntime")


def test_powers(tmp_path: Path) -> None:
    assert_agrees(
        one_node("LpPool", [normal(1, 2, 5, 5)], kernel_shape=[2, 2], p=3), tmp_path, atol=1e-5, by="onnxruntime"
    )


def test_indices_have_no_equivalent() -> None:
    model, _ = one_node("MaxPool", [normal(1, 2, 6, 6)], outputs=2, kernel_shape=[2, 2])
    assert "indices" in unsupported(model)[0].why


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool", "LpPool"])
def test_dilations(op_type: str, ceil: int, tmp_path: Path) -> None:
    options = {"kernel_shape": [2, 3], "strides": [2, 1], "dilations": [3, 2], "pads": [1, 0, 1, 1], "ceil_mode": ceil}
    assert_agrees(one_node(op_type, [normal(1, 2, 9, 8)], opset=19, **options), tmp_path, atol=1e-5, by="onnxruntime")


@pytest.mark.parametrize("ceil", [0, 1])
def test_dilated_averages_that_count_the_pads(ceil: int, tmp_path: Path) -> None:
    options = {"kernel_shape": [2, 2], "strides": [2, 2], "dilations": [2, 3], "pads": [1, 1, 1, 1], "ceil_mode": ceil}
    case = one_node("AveragePool", [normal(1, 2, 8, 9)], opset=19, count_include_pad=1, **options)
    assert_agrees(case, tmp_path, atol=1e-5)


def test_a_large_dilated_kernel_is_refused() -> None:
    options = {"kernel_shape": [12, 12], "dilations": [2, 2]}
    (refused,) = unsupported(one_node("MaxPool", [normal(1, 1, 30, 30)], **options)[0])
    assert "144 places" in refused.why
