"""The protobuf wire format: what is written is read, and nothing else is taken."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from helpers.mlpackages import entry, field, varint
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.package.wire import Message, WireError


@given(st.integers(1, 1000), st.integers(0, 2**64 - 1))
def test_integers_come_back(number: int, value: int) -> None:
    assert Message(field(number, value)).integer(number) == value


@given(st.lists(st.text(), min_size=1))
def test_texts_come_back_in_order(texts: list[str]) -> None:
    message = Message(b"".join(field(3, text) for text in texts))
    assert message.texts(3) == texts
    assert message.text(3) == texts[-1]


@given(st.dictionaries(st.text(), st.integers(0, 255)))
def test_maps_come_back(numbers: dict[str, int]) -> None:
    data = b"".join(entry(2, key, field(1, value)) for key, value in numbers.items())
    assert {key: value.integer(1) for key, value in Message(data).map(2).items()} == numbers


def test_packed_and_single_values_are_the_same() -> None:
    values = [1, 300, 2**64 - 5]
    packed = Message(field(1, b"".join(map(varint, values)))).varints(1)
    single = Message(b"".join(field(1, value) for value in values)).varints(1)
    assert packed.tolist() == single.tolist() == [1, 300, -5]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_packed_integers_of_any_size_come_back(values: list[int]) -> None:
    packed = b"".join(varint(value & 0xFFFFFFFFFFFFFFFF) for value in values)
    assert Message(field(1, packed)).varints(1).tolist() == values


@pytest.mark.parametrize(("packed", "said"), [(b"\x01\x80", "end within"), (b"\xff" * 10 + b"\x01", "longer than 10")])
def test_malformed_packed_integers_are_refused(packed: bytes, said: str) -> None:
    with pytest.raises(WireError, match=said):
        Message(field(1, packed)).varints(1)


def test_fixed_values_packed_or_not() -> None:
    packed = Message(field(1, struct.pack("<2f", 1.5, -2))).fixed(1, "<f4")
    single = Message(varint(1 << 3 | 5) + struct.pack("<f", 1.5)).fixed(1, "<f4")
    assert packed.tolist() == [1.5, -2]
    assert np.array_equal(single, packed[:1])


def test_what_is_absent_is_empty() -> None:
    message = Message(b"")
    assert (message.integer(1), message.text(1), message.messages(1), message.data(1)) == (0, "", [], b"")
    assert 1 not in message.message(1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (field(1, b"abc")[:-1], "reaches beyond"),
        (b"\x08\xff", "end within"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "longer than 10"),
        (b"\x0b", "wire type 3"),
    ],
)
def test_malformed_bytes_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(WireError, match=said):
        Message(data)


def test_fields_of_another_kind_are_refused() -> None:
    message = Message(field(1, 5) + field(2, b"\xff\xfe") + field(3, b"abc"))
    for read in (message.text, message.message, message.messages):
        with pytest.raises(WireError):
            read(1)
    with pytest.raises(WireError, match="no integer"):
        message.integer(3)
    with pytest.raises(WireError, match="UTF-8"):
        message.text(2)
    with pytest.raises(WireError, match="truncated"):
        message.fixed(3, "<f4")
