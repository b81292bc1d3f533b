"""Types and constants from their messages; elements under a byte; what breaks the format is refused."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from helpers import mlpackages as ml
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.package.values import BY_NAME, ValueProblem, read_constant, read_type, unpacked
from workbench_plugins.coreml.package.wire import Message


def no_blob(*_: Any) -> Any:
    raise AssertionError("no blob is read")


def constant(value: bytes) -> Any:
    return read_constant(Message(value), no_blob)


def test_types() -> None:
    tensor = read_type(Message(ml.value_type(ml.INT8, (1, 3))))
    assert (tensor.kind, tensor.dtype, tensor.shape) == ("tensor", "int8", (1, 3))
    unknown = read_type(Message(ml.field(1, ml.field(1, 11) + ml.field(2, 1) + ml.field(3, ml.field(2, b"")))))
    assert unknown.shape == (None,)
    state = read_type(Message(ml.field(5, ml.field(1, ml.value_type(ml.FLOAT32, (4,))))))
    assert (state.kind, state.shape) == ("state", (4,))
    listed = read_type(Message(ml.field(2, ml.field(1, ml.value_type(ml.INT32)))))
    assert (listed.kind, listed.dtype) == ("list", "int32")


def test_constants_of_each_field() -> None:
    assert constant(ml.floats(1.5, -2)).tolist() == [1.5, -2]
    assert constant(ml.immediate(ml.INT32, (2,), ml.field(2, ml.field(1, b"\x01\x02")))).tolist() == [1, 2]
    assert constant(ml.immediate(1, (), ml.field(3, ml.field(1, 1)))).item() is True
    assert constant(ml.immediate(ml.INT8, (2,), ml.field(7, ml.field(1, b"\xff\x01")))).tolist() == [-1, 1]
    assert constant(ml.immediate(24, (1,), ml.field(5, ml.field(1, 2**64 - 7)))).tolist() == [-7]
    assert constant(ml.text_value("same")) == "same"


def test_arrays_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        constant(ml.floats(1.0))[0] = 2


def test_lists_are_tuples() -> None:
    items = b"".join(ml.field(1, ml.text_value(text)) for text in ("a", "b"))
    assert constant(ml.field(3, ml.field(3, items))) == ("a", "b")


@pytest.mark.parametrize("name", ["int4", "uint4", "uint1", "uint2", "uint3", "uint6"])
@given(data=st.data())
def test_small_elements_are_unpacked_from_the_lowest_bit(name: str, data: st.DataObject) -> None:
    data_type = BY_NAME[name]
    low = -8 if name == "int4" else 0
    codes = data.draw(st.lists(st.integers(low, low + 2**data_type.bits - 1), max_size=20))
    stream = sum((code % 2**data_type.bits) << (place * data_type.bits) for place, code in enumerate(codes))
    raw = stream.to_bytes((len(codes) * data_type.bits + 7) // 8, "little")
    assert unpacked(raw, data_type, len(codes)).tolist() == codes


def test_whole_bytes_keep_their_bits() -> None:
    halves = np.array([1.5, -0.1], np.float16)
    assert np.array_equal(unpacked(halves.tobytes(), BY_NAME["float16"], 2), halves)


def nested(depth: int) -> bytes:
    value = ml.text_value("a")
    for _ in range(depth):
        value = ml.field(3, ml.field(3, ml.field(1, value)))
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (ml.field(2, ml.value_type(99)), "element type 99"),
        (ml.field(2, ml.field(1, ml.field(1, 11) + ml.field(2, 3))), "rank 3 has 0"),
        (ml.field(2, ml.value_type(11, (1,) * 17)), "rank 17"),
        (ml.immediate(11, (3,), ml.field(1, ml.field(1, b"\0" * 8))), "has 2 elements"),
        (ml.immediate(11, (2**60,), ml.field(1, ml.field(1, b"\0" * 8))), "has 2 elements"),
        (ml.immediate(ml.INT8, (5,), ml.field(7, ml.field(1, b"\0"))), "do not fit 1 bytes"),
        (ml.immediate(11, (2,), b""), "no value"),
        (ml.immediate(ml.STRING, (), b""), "0 texts"),
        (ml.field(2, b""), "neither tensor, list nor state"),
        (nested(40), "too deeply"),
    ],
)
def test_what_breaks_the_format_is_refused(value: bytes, said: str) -> None:
    with pytest.raises(ValueProblem, match=said):
        constant(value)


def test_types_nested_too_deeply_are_refused() -> None:
    value = ml.value_type(11)
    for _ in range(40):
        value = ml.field(5, ml.field(1, value))
    with pytest.raises(ValueProblem, match="too deeply"):
        read_type(Message(value))


@pytest.mark.parametrize(
    ("dtype", "elements"),
    [
        (ml.INT32, ml.field(1, ml.field(1, struct.pack("<f", float("nan"))))),
        (ml.FLOAT32, ml.field(6, ml.field(1, struct.pack("<d", 1e300)))),
        (ml.FLOAT32, ml.field(2, ml.field(1, ml.varint(5)))),
        (1, ml.field(2, ml.field(1, ml.varint(1)))),
    ],
    ids=["float as int32", "double as float32", "int as float32", "int as bool"],
)
def test_elements_in_the_field_of_another_type_are_refused(dtype: int, elements: bytes) -> None:
    with pytest.raises(ValueProblem, match="holds elements of another type"):
        constant(ml.immediate(dtype, (1,), elements))


def test_a_number_beyond_its_type_is_refused() -> None:
    assert constant(ml.immediate(ml.INT8, (1,), ml.field(2, ml.field(1, ml.varint(127))))).tolist() == [127]
    with pytest.raises(ValueProblem, match="int8 holds a number beyond it"):
        constant(ml.immediate(ml.INT8, (1,), ml.field(2, ml.field(1, ml.varint(128)))))
