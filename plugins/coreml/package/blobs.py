"""Weight files: a header, then per blob 64 bytes of metadata and the data.

Layout (version 2 of the storage format beside Core ML's model format): the file begins with two uint32, count and
version; a blob's metadata is sentinel uint32, element type uint32, size in bytes uint64, offset of the data uint64,
number of padding bits uint64; all little-endian. A constant names the offset of its metadata.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy.typing as npt
from workbench_plugins.coreml.package.program import DataType
from workbench_plugins.coreml.package.values import ValueProblem, unpacked

_PREFIX = "@model_path/"
_SENTINEL = 0xDEADBEEF
_METADATA = struct.Struct("<IIQQQ")
_STORED = {
    1: "float16",
    2: "float32",
    3: "uint8",
    4: "int8",
    6: "int16",
    7: "uint16",
    8: "int4",
    9: "uint1",
    10: "uint2",
    11: "uint4",
    12: "uint3",
    13: "uint6",
    14: "int32",
    15: "uint32",
}


@dataclass(frozen=True)
class BlobFiles:
    """The weight files beside one model file.

    A blob that several constants share is read once. No byte counts twice: a small file whose blobs lie upon each other
    could stand for any amount of memory.

    Attributes:
        root: folder of the model file; nothing outside it is read.
    """

    root: Path
    _known: dict[tuple[str, int, str, int], npt.NDArray[Any]] = field(default_factory=dict)
    _used: dict[Path, int] = field(default_factory=dict)

    def read(self, file_name: str, offset: int, data_type: DataType, count: int) -> npt.NDArray[Any]:
        """Return a blob's elements. Raises ValueProblem where the file, the metadata or the data does not fit."""
        key = file_name, offset, data_type.name, count
        if key not in self._known:
            self._known[key] = self._read(self._path(file_name), offset, data_type, count)
        return self._known[key]

    def _read(self, path: Path, offset: int, data_type: DataType, count: int) -> npt.NDArray[Any]:
        needed = (count * data_type.bits + 7) // 8
        with path.open("rb") as stream:
            file_bytes = stream.seek(0, 2)
            start = _data_offset(_at(stream, offset, _METADATA.size, file_bytes), offset, data_type, needed)
            self._used[path] = self._used.get(path, 0) + needed
            if self._used[path] > file_bytes:
                raise ValueProblem(f"blobs of weight file {path.name} lie upon each other")
            return unpacked(_at(stream, start, needed, file_bytes), data_type, count)

    def _path(self, file_name: str) -> Path:
        relative = PurePosixPath(file_name.removeprefix(_PREFIX))
        path = (self.root / relative).resolve()
        inside = file_name.startswith(_PREFIX) and path.is_relative_to(self.root.resolve())
        if not inside or ".." in relative.parts:
            raise ValueProblem(f"a weight file is outside the package: {file_name!r}")
        if not path.is_file():
            raise ValueProblem(f"weight file {relative} is missing")
        return path


def _at(stream: Any, offset: int, size: int, file_bytes: int) -> bytes:
    if offset + size > file_bytes:
        raise ValueProblem(f"{size} bytes at {offset} reach beyond the weight file of {file_bytes} bytes")
    stream.seek(offset)
    data: bytes = stream.read(size)
    return data


def _data_offset(metadata: bytes, offset: int, data_type: DataType, needed: int) -> int:
    sentinel, stored, size, start, _ = _METADATA.unpack(metadata)
    if sentinel != _SENTINEL:
        raise ValueProblem(f"no blob begins at byte {offset} of the weight file")
    if _STORED.get(stored) != data_type.name:
        raise ValueProblem(f"the blob at byte {offset} holds {_STORED.get(stored, stored)}, not {data_type.name}")
    if size != needed:
        raise ValueProblem(f"the blob at byte {offset} has {size} bytes where {needed} are needed")
    return int(start)
