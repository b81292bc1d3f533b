"""Arithmetic against ONNX's reference, integers and edges included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.coreml import assert_agrees, normal, one_node, op_types

UNARY = ["Sqrt", "Exp", "Floor", "Ceil", "Round", "Erf", "Sin", "Cos", "Tan", "Atan", "Sinh", "Abs", "Sign", "Asinh"]
INTEGERS = np.array([[7, -7, 8], [-8, 0, 3]])


@pytest.mark.parametrize("op_type", [*UNARY, "Neg", "Reciprocal", "Log", "Cosh"])
def test_functions_of_one_number(op_type: str, tmp_path: Path) -> None:
    x = np.abs(normal(3, 4)) + 0.1 if op_type in ("Sqrt", "Log", "Reciprocal") else 2 * normal(3, 4)
    assert_agrees(one_node(op_type, [x]), tmp_path, atol=1e-5)


def test_ties_are_rounded_to_even(tmp_path: Path) -> None:
    assert_agrees(one_node("Round", [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)]), tmp_path)


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (4,), (), (2, 1, 1), (3, 1)], ids=str)
def test_broadcasting(op_type: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, [normal(2, 3, 4), np.asarray(normal(*shape, seed=1))]), tmp_path)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.int8])
@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div", "Abs", "Neg", "Sign"])
def test_integers(op_type: str, dtype: type, tmp_path: Path) -> None:
    """Division rounds towards zero: -7 / 2 is -3."""
    arrays = [INTEGERS.astype(dtype)]
    if op_type in ("Add", "Sub", "Mul", "Div"):
        arrays.append(np.array([2, -2, 3]).astype(dtype))
    assert_agrees(one_node(op_type, arrays), tmp_path)


@pytest.mark.parametrize("fmod", [0, 1])
def test_remainders_have_the_right_sign(fmod: int, tmp_path: Path) -> None:
    assert_agrees(one_node("Mod", [INTEGERS, np.array([3, 3, -3])], fmod=fmod), tmp_path)
    if fmod:
        assert_agrees(one_node("Mod", [normal(3), normal(3, seed=1)], fmod=1), tmp_path)


@pytest.mark.parametrize(("x", "y"), [(np.float32, np.float32), (np.float32, np.int64), (np.int32, np.int32)])
def test_powers(x: type, y: type, tmp_path: Path) -> None:
    arrays = [np.array([1, 2, 3]).astype(x), np.array([0, 3, 2]).astype(y)]
    assert_agrees(one_node("Pow", arrays), tmp_path)


@pytest.mark.parametrize("bounds", [(-0.5, 0.5), (None, 0.5), (-0.5, None), (0.5, -0.5), (0.0, 0.0)], ids=str)
@pytest.mark.parametrize("opset", [10, 17])
def test_clip(bounds: tuple[float | None, float | None], opset: int, tmp_path: Path) -> None:
    if opset < 11:
        given = {name: bound for name, bound in zip(("min", "max"), bounds, strict=True) if bound is not None}
        case = one_node("Clip", [normal(3, 4)], opset=opset, **given)
    else:
        arrays = [None if bound is None else np.array(bound, np.float32) for bound in bounds]
        places = tuple(place for place, array in enumerate(arrays, 1) if array is not None)
        case = one_node("Clip", [normal(3, 4), *arrays], opset=opset, constants=places)
    assert_agrees(case, tmp_path)


def test_constant_bounds_in_order_are_one_clip() -> None:
    zero, six = np.array(0, np.float32), np.array(6, np.float32)
    assert op_types(one_node("Clip", [normal(3), zero, six], constants=(1, 2))[0]) == ["clip"]
    assert op_types(one_node("Clip", [normal(3), zero, six])[0]) == ["squeeze", "squeeze", "maximum", "minimum"]


def test_bounds_that_are_fed_and_integers(tmp_path: Path) -> None:
    assert_agrees(one_node("Clip", [INTEGERS, np.array(-3), np.array(3)]), tmp_path)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("op_type", ["Sum", "Mean", "Max", "Min"])
def test_any_count_of_inputs(op_type: str, count: int, tmp_path: Path) -> None:
    assert_agrees(one_node(op_type, [normal(2, 3, seed=seed) for seed in range(count)]), tmp_path)


@pytest.mark.parametrize("to", [np.float32, np.float16, np.int32, np.int64, np.bool_, np.uint8])
@pytest.mark.parametrize("of", [np.float32, np.int64, np.bool_])
def test_casts(of: type, to: type, tmp_path: Path) -> None:
    from onnx.helper import np_dtype_to_tensor_dtype

    values = np.array([0, 1, 2.7, 5]).astype(of)
    assert_agrees(one_node("Cast", [values], to=np_dtype_to_tensor_dtype(np.dtype(to))), tmp_path)


def test_the_type_of_another_tensor(tmp_path: Path) -> None:
    assert_agrees(one_node("CastLike", [np.array([1.5, -2.5], np.float32), np.array([1])]), tmp_path)
