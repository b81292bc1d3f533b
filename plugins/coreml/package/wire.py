"""The protobuf wire format, read without generated code.

Source: the encoding guide of Protocol Buffers (base-128 varints, wire types 0, 1, 2 and 5). The reader shares no code
with the library that writes packages, so that what is read back is what the file says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT = 10


class WireError(ValueError):
    """The bytes are no protobuf message, or a field has another kind than asked for."""


class Message:
    """One message: its fields by number, each a list in file order; nested messages stay bytes until asked for.

    Args:
        data: the message's bytes.

    Raises:
        WireError: truncated or malformed bytes.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._fields: dict[int, list[int | memoryview]] = {}
        for number, value in _fields(memoryview(data)):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def integer(self, number: int, default: int = 0) -> int:
        """Return the last value of a varint field, as unsigned 64-bit; the default where it is absent."""
        values = self._fields.get(number)
        if values is None:
            return default
        if not isinstance(values[-1], int):
            raise WireError(f"field {number} is no integer")
        return values[-1]

    def text(self, number: int) -> str:
        """Return the last value of a string field; empty where it is absent."""
        return self.texts(number)[-1] if number in self._fields else ""

    def texts(self, number: int) -> list[str]:
        """Return all values of a repeated string field."""
        try:
            return [str(value, "utf-8") for value in self._bytes(number)]
        except UnicodeDecodeError as error:
            raise WireError(f"field {number} is no UTF-8 text") from error

    def message(self, number: int) -> Message:
        """Return the last value of a nested message; an empty one where it is absent."""
        return Message(self._bytes(number)[-1]) if number in self._fields else Message(b"")

    def messages(self, number: int) -> list[Message]:
        """Return all values of a repeated nested message."""
        return [Message(value) for value in self._bytes(number)]

    def map(self, number: int) -> dict[str, Message]:
        """Return a map field of text -> message."""
        return {entry.text(1): entry.message(2) for entry in self.messages(number)}

    def data(self, number: int) -> bytes:
        """Return the last value of a bytes field; empty where it is absent."""
        return bytes(self._bytes(number)[-1]) if number in self._fields else b""

    def fixed(self, number: int, dtype: str) -> npt.NDArray[np.generic]:
        """Return a repeated fixed-width field, packed or not; `dtype` is little-endian, such as "<f4"."""
        raw = b"".join(
            value if isinstance(value, memoryview) else struct.pack("<Q", value)[: np.dtype(dtype).itemsize]
            for value in self._fields.get(number, [])
        )
        if len(raw) % np.dtype(dtype).itemsize:
            raise WireError(f"field {number} is truncated")
        return np.frombuffer(raw, dtype)

    def varints(self, number: int) -> npt.NDArray[np.int64]:
        """Return a repeated varint field, packed or not, as signed 64-bit integers."""
        parts = [
            np.array([value], np.uint64) if isinstance(value, int) else _packed(value)
            for value in self._fields.get(number, [])
        ]
        return np.concatenate([np.zeros(0, np.uint64), *parts]).astype(np.int64)

    def _bytes(self, number: int) -> list[memoryview]:
        values = self._fields.get(number, [])
        if any(isinstance(value, int) for value in values):
            raise WireError(f"field {number} is no text or message")
        return [value for value in values if not isinstance(value, int)]


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value, at = _value(data, at, key & 7)
        yield key >> 3, value


def _value(data: memoryview, at: int, wire_type: int) -> tuple[int | memoryview, int]:
    if wire_type == _VARINT:
        return _varint(data, at)
    if wire_type == _BYTES:
        length, at = _varint(data, at)
    elif wire_type in (_FIXED32, _FIXED64):
        length = 4 if wire_type == _FIXED32 else 8
    else:
        raise WireError(f"wire type {wire_type} does not exist")
    if at + length > len(data):
        raise WireError(f"a field of {length} bytes reaches beyond its message")
    value = data[at : at + length]
    return (value if wire_type == _BYTES else int.from_bytes(value, "little")), at + length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * _MAX_VARINT, 7):
        if at >= len(data):
            raise WireError("the bytes end within an integer")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise WireError(f"an integer is longer than {_MAX_VARINT} bytes")


def _packed(data: memoryview) -> npt.NDArray[np.uint64]:
    """Return all varints of a packed field at once: in each, byte k holds bits 7 k to 7 k + 6."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    if raw.size and (not ends.size or ends[-1] != raw.size - 1):
        raise WireError("the bytes end within an integer")
    starts = np.concatenate([[0], ends[:-1] + 1])[: ends.size]
    places = np.arange(raw.size) - np.repeat(starts, ends - starts + 1)
    if np.any(places >= _MAX_VARINT):
        raise WireError(f"an integer is longer than {_MAX_VARINT} bytes")
    bits = (raw & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    return np.add.reduceat(bits, starts) if starts.size else bits
