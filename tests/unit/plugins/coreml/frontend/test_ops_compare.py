"""Comparisons, logic and choosing, against ONNX's reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node

TRUTH = [np.array([True, True, False, False]), np.array([True, False, True, False])]


@pytest.mark.parametrize("op_type", ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_comparisons(op_type: str, dtype: type, tmp_path: Path) -> None:
    arrays = [np.array([[1, 2, 3], [4, 2, 0]]).astype(dtype), np.array([2, 2, 2]).astype(dtype)]
    assert_agrees(one_node(op_type, arrays), tmp_path)


@pytest.mark.parametrize("op_type", ["And", "Or", "Xor", "Equal"])
def test_logic(op_type: str, tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, TRUTH), tmp_path)


def test_negation(tmp_path: Path) -> None:
    assert_agrees(one_node("Not", TRUTH[:1]), tmp_path)


@pytest.mark.parametrize(("positive", "negative"), [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_infinities(positive: int, negative: int, tmp_path: Path) -> None:
    x = np.array([np.inf, -np.inf, 1], np.float32)
    assert_agrees(one_node("IsInf", [x], detect_positive=positive, detect_negative=negative), tmp_path)


def test_not_a_number(tmp_path: Path) -> None:
    assert_agrees(one_node("IsNaN", [np.array([np.nan, 1], np.float32)]), tmp_path)


@pytest.mark.parametrize(
    ("condition", "a", "b"),
    [((3,), (3,), (3,)), ((2, 3), (1,), (1,)), ((2, 1), (3,), ()), ((1,), (2, 3), (3,))],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_where(condition: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    arrays = [
        normal(*condition) > 0,
        (normal(*a, seed=1) * 5).astype(dtype),
        np.asarray(normal(*b, seed=2) * 5).astype(dtype),
    ]
    assert_agrees(one_node("Where", arrays), tmp_path)
