"""Resize in every mode against ONNX's reference, and natively where MIL samples the same positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types, run_saved

NONE = np.zeros(0, np.float32)
TRANSFORMS = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]


def by_sizes(sizes: tuple[int, ...], **attributes: object):
    arrays = [normal(1, 2, 4, 5), None, None, np.array([1, 2, *sizes])]
    return one_node("Resize", arrays, opset=19, constants=(3,), **attributes)


def by_scales(scales: tuple[float, ...], opset: int = 19, **attributes: object):
    arrays = [normal(1, 2, 4, 5), None, np.array([1, 1, *scales], np.float32)]
    return one_node("Resize", arrays, opset=opset, constants=(2,), **attributes)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("sizes", [(8, 10), (7, 3), (1, 1)], ids=str)
def test_interpolation(transform: str, mode: str, sizes: tuple[int, int], tmp_path: Path) -> None:
    case = by_sizes(sizes, mode=mode, coordinate_transformation_mode=transform)
    by = "onnxruntime" if sizes == (1, 1) else "onnx"  # the latter reads beside a position that is whole
    assert_agrees(case, tmp_path, atol=1e-5, by=by)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("sizes", [(8, 10), (7, 3)], ids=str)
def test_nearest(transform: str, nearest: str, sizes: tuple[int, int], tmp_path: Path) -> None:
    assert_agrees(by_sizes(sizes, coordinate_transformation_mode=transform, nearest_mode=nearest), tmp_path)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("scales", [(2.0, 2.0), (1.6, 0.6), (0.5, 3.0)], ids=str)
def test_scales(mode: str, scales: tuple[float, float], tmp_path: Path) -> None:
    assert_agrees(by_scales(scales, mode=mode), tmp_path, atol=1e-5)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_shrinking_without_aliases(mode: str, tmp_path: Path) -> None:
    assert_agrees(by_scales((0.6, 0.5), mode=mode, antialias=1), tmp_path, atol=1e-5)


def test_weights_outside_are_dropped(tmp_path: Path) -> None:
    assert_agrees(by_scales((1.5, 0.8), mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5), tmp_path, atol=1e-5)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_one_scale_for_all_axes(policy: str, tmp_path: Path) -> None:
    arrays = [normal(1, 2, 4, 5), None, None, np.array([7, 8])]
    case = one_node("Resize", arrays, opset=19, constants=(3,), axes=[2, 3], keep_aspect_ratio_policy=policy)
    assert_agrees(case, tmp_path)


def test_a_region_and_what_lies_outside(tmp_path: Path) -> None:
    region = np.array([0, 0, 0.4, -0.3, 1, 1, 1.2, 0.7], np.float32)
    arrays = [normal(1, 2, 4, 5), region, NONE, np.array([1, 2, 3, 6])]
    options = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0}
    assert_agrees(
        one_node("Resize", arrays, opset=19, constants=(1, 2, 3), mode="linear", **options), tmp_path, atol=1e-5
    )


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (
            by_scales((2.0, 2.0), coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
            "upsample_nearest_neighbor",
        ),
        (by_scales((2.0, 3.0)), "upsample_nearest_neighbor"),
        (by_scales((2.0, 2.0), mode="linear"), "resize_bilinear"),
        (by_sizes((7, 9), mode="linear", coordinate_transformation_mode="align_corners"), "resize_bilinear"),
        (by_sizes((7, 9), mode="linear", coordinate_transformation_mode="asymmetric"), "resize_bilinear"),
    ],
    ids=["asymmetric", "half_pixel", "bilinear", "align_corners", "asymmetric linear"],
)
def test_common_forms_are_native(case, kind: str) -> None:
    assert op_types(case[0]) == [kind]


@pytest.mark.parametrize("opset", [9, 10])
def test_the_older_ops(opset: int, tmp_path: Path) -> None:
    x, scales = normal(1, 2, 3, 3), np.array([1, 1, 2, 2], np.float32)
    model, feeds = one_node("Upsample" if opset == 9 else "Resize", [x, scales], opset=opset, constants=(1,))
    (have,) = run_saved(model, feeds, tmp_path)
    np.testing.assert_array_equal(have, x.repeat(2, 2).repeat(2, 3))
