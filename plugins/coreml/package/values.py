"""Types and constants of a program, from their messages.

Field numbers and element types follow MIL.proto of Core ML's published model format.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from workbench_plugins.coreml.package.program import Constant, DataType, ValueType
from workbench_plugins.coreml.package.wire import Message

MAX_RANK = 16
MAX_NESTING = 32
_TYPES = {
    1: ("bool", "?", 8),
    2: ("string", "O", 0),
    10: ("float16", "<f2", 16),
    11: ("float32", "<f4", 32),
    12: ("float64", "<f8", 64),
    21: ("int8", "i1", 8),
    22: ("int16", "<i2", 16),
    23: ("int32", "<i4", 32),
    24: ("int64", "<i8", 64),
    25: ("int4", "i1", 4),
    31: ("uint8", "u1", 8),
    32: ("uint16", "<u2", 16),
    33: ("uint32", "<u4", 32),
    34: ("uint64", "<u8", 64),
    35: ("uint4", "u1", 4),
    36: ("uint2", "u1", 2),
    37: ("uint1", "u1", 1),
    38: ("uint6", "u1", 6),
    39: ("uint3", "u1", 3),
}
DATA_TYPES = {number: DataType(name, np.dtype(storage), bits) for number, (name, storage, bits) in _TYPES.items()}
BY_NAME = {data_type.name: data_type for data_type in DATA_TYPES.values()}
_WHOLE = frozenset(name for name in BY_NAME if "int" in name)
_STORED_IN = {1: {"float32"}, 2: _WHOLE, 3: {"bool"}, 5: _WHOLE, 6: {"float64"}}
"""Field of a TensorValue -> the types whose elements stand there; those of the others are raw bytes."""
_FLOAT_FIELDS = frozenset({1, 6})

BlobReader = Callable[[str, int, DataType, int], npt.NDArray[Any]]
"""(file name, offset of its metadata, element type, number of elements) -> flat array."""


class ValueProblem(ValueError):  # noqa: N818  (not an error that leaves the reader)
    """A type or a constant breaks the format; the message says why."""


def read_type(message: Message, depth: int = 0) -> ValueType:
    """Return the type in a ValueType message. Raises ValueProblem, WireError."""
    if depth > MAX_NESTING:
        raise ValueProblem("types are nested too deeply")
    if 1 in message:
        return _tensor_type(message.message(1))
    if 2 in message:
        element = read_type(message.message(2).message(1), depth + 1)
        return ValueType("list", element.dtype, element.shape)
    if 5 in message:
        wrapped = read_type(message.message(5).message(1), depth + 1)
        return ValueType("state", wrapped.dtype, wrapped.shape)
    raise ValueProblem("a value has a type that is neither tensor, list nor state")


def _tensor_type(message: Message) -> ValueType:
    number = message.integer(1)
    if number not in DATA_TYPES:
        raise ValueProblem(f"element type {number} is unknown")
    shape = tuple(_dimension(item) for item in message.messages(3))
    if len(shape) > MAX_RANK or len(shape) != message.integer(2):
        raise ValueProblem(f"a tensor of rank {message.integer(2)} has {len(shape)} dimensions")
    return ValueType("tensor", DATA_TYPES[number].name, shape)


def _dimension(message: Message) -> int | None:
    return message.message(1).integer(1) if 1 in message else None


def read_constant(message: Message, read_blob: BlobReader, depth: int = 0) -> Constant:
    """Return the constant in a Value message; arrays are read-only. Raises ValueProblem, WireError."""
    if depth > MAX_NESTING:
        raise ValueProblem("constants are nested too deeply")
    immediate = message.message(3)
    for number in (2, 3):  # a tuple, a list
        if number in immediate:
            items = immediate.message(number).messages(1)
            return tuple(read_constant(item, read_blob, depth + 1) for item in items)
    return _tensor(read_type(message.message(2)), message, read_blob)


def _tensor(value_type: ValueType, message: Message, read_blob: BlobReader) -> Constant:
    shape = [size for size in value_type.shape if size is not None]
    if len(shape) != len(value_type.shape) or value_type.kind == "state":
        raise ValueProblem("a constant has no fixed shape")
    data_type, count = BY_NAME[value_type.dtype], math.prod(shape)
    if data_type.name == "string":
        return _texts(message, shape)
    if 5 in message:
        blob = message.message(5)
        values = read_blob(blob.text(1), blob.integer(2), data_type, count)
    else:
        values = _immediate(message.message(3).message(1), data_type, count)
    if values.size != count:
        raise ValueProblem(f"a constant of shape {shape} has {values.size} elements")
    values = values.reshape(shape)
    values.setflags(write=False)
    return values


def _texts(message: Message, shape: list[int]) -> str | tuple[str, ...]:
    texts = message.message(3).message(1).message(4).texts(1)
    if len(texts) != math.prod(shape):
        raise ValueProblem(f"{len(texts)} texts stand where the shape is {shape}")
    return tuple(texts) if shape else texts[0]


def _immediate(tensor: Message, data_type: DataType, count: int) -> npt.NDArray[Any]:
    """Return the elements of a TensorValue: floats, ints, bools, longInts, doubles, or raw bytes."""
    if 7 in tensor:
        return unpacked(tensor.message(7).data(1), data_type, count)
    field = next((number for number in _STORED_IN if number in tensor), None)
    if field is None and count:
        raise ValueProblem("a constant has no value")
    if field is None:
        return np.zeros(0, data_type.storage)
    if data_type.name not in _STORED_IN[field]:
        raise ValueProblem(f"a constant of type {data_type.name} holds elements of another type")
    if field in _FLOAT_FIELDS:
        return tensor.message(field).fixed(1, data_type.storage.str).copy()
    return _whole(tensor.message(field).varints(1), data_type)


def _whole(values: npt.NDArray[np.int64], data_type: DataType) -> npt.NDArray[Any]:
    """Return whole numbers in their type. Raises ValueProblem where one does not fit."""
    stored = values.astype(data_type.storage)
    if data_type.bits < 64 and not np.array_equal(stored.astype(np.int64), values):
        raise ValueProblem(f"a constant of type {data_type.name} holds a number beyond it")
    return stored


def unpacked(raw: bytes, data_type: DataType, count: int) -> npt.NDArray[Any]:
    """Return `count` elements of raw little-endian bytes; elements under 8 bits are packed from the lowest bit up.

    Raises ValueProblem where the bytes do not fit the count.
    """
    if len(raw) != (count * data_type.bits + 7) // 8:
        raise ValueProblem(f"{count} elements of {data_type.name} do not fit {len(raw)} bytes")
    if data_type.bits % 8 == 0:
        return np.frombuffer(raw, data_type.storage).copy()
    bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[: count * data_type.bits]
    codes = bits.reshape(count, data_type.bits) @ (1 << np.arange(data_type.bits))
    if data_type.name == "int4":
        codes = np.where(codes > 7, codes - 16, codes)
    return codes.astype(data_type.storage)
