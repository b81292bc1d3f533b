"""Convolutions against ONNX Runtime: axes, groups, every form of padding, output padding, operands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types
from workbench_plugins.coreml.frontend.convert import unsupported


@pytest.mark.parametrize("sizes", [(9,), (7, 8), (5, 4, 6)], ids=["1-D", "2-D", "3-D"])
@pytest.mark.parametrize("group", [1, 2, 4])
def test_axes_and_groups(sizes: tuple[int, ...], group: int, tmp_path: Path) -> None:
    weight, pads = normal(8, 4 // group, *[3] * len(sizes), seed=1), [1, 0, 2, 0, 1, 1][: 2 * len(sizes)]
    arrays = [normal(2, 4, *sizes), weight, normal(8, seed=2)]
    strides = [2, 1, 2][: len(sizes)]
    case = one_node("Conv", arrays, constants=(1, 2), group=group, pads=pads, strides=strides)
    assert_agrees(case, tmp_path, atol=1e-5, by="onnxruntime")


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("kernel", [2, 3])
def test_automatic_pads(auto: str, kernel: int, tmp_path: Path) -> None:
    arrays = [normal(1, 2, 7, 6), normal(3, 2, kernel, kernel, seed=1)]
    assert_agrees(
        one_node("Conv", arrays, constants=(1,), auto_pad=auto, strides=[2, 1]), tmp_path, atol=1e-5, by="onnxruntime"
    )


def test_dilations(tmp_path: Path) -> None:
    arrays = [normal(1, 2, 9, 9), normal(2, 2, 3, 3, seed=1)]
    assert_agrees(
        one_node("Conv", arrays, constants=(1,), dilations=[2, 3], pads=[2, 1, 0, 3]),
        tmp_path,
        atol=1e-5,
        by="onnxruntime",
    )


def test_weights_and_bias_that_are_fed(tmp_path: Path) -> None:
    case = one_node("Conv", [normal(1, 2, 5, 5), normal(3, 2, 3, 3, seed=1), normal(3, seed=2)])
    assert op_types(case[0]) == ["conv", "reshape", "add"]
    assert_agrees(case, tmp_path, atol=1e-5, by="onnxruntime")


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2, 3]},
        {"strides": [2, 2], "pads": [1, 0, 0, 2]},
        {"strides": [3, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
        {"strides": [3, 3], "output_padding": [2, 1]},
        {"strides": [3, 2], "output_shape": [10, 8]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
        {"dilations": [2, 2]},
    ],
    ids=str,
)
def test_transposed(attributes: dict[str, object], tmp_path: Path) -> None:
    arrays = [normal(1, 2, 3, 4), normal(2, 3, 3, 3, seed=1), normal(3, seed=2)]
    assert_agrees(
        one_node("ConvTranspose", arrays, constants=(1, 2), **attributes), tmp_path, atol=1e-5, by="onnxruntime"
    )


def test_transposed_in_groups_and_other_ranks(tmp_path: Path) -> None:
    arrays = [normal(1, 4, 5), normal(4, 3, 2, seed=1)]
    assert_agrees(one_node("ConvTranspose", arrays, constants=(1,), group=2), tmp_path, atol=1e-5, by="onnxruntime")


def test_a_transposed_weight_must_be_constant() -> None:
    (refused,) = unsupported(one_node("ConvTranspose", [normal(1, 2, 3, 4), normal(2, 3, 3, 3)])[0])
    assert (refused.node, refused.why) == ("node", "the weight must be constant")


def test_half_precision_stays(tmp_path: Path) -> None:
    arrays = [normal(1, 2, 4, 4).astype(np.float16), normal(3, 2, 3, 3, seed=1).astype(np.float16)]
    assert_agrees(one_node("Conv", arrays, constants=(1,)), tmp_path, atol=2e-2)
