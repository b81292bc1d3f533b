"""Tests of workbench/model/shape_values.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from workbench.model.shape_values import partial_value


def objects(*values: int | str | None) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def scalar(value: int | None) -> np.ndarray:
    return objects(value).reshape(())


def compute(op: str, values: list[Any], shapes: dict[str, Any] | None = None, **attributes: Any) -> Any:
    names = [f"v{index}" if value is not None else "" for index, value in enumerate(values)]
    known = {name: value for name, value in zip(names, values, strict=True) if name}
    node = helper.make_node(op, names, ["out"], **attributes)
    result = partial_value(node, known.get, shapes or {})
    return None if result is None else result.tolist()


@pytest.mark.parametrize(
    ("op", "values", "attributes", "expected"),
    [
        ("Gather", [objects(None, 3, 4), scalar(1)], {}, 3),
        ("Gather", [objects(None, 3, 4), scalar(-3)], {}, None),
        ("Gather", [objects(None, 3, 4), objects(2, 0)], {}, [4, None]),
        ("Slice", [objects(None, 3, 4), objects(1), objects(2**63 - 1)], {}, [3, 4]),
        ("Slice", [objects(None, 3, 4), objects(0), objects(-1), objects(0)], {}, [None, 3]),
        ("Slice", [objects(1, 2, 3, 4), objects(0), objects(4), objects(0), objects(2)], {}, [1, 3]),
        ("Concat", [objects(None), objects(12)], {"axis": 0}, [None, 12]),
        ("Unsqueeze", [scalar(7), objects(0)], {}, [7]),
        ("Squeeze", [objects(7), objects(0)], {}, 7),
        ("Reshape", [scalar(7), objects(-1)], {}, [7]),
        ("Cast", [objects(None, 7)], {"to": TensorProto.INT64}, [None, 7]),
        ("Gather", [objects("N", 3), objects(0)], {}, ["N"]),
        ("Mul", [objects(3, "N"), objects(4, 4)], {}, [12, None]),
        ("Mul", [objects(3, None), objects(4, 4)], {}, [12, None]),
        ("Add", [objects(3, 4), scalar(1)], {}, [4, 5]),
        ("Sub", [scalar(3), scalar(1)], {}, 2),
        ("Div", [scalar(7), scalar(2)], {}, 3),
    ],
)
def test_rules(op: str, values: list[Any], attributes: dict[str, Any], expected: Any) -> None:
    assert compute(op, values, **attributes) == expected


@pytest.mark.parametrize(
    ("op", "values", "attributes"),
    [
        ("Cast", [objects(1)], {"to": TensorProto.FLOAT}),
        ("Slice", [objects(1, 2), objects(1), objects(0), objects(0), objects(-1)], {}),
        ("Gather", [objects(1, 2), scalar(None)], {}),
        ("Relu", [objects(1)], {}),
    ],
)
def test_what_it_does_not_know_is_none(op: str, values: list[Any], attributes: dict[str, Any]) -> None:
    assert compute(op, values, **attributes) is None


def test_shape_with_a_symbolic_axis_and_bounds() -> None:
    shapes = {"v0": ("N", 3, 4, 5)}
    assert compute("Shape", [objects(0)], shapes) == ["N", 3, 4, 5]
    assert compute("Shape", [objects(0)], shapes, start=1, end=-1) == [3, 4]
    assert compute("Shape", [objects(0)]) is None


def test_an_unknown_input_gives_nothing() -> None:
    node = helper.make_node("Concat", ["a", "b"], ["out"], axis=0)
    assert partial_value(node, lambda name: objects(1) if name == "a" else None, {}) is None


@given(
    op=st.sampled_from(["Add", "Sub", "Mul", "Div"]),
    a=st.lists(st.integers(0, 1000), min_size=1, max_size=4),
    b=st.integers(1, 50),
)
def test_fully_known_arithmetic_is_onnx_arithmetic(op: str, a: list[int], b: int) -> None:
    node = helper.make_node(op, ["v0", "v1"], ["out"])
    values = [helper.make_tensor_value_info(name, TensorProto.INT64, None) for name in ("v0", "v1", "out")]
    model = helper.make_model(helper.make_graph([node], "g", values[:2], values[2:]))
    expected = ReferenceEvaluator(model).run(None, {"v0": np.array(a), "v1": np.array([b])})[0]
    assert compute(op, [objects(*a), objects(b)]) == expected.tolist()
