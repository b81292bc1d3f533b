"""Resizing against ONNX Runtime and torch where a mode of theirs is the same, and by Core ML's published examples."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import resize as module
from workbench_plugins.coreml.evaluator.resize import grid_points, resize, resize_bilinear, upsample_bilinear

X = random(2, 3, 5, 6)
ALIKE = {"UNALIGN_CORNERS": "half_pixel", "STRICT_ALIGN_CORNERS": "align_corners", "DEFAULT": "asymmetric"}
SIZES = [(10, 12), (7, 9), (3, 2), (5, 6), (2, 13)]


def onnx_resize(height: int, width: int, **attributes: str) -> np.ndarray:
    return onnx_results("Resize", [X, None, None, np.array([2, 3, height, width], np.int64)], **attributes)[0]


@pytest.mark.parametrize(
    ("mode", "wanted", "expected"),
    [
        ("UNALIGN_CORNERS", 5, [0, 0.1, 0.5, 0.9, 1]),
        ("STRICT_ALIGN_CORNERS", 5, [0, 0.25, 0.5, 0.75, 1]),
        ("DEFAULT", 5, [0, 0.4, 0.8, 1, 1]),
        ("OFFSET_CORNERS", 5, [0.1, 0.3, 0.5, 0.7, 0.9]),
        ("ALIGN_CORNERS", 1, [0.5]),
        ("STRICT_ALIGN_CORNERS", 1, [0]),
    ],
)
def test_grid_points_are_the_published_ones(mode: str, wanted: int, expected: list[float]) -> None:
    assert grid_points(2, wanted, mode).tolist() == pytest.approx(expected)


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="sampling mode"):
        grid_points(2, 2, "OTHER")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ALIKE)
def test_linear(mode: str, size: tuple[int, int]) -> None:
    expected = onnx_resize(*size, mode="linear", coordinate_transformation_mode=ALIKE[mode])
    np.testing.assert_allclose(resize_bilinear(X, *size, mode), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(resize(X, [0, *size], 2, "LINEAR", mode), expected, rtol=1e-4, atol=1e-5)


def test_upsampling_by_factors() -> None:
    for align, mode in ((True, "align_corners"), (False, "half_pixel")):
        expected = onnx_resize(10, 18, mode="linear", coordinate_transformation_mode=mode)
        got = upsample_bilinear(X, np.float32(2), np.float32(3), align)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="exclude each other"):
        upsample_bilinear(X, 2, 2, True, True)


@pytest.mark.parametrize("factor", [2, 3])
def test_nearest_neighbours_of_whole_factors(factor: int) -> None:
    size = (5 * factor, 6 * factor)
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "half_pixel"}
    expected = onnx_resize(*size, **attributes)
    assert np.array_equal(module.upsample_nearest_neighbor(X, factor, factor), expected)
    assert np.array_equal(module.resize_nearest_neighbor(X, *size), expected)
    assert np.array_equal(resize(X, [*size], 2, "NEAREST_NEIGHBOR", "UNALIGN_CORNERS"), expected)


def test_nearest_by_default_is_the_published_example() -> None:
    x = np.array([-6.174, 9.371], np.float32).reshape(1, 1, 1, 2, 1)
    got = resize(x, [1, 1, 3, 2], 2, "NEAREST_NEIGHBOR", "DEFAULT")
    assert np.array_equal(got.ravel(), x.ravel()[[0, 0, 1, 1, 1, 1]])


def test_a_size_of_zero_keeps_the_size() -> None:
    assert resize(X, [0, 12], 2).shape == (2, 3, 5, 12)


@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_resample_is_grid_sample(mode: str, padding: str, align: int) -> None:
    grid = random(2, 4, 7, 2, seed=1)
    expected = onnx_results("GridSample", [X, grid], mode=mode, padding_mode=padding, align_corners=align)[0]
    ours = {"zeros": "constant", "border": "border", "reflection": "reflection" if align else "symmetric"}[padding]
    sampling = "bilinear" if mode == "linear" else "nearest"
    got = module.resample(X, grid, sampling, ours, np.float32(0), "normalized_minus_one_to_one", bool(align))
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_the_three_ways_to_write_coordinates_agree() -> None:
    pixels = np.array([[[[2.0, 1.0], [5.0, 4.0]]]], np.float32).repeat(2, 0)
    whole = np.array([5, 4], np.float32)
    ways = {
        "unnormalized": pixels,
        "normalized_zero_to_one": pixels / whole,
        "normalized_minus_one_to_one": pixels / whole * 2 - 1,
    }
    for way, coordinates in ways.items():
        got = module.resample(X, coordinates, "bilinear", "constant", np.float32(0), way, True)
        np.testing.assert_allclose(got[:, :, 0], X[:, :, [1, 4], [2, 5]], rtol=1e-4, atol=1e-5)
