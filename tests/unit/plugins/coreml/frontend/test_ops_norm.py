"""Normalizations against ONNX's reference, with constant and with fed parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types, run_saved
from workbench_plugins.coreml.frontend.convert import unsupported


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (1, 3, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("constants", [(), (1, 2, 3, 4)], ids=["fed", "constant"])
def test_batch(shape: tuple[int, ...], constants: tuple[int, ...], tmp_path: Path) -> None:
    arrays = [normal(*shape), normal(3, seed=1), normal(3, seed=2), normal(3, seed=3), np.abs(normal(3, seed=4))]
    assert_agrees(one_node("BatchNormalization", arrays, constants=constants, epsilon=1e-3), tmp_path, atol=1e-5)


def test_batch_in_training_is_refused() -> None:
    arrays = [normal(2, 3, 4), *[normal(3)] * 4]
    (refused,) = unsupported(one_node("BatchNormalization", arrays, outputs=3, training_mode=1)[0])
    assert "training" in refused.why


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (1, 3, 2, 2, 2)], ids=str)
def test_instance(shape: tuple[int, ...], tmp_path: Path) -> None:
    arrays = [normal(*shape), normal(3, seed=1), normal(3, seed=2)]
    assert_agrees(one_node("InstanceNormalization", arrays, constants=(1, 2)), tmp_path, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1, -2, 0])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("is_constant", [True, False])
def test_layer(axis: int, count: int, is_constant: bool, tmp_path: Path) -> None:
    x = normal(2, 3, 4)
    arrays = [x, normal(*x.shape[axis % 3 :], seed=1), normal(*x.shape[axis % 3 :], seed=2)][:count]
    places = tuple(range(1, count)) * is_constant
    case = one_node("LayerNormalization", arrays, constants=places, axis=axis)
    assert op_types(case[0])[0] == "layer_norm"
    assert_agrees(case, tmp_path, atol=1e-5)


def test_layer_with_its_statistics(tmp_path: Path) -> None:
    arrays = [normal(2, 3, 4), normal(4, seed=1), normal(4, seed=2)]
    assert_agrees(one_node("LayerNormalization", arrays, outputs=3), tmp_path, atol=1e-5)


@pytest.mark.parametrize("opset", [18, 21])
def test_groups(opset: int, tmp_path: Path) -> None:
    """Scale and bias are per group before opset 21, per channel from it on; compared with a formula."""
    x, size = normal(2, 4, 3, 3), 2 if opset < 21 else 4
    scale, bias = normal(size, seed=1), normal(size, seed=2)
    model, feeds = one_node("GroupNormalization", [x, scale, bias], opset=opset, num_groups=2)
    model.graph.output[0].type.tensor_type.elem_type = 1
    flat = x.reshape(2, 2, -1)
    normed = (flat - flat.mean(-1, keepdims=True)) / np.sqrt(flat.var(-1, keepdims=True) + 1e-5)
    per_channel = (np.repeat(scale, 4 // size), np.repeat(bias, 4 // size))
    want = normed.reshape(x.shape) * per_channel[0][:, None, None] + per_channel[1][:, None, None]
    np.testing.assert_allclose(run_saved(model, feeds, tmp_path)[0], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_norms_of_order(order: int, tmp_path: Path) -> None:
    assert_agrees(one_node("LpNormalization", [normal(2, 3, 4)], p=order, axis=1), tmp_path, by="onnxruntime")


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("shape", [(1, 6, 3, 4), (2, 6, 3, 3)], ids=str)
def test_neighbouring_channels(size: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Compared with the formula: the window goes from c - (size - 1) // 2 to c + size // 2."""
    x = 3 * normal(*shape)
    case = one_node("LRN", [x], size=size, alpha=0.1, beta=0.6, bias=1.5)
    squares = [np.square(x[:, max(c - (size - 1) // 2, 0) : c + size // 2 + 1]).sum(1) for c in range(shape[1])]
    want = x / (1.5 + 0.1 / size * np.stack(squares, 1)) ** 0.6
    np.testing.assert_allclose(run_saved(*case, tmp_path)[0], want, rtol=1e-5)


def test_root_mean_square(tmp_path: Path) -> None:
    arrays = [normal(2, 3, 4), normal(4, seed=1)]
    assert_agrees(one_node("RMSNormalization", arrays, constants=(1,), opset=23), tmp_path, atol=1e-5)
