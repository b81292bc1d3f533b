"""Pads of every mode against ONNX's reference, negative ones and named axes included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, one_node, op_types

X = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize(
    "pads",
    [(0, 0, 1, 2, 0, 0, 2, 1), (0, 1, 0, 0, 0, 1, 0, 3), (0, 0, -1, 0, 0, 0, 0, -2), (0, 0, 0, 0, 0, 0, 0, 0)],
    ids=str,
)
def test_modes(mode: str, pads: tuple[int, ...], tmp_path: Path) -> None:
    if mode == "reflect" and min(pads) < 0:
        pytest.skip("NumPy, which ONNX's reference calls, takes no negative pads to reflect")
    if mode in ("edge", "wrap") and min(pads) < 0:
        pytest.skip("NumPy, which ONNX's reference calls, takes no negative pads here")
    case = one_node("Pad", [X, np.array(pads)], constants=(1,), opset=19, mode=mode)
    if min(pads) < 0:
        from helpers.coreml import run_saved

        np.testing.assert_array_equal(run_saved(*case, tmp_path)[0], X[:, :, 1:, :2])
    else:
        assert_agrees(case, tmp_path)


def test_the_last_two_axes_are_padded_natively() -> None:
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    assert op_types(one_node("Pad", [X, pads], constants=(1,), mode="reflect")[0]) == ["pad"]
    assert op_types(one_node("Pad", [X, pads[::-1].copy()], constants=(1,), mode="reflect")[0])[0] == "gather"


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_the_fill_value(dtype: type, tmp_path: Path) -> None:
    arrays = [X.astype(dtype), np.array([0, 0, 0, 1, 0, 0, 1, 0]), np.array(-7, dtype)]
    assert_agrees(one_node("Pad", arrays, constants=(1, 2)), tmp_path)


def test_named_axes(tmp_path: Path) -> None:
    arrays = [X, np.array([1, 2, 0, 1]), np.array(3, np.float32), np.array([-1, 1])]
    assert_agrees(one_node("Pad", arrays, constants=(1, 2, 3), opset=18), tmp_path)


def test_pads_as_attributes(tmp_path: Path) -> None:
    from helpers.coreml import run_saved

    model, feeds = one_node("Pad", [X], opset=10, pads=[0, 0, 0, 1, 0, 0, 1, 0], value=2.0)
    want = np.pad(X, ((0, 0), (0, 0), (0, 1), (1, 0)), constant_values=2)
    np.testing.assert_array_equal(run_saved(model, feeds, tmp_path)[0], want)
