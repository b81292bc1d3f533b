"""Operations that move elements, against ONNX Runtime, torch and numpy's own indexing."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.evaluator import shape

X = random(2, 3, 4, 6)


def same(got: np.ndarray, expected: np.ndarray) -> bool:
    return got.shape == expected.shape and np.array_equal(got, expected)


def test_reshape_keeps_and_infers() -> None:
    for wanted in ([0, -1, 4, 6], [-1, 12], [6, 4, 6]):
        sizes = np.array(wanted, np.int64)
        assert same(shape.reshape(X, sizes), onnx_results("Reshape", [X, sizes])[0])


def test_reshape_like_joins_pieces_of_shapes() -> None:
    references = (np.zeros((6, 5)), np.zeros((1, 4, 6)))
    got = shape.reshape_like(X, references, [0, 1], [1, 3], [False, False])
    assert got.shape == (6, 4, 6)


def test_axes() -> None:
    assert same(shape.transpose(X, [0, 2, 3, 1]), onnx_results("Transpose", [X], perm=[0, 2, 3, 1])[0])
    assert shape.expand_dims(X, [0, -1]).shape == (1, 2, 3, 4, 6, 1)
    assert shape.squeeze(np.zeros((1, 3, 1)), [0, 1]).shape == (3, 1)
    assert shape.squeeze(np.zeros((1, 3, 1))).shape == (3,)
    assert same(shape.flatten2d(X, 2), onnx_results("Flatten", [X], axis=2)[0])
    assert shape.shape_of(X).tolist() == [2, 3, 4, 6]


def test_joins_and_cuts() -> None:
    other = random(2, 2, 4, 6, seed=1)
    assert same(shape.concat((X, other), 1), onnx_results("Concat", [X, other], axis=1)[0])
    pair = np.arange(4).reshape(2, 2)
    assert shape.concat((pair, pair + 10), -1, interleave=True).tolist() == [[0, 10, 1, 11], [2, 12, 3, 13]]
    assert shape.stack((pair, pair), 1).shape == (2, 2, 2)
    parts = shape.split(X, -1, split_sizes=[1, 5])
    expected = onnx_results("Split", [X, np.array([1, 5], np.int64)], outputs=2, axis=-1)
    assert all(same(*item) for item in zip(parts, expected, strict=True))
    assert [part.shape[2] for part in shape.split(X, 2, num_splits=2)] == [2, 2]


def test_repeats_and_turns() -> None:
    reps = np.array([1, 2, 1, 3], np.int64)
    assert same(shape.tile(X, reps), onnx_results("Tile", [X, reps])[0])
    assert same(shape.reverse(X, [1, 3]), X[:, ::-1, :, ::-1])
    assert same(shape.reverse(X), X[::-1, ::-1, ::-1, ::-1])
    lengths = np.array([2, 4, 1], np.int64)
    sequence = random(4, 3, 2)
    expected = onnx_results("ReverseSequence", [sequence, lengths], time_axis=0, batch_axis=1)[0]
    assert same(shape.reverse_sequence(sequence, lengths, 0, 1), expected)


@given(data=st.data())
def test_slices_are_numpys(data: st.DataObject) -> None:
    bounds = [(data.draw(st.integers(-7, 7)), data.draw(st.integers(-7, 7))) for _ in X.shape]
    steps = [data.draw(st.sampled_from([-2, -1, 1, 2])) for _ in X.shape]
    masks = [(data.draw(st.booleans()), data.draw(st.booleans())) for _ in X.shape]
    begins, ends = zip(*bounds, strict=True)
    from_start, to_end = zip(*masks, strict=True)
    expected = X[
        tuple(
            slice(None if free[0] else b, None if free[1] else e, step)
            for (b, e), step, free in zip(bounds, steps, masks, strict=True)
        )
    ]
    assert same(shape.slice_by_index(X, begins, ends, steps, from_start, to_end), expected)


def test_slices_that_drop_axes_and_updates() -> None:
    got = shape.slice_by_index(X, [0, 1, 0, 2], [0, 0, 4, 0], None, None, None, [True, True, False, True])
    assert same(got, X[0, 1, :, 2])
    updated = shape.slice_update(X, np.zeros((2, 1, 4, 6), np.float32), [0, 1, 0, 0], [2, 2, 4, 6])
    assert not updated[:, 1].any()
    assert same(updated[:, 0], X[:, 0])
    assert same(shape.slice_by_size(X, [0, 1, -2, 0], [2, 2, 1, -1]), X[:, 1:3, 2:3])


@pytest.mark.parametrize(("mode", "theirs"), [("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge")])
def test_pads(mode: str, theirs: str) -> None:
    pads = np.array([0, 0, 1, 2, 0, 0, 2, 1], np.int64)
    value = np.float32(2.5)
    given = [X, pads, value] if mode == "constant" else [X, pads]
    expected = onnx_results("Pad", given, mode=theirs)[0]
    assert same(shape.pad(X, [1, 2, 2, 1], mode, value), expected)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks_of_channels_become_space(mode: str) -> None:
    x = random(2, 12, 3, 4)
    expected = onnx_results("DepthToSpace", [x], blocksize=2, mode=mode)[0]
    move, back = {
        "DCR": (shape.depth_to_space, shape.space_to_depth),
        "CRD": (shape.pixel_shuffle, shape.pixel_unshuffle),
    }[mode]
    assert same(move(x, 2), expected)
    assert same(back(expected, 2), x)


def test_space_to_depth_is_onnx_space_to_depth() -> None:
    assert same(shape.space_to_depth(X, 2), onnx_results("SpaceToDepth", [X], blocksize=2)[0])


def test_space_to_batch_and_back() -> None:
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    moved = shape.space_to_batch(x, [2, 2], np.zeros((2, 2), np.int32))
    assert moved[:, 0].tolist() == [[[0, 2], [8, 10]], [[1, 3], [9, 11]], [[4, 6], [12, 14]], [[5, 7], [13, 15]]]
    margins = np.array([[1, 1], [0, 2]])
    wide = shape.space_to_batch(x, [3, 2], margins)
    assert same(shape.batch_to_space(wide, [3, 2], margins), x)


def test_windows_along_an_axis() -> None:
    got = shape.sliding_windows(np.arange(6).reshape(1, 6), 1, 3, 2)
    assert got.tolist() == [[[0, 1, 2], [2, 3, 4]]]
