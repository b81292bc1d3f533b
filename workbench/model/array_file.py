"""Arrays in .npy and .npz files, read row by row: memory does not grow with the number of rows.

Every array is a stream with random access: an .npy file, a stored .npz member in place, or a compressed .npz member
unpacked once (in memory up to 32 MiB, beyond that in a temporary file that has no name).
"""

from __future__ import annotations

import copy
import math
import shutil
import struct
import tempfile
import threading
import tokenize
import weakref
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError

_IN_MEMORY_BYTES = 32 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class RowArray:
    """One array whose first axis counts the samples.

    Attributes:
        name: member's name without .npy; "" for an .npy file.
        dtype: as stored, in native byte order.
        shape: (n, ...).
    """

    def __init__(self, name: str, where: str, stream: IO[bytes], start: int, available_bytes: int | None) -> None:
        weakref.finalize(self, stream.close)
        self.name, self._where, self._lock = name, where, threading.Lock()
        self._whole: RowArray | None = None  # of a view: what keeps the stream open
        self._stream: Any = stream  # every stream given has readinto, which IO[bytes] does not declare
        stream.seek(start)
        self.shape, self._stored = _read_header(stream, where)
        self.dtype: np.dtype[Any] = self._stored.newbyteorder("=")
        self._offset = stream.tell()
        self._row_bytes = self._stored.itemsize * math.prod(self.shape[1:])
        stored = _stream_bytes(stream) - start if available_bytes is None else available_bytes
        if stored < self._offset - start + self._row_bytes * self.shape[0]:
            raise DataError(f"{where} is cut off", why=f"its header promises {self.shape[0]} rows")

    def grouped(self, size: int) -> RowArray:
        """Return a view with `size` rows of this one in each of its own: (n // size, size, ...)."""
        view = copy.copy(self)
        view._whole = self
        view.shape = (self.shape[0] // size, size, *self.shape[1:])
        view._row_bytes = self._row_bytes * size
        return view

    def rows(self, indices: Sequence[int]) -> npt.NDArray[Any]:
        """Return the rows at `indices` as a fresh array [len(indices), ...]. Safe in several threads.

        Raises:
            DataError: the file was cut since it was opened.
        """
        out = np.empty((len(indices), *self.shape[1:]), dtype=self._stored)
        with self._lock:
            if isinstance(indices, range) and indices.step == 1:
                self._fill(out, indices.start)
            else:
                for position, index in enumerate(indices):
                    self._fill(out[position : position + 1], index)
        return out.astype(self.dtype, copy=False)

    def _fill(self, out: npt.NDArray[Any], first: int) -> None:
        """Read the rows from `first` on into contiguous `out`, all at once."""
        self._stream.seek(self._offset + first * self._row_bytes)
        if self._stream.readinto(out.reshape(-1).view(np.uint8)) != out.nbytes:
            raise DataError(f"{self._where} is cut off", why=f"at row {first} or after it")


def open_arrays(path: Path) -> dict[str, RowArray]:
    """Open every array of an .npz (name -> array) or the one of an .npy (name "").

    Raises:
        DataError: missing, neither kind, truncated, pickled objects, Fortran order, a scalar, or no room to unpack.
    """
    try:
        return _open_npz(path) if zipfile.is_zipfile(path) else {"": _open_npy(path)}
    except OSError as error:
        raise DataError(f"{path.name} cannot be read", why=error.strerror or str(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, struct.error) as error:
        raise DataError(f"{path.name} is damaged or not an .npz file", why=str(error)) from error


def _open_npy(path: Path) -> RowArray:
    return RowArray("", path.name, path.open("rb", buffering=0), 0, None)


def _open_npz(path: Path) -> dict[str, RowArray]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        arrays = [_open_member(path, archive, info) for info in members]
    if not arrays:
        raise DataError(f"{path.name} holds no arrays")
    return {array.name: array for array in arrays}


def _open_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> RowArray:
    name = info.filename.removesuffix(".npy")
    where = f"array {name!r} of {path.name}"
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        with path.open("rb") as stream:
            start = _stored_start(stream, info)
        return RowArray(name, where, path.open("rb", buffering=0), start, info.file_size)
    return RowArray(name, where, _unpacked(archive, info, where), 0, None)


def _stored_start(stream: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Return where a stored member's bytes begin: after its local header, whose lengths may differ from the list's."""
    stream.seek(info.header_offset)
    signature, name_length, extra_length = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no local header for {info.filename}")
    return info.header_offset + _LOCAL_HEADER.size + int(name_length) + int(extra_length)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> IO[bytes]:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if info.file_size > max(free, _IN_MEMORY_BYTES):
        raise DataError(
            f"{where} needs {info.file_size} bytes of temporary space, {free} are free",
            how="Save it uncompressed, with numpy.savez.",
        )
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  (the array keeps it)
    try:
        with archive.open(info) as member:
            shutil.copyfileobj(member, spool, 1 << 20)
    except BaseException:
        spool.close()
        raise
    return spool


def _read_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADER_READERS:
            raise ValueError(f"array format {version} holds structured data")
        shape, fortran_order, dtype = _HEADER_READERS[version](stream)
    except (ValueError, SyntaxError, TypeError, KeyError, tokenize.TokenError) as error:
        foreign = "magic string" in str(error)
        why = "it is cut off, or no .npy or .npz file" if foreign else str(error).split("\n", maxsplit=1)[0]
        how = "Save the arrays with numpy.savez." if foreign else ""
        raise DataError(f"{where} is not a numpy array", why=why, how=how) from error
    if dtype.hasobject or dtype.fields or dtype.subdtype or not dtype.itemsize:
        raise DataError(
            f"{where} holds Python objects or records", how="Save plain numbers; names as array.astype(str)."
        )
    if any(length < 1 for length in shape[1:]) or (shape and shape[0] < 0):
        raise DataError(f"{where} has samples of no values", why=f"its shape is {list(shape)}")
    if not shape or (fortran_order and len(shape) > 1):
        kind = "is in Fortran order" if shape else "is a single number"
        raise DataError(f"{where} {kind}", how="Save numpy.ascontiguousarray(array), with samples on the first axis.")
    return shape, dtype


def _stream_bytes(stream: IO[bytes]) -> int:
    position = stream.tell()
    end = stream.seek(0, 2)
    stream.seek(position)
    return end
