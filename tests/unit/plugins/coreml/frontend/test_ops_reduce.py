"""Reductions against ONNX's reference: every op, axes as attribute and as input, none, all, negative."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node
from workbench_plugins.coreml.frontend.ops_reduce import KINDS


def positive(*shape: int) -> np.ndarray:
    return np.abs(normal(*shape)) + 0.1


@pytest.mark.parametrize("op_type", sorted(KINDS))
@pytest.mark.parametrize("axes", [None, (1,), (-1, 0)], ids=str)
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(op_type: str, axes: tuple[int, ...] | None, keep: int, tmp_path: Path) -> None:
    arrays = [positive(2, 3, 4)] if axes is None else [positive(2, 3, 4), np.array(axes)]
    case = one_node(op_type, arrays, opset=18, constants=(1,) * (axes is not None), keepdims=keep)
    assert_agrees(case, tmp_path, atol=1e-5)


@pytest.mark.parametrize("op_type", sorted(KINDS))
def test_axes_as_an_attribute(op_type: str, tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, [positive(2, 3, 4)], opset=11, axes=[0, 2]), tmp_path, atol=1e-5)


@pytest.mark.parametrize("op_type", ["ReduceSum", "ReduceMean", "ReduceMax"])
def test_no_axes_at_all(op_type: str, tmp_path: Path) -> None:
    arrays = [positive(2, 3), np.zeros(0, np.int64)]
    assert_agrees(one_node(op_type, arrays, opset=18, constants=(1,), noop_with_empty_axes=1), tmp_path)


@pytest.mark.parametrize("op_type", ["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"])
def test_integers(op_type: str, tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, [np.array([[3, -2], [4, 5]]), np.array([0])], opset=18, constants=(1,)), tmp_path)


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keep", [0, 1])
def test_places_of_extremes(op_type: str, last: int, keep: int, tmp_path: Path) -> None:
    x = np.array([[1, 3, 3, 1], [2, 2, 2, 2]], np.float32)
    assert_agrees(one_node(op_type, [x], axis=-1, keepdims=keep, select_last_index=last), tmp_path)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("axis", [0, -1])
def test_running_sums(exclusive: int, reverse: int, axis: int, tmp_path: Path) -> None:
    arrays = [normal(3, 4), np.array(axis)]
    assert_agrees(one_node("CumSum", arrays, constants=(1,), exclusive=exclusive, reverse=reverse), tmp_path)
