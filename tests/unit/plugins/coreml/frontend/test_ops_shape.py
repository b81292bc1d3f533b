"""Moving elements, against ONNX's reference; every element of an arange shows where it went."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, one_node, op_types
from workbench_plugins.coreml.frontend.convert import unsupported

BIG = 2**31 - 1


def counted(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("target", [(6, 4), (2, -1), (0, -1), (1, 2, 3, 4, 1)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, np.int8])
def test_reshape(target: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    assert_agrees(one_node("Reshape", [counted(2, 3, 4, dtype=dtype), ints(*target)], constants=(1,)), tmp_path)


@pytest.mark.parametrize("axis", [0, 1, -1, 3])
def test_flatten(axis: int, tmp_path: Path) -> None:
    assert_agrees(one_node("Flatten", [counted(2, 3, 4)], axis=axis), tmp_path)


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("axes", [(0,), (-1,), (0, 2), None], ids=str)
def test_squeeze(opset: int, axes: tuple[int, ...] | None, tmp_path: Path) -> None:
    x = counted(1, 3, 1)
    if opset < 13 or axes is None:
        case = one_node("Squeeze", [x], opset=opset, **({} if axes is None else {"axes": list(axes)}))
    else:
        case = one_node("Squeeze", [x, ints(*axes)], opset=opset, constants=(1,))
    assert_agrees(case, tmp_path)


@pytest.mark.parametrize("axes", [(0,), (-1,), (0, 2), (0, -1)], ids=str)
def test_unsqueeze(axes: tuple[int, ...], tmp_path: Path) -> None:
    assert_agrees(one_node("Unsqueeze", [counted(2, 3), ints(*axes)], constants=(1,)), tmp_path)
    if min(axes) >= 0:
        assert_agrees(one_node("Unsqueeze", [counted(2, 3)], opset=11, axes=list(axes)), tmp_path)


@pytest.mark.parametrize("perm", [None, (0, 2, 1), (2, 0, 1), (0, 1, 2)], ids=str)
def test_transpose(perm: tuple[int, ...] | None, tmp_path: Path) -> None:
    assert_agrees(one_node("Transpose", [counted(2, 3, 4)], **({} if perm is None else {"perm": perm})), tmp_path)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concat(axis: int, tmp_path: Path) -> None:
    parts = [counted(2, 3, 4), counted(2, 3, 4) + 100]
    assert_agrees(one_node("Concat", parts, axis=axis), tmp_path)


@pytest.mark.parametrize("opset", [11, 17])
def test_split_by_sizes(opset: int, tmp_path: Path) -> None:
    if opset < 13:
        case = one_node("Split", [counted(2, 6)], outputs=3, opset=opset, axis=-1, split=[1, 2, 3])
    else:
        case = one_node("Split", [counted(2, 6), ints(1, 2, 3)], outputs=3, constants=(1,), axis=-1)
    assert_agrees(case, tmp_path)


def test_split_into_a_count(tmp_path: Path) -> None:
    assert_agrees(one_node("Split", [counted(2, 7)], outputs=3, opset=18, axis=1, num_outputs=3), tmp_path)


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ((1,), (3,), (1,), (1,)),
        ((-3,), (BIG,), (-1,), (2,)),
        ((3,), (-BIG,), (2,), (-1,)),
        ((-1, 0), (0, 2), (1, 2), (-2, 1)),
        ((0, 1), (BIG, -1), (0, 1), (1, 1)),
        ((10,), (-10,), (1,), (-1,)),
    ],
    ids=str,
)
def test_slice(
    starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...], steps: tuple[int, ...], tmp_path: Path
) -> None:
    arrays = [counted(2, 5, 4), ints(*starts), ints(*ends), ints(*axes), ints(*steps)]
    assert_agrees(one_node("Slice", arrays, constants=(1, 2, 3, 4)), tmp_path)


def test_slice_by_attributes(tmp_path: Path) -> None:
    assert_agrees(one_node("Slice", [counted(3, 4)], opset=9, starts=[1, 0], ends=[3, -1]), tmp_path)


def test_a_slice_of_unknown_place_is_refused() -> None:
    model, _ = one_node("Slice", [counted(3, 4), ints(0), ints(2)])
    assert unsupported(model)[0].remedy


@pytest.mark.parametrize("target", [(2, 3, 4), (5, 2, 3, 4), (1, 1)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.int64])
def test_expand(target: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    assert_agrees(one_node("Expand", [counted(3, 1, dtype=dtype), ints(*target)], constants=(1,)), tmp_path)


@pytest.mark.parametrize("repeats", [(2, 1), (1, 3), (1, 1), (2, 2)], ids=str)
def test_tile(repeats: tuple[int, ...], tmp_path: Path) -> None:
    assert_agrees(one_node("Tile", [counted(2, 3), ints(*repeats)], constants=(1,)), tmp_path)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode: str, tmp_path: Path) -> None:
    assert_agrees(one_node("DepthToSpace", [counted(1, 12, 2, 3)], blocksize=2, mode=mode), tmp_path)


def test_space_to_depth(tmp_path: Path) -> None:
    assert_agrees(one_node("SpaceToDepth", [counted(1, 3, 4, 6)], blocksize=2), tmp_path)


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("offset", [-1, 0, 2])
def test_triangles(upper: int, offset: int, tmp_path: Path) -> None:
    case = one_node("Trilu", [counted(2, 3, 4) + 1, np.array(offset)], constants=(1,), upper=upper)
    assert_agrees(case, tmp_path)


def test_what_does_nothing_becomes_nothing() -> None:
    assert op_types(one_node("Dropout", [counted(2, 3)])[0]) == ["identity"]
    (refused,) = unsupported(
        one_node("Dropout", [counted(2), np.array(0.5, np.float32), np.array(True)], constants=(1, 2))[0]
    )
    assert "training" in refused.why


def test_training_that_drops_nothing_is_identity(tmp_path: Path) -> None:
    given = [counted(2, 3), np.array(0, np.float32), np.array(True)]
    assert_agrees(one_node("Dropout", given, outputs=2, constants=(1, 2)), tmp_path)
