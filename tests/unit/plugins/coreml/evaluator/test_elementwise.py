"""Elementwise operations against ONNX Runtime or numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.mlpackages import random
from helpers.one_node import onnx_results
from workbench_plugins.coreml.evaluator import elementwise
from workbench_plugins.coreml.evaluator.registry import OPERATIONS

UNARY = {
    "abs": "Abs",
    "acos": "Acos",
    "asin": "Asin",
    "atan": "Atan",
    "atanh": "Atanh",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "exp": "Exp",
    "floor": "Floor",
    "identity": "Identity",
    "round": "Round",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "tan": "Tan",
    "tanh": "Tanh",
}
BINARY = {
    "add": "Add",
    "equal": "Equal",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "maximum": "Max",
    "minimum": "Min",
    "mul": "Mul",
    "real_div": "Div",
    "sub": "Sub",
}


@pytest.mark.parametrize("name", UNARY)
def test_one_tensor(name: str) -> None:
    x = np.clip(random(4, 5), -0.9, 0.9) * (5 if name in ("round", "ceil", "floor") else 1)
    np.testing.assert_allclose(OPERATIONS[name](x=x), onnx_results(UNARY[name], [x])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BINARY)
def test_two_tensors_that_broadcast(name: str) -> None:
    x, y = np.round(random(2, 3, 4), 1), np.round(random(3, 1, seed=1), 1)
    np.testing.assert_allclose(OPERATIONS[name](x=x, y=y), onnx_results(BINARY[name], [x, y])[0], rtol=1e-6)


def test_halves_are_rounded_to_even() -> None:
    assert OPERATIONS["round"](x=np.array([0.5, 1.5, -2.5], np.float32)).tolist() == [0, 2, -2]


def test_powers_roots_and_remainders() -> None:
    x = np.array([4.0, 9.0], np.float32)
    assert OPERATIONS["sqrt"](x=x).tolist() == [2, 3]
    assert OPERATIONS["square"](x=x).tolist() == [16, 81]
    assert OPERATIONS["exp2"](x=x).tolist() == [16, 512]
    assert OPERATIONS["pow"](x=x, y=np.float32(0.5)).tolist() == [2, 3]
    signed = np.array([-7, 7], np.int32)
    assert OPERATIONS["floor_div"](x=signed, y=np.int32(2)).tolist() == [-4, 3]
    assert OPERATIONS["mod"](x=signed, y=np.int32(3)).tolist() == onnx_results("Mod", [signed, np.int32(3)])[0].tolist()


def test_logic_and_selection() -> None:
    a, b = np.array([True, True, False]), np.array([True, False, False])
    assert OPERATIONS["logical_and"](x=a, y=b).tolist() == [True, False, False]
    assert OPERATIONS["logical_or"](x=a, y=b).tolist() == [True, True, False]
    assert OPERATIONS["logical_xor"](x=a, y=b).tolist() == [False, True, False]
    assert OPERATIONS["logical_not"](x=a).tolist() == [False, False, True]
    assert OPERATIONS["not_equal"](x=a, y=b).tolist() == [False, True, False]
    assert elementwise.select(a, np.float32(1), np.float32(2)).tolist() == [1, 1, 2]


def test_epsilon_and_limits() -> None:
    x = np.array([0.0, 3.0], np.float32)
    assert elementwise.inverse(x, np.float32(1)).tolist() == [1, 0.25]
    assert elementwise.rsqrt(x, np.float32(1)).tolist() == [1, 0.5]
    assert elementwise.log(x, np.float32(1)).tolist() == pytest.approx([0, np.log(4)], rel=1e-6)
    assert elementwise.threshold(x, np.float32(1)).tolist() == [1, 3]
    assert elementwise.clip(x, np.float32(1), np.float32(2)).tolist() == [1, 2]


def test_cast() -> None:
    x = np.array([1.9, -1.9], np.float32)
    assert elementwise.cast(x, "int32").tolist() == [1, -1]
    assert elementwise.cast(x, "bool").tolist() == [True, True]
    assert elementwise.cast(np.array([3], np.int32), "fp16").dtype == np.float32
