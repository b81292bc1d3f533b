"""Which libraries a shared library asks the loader for, read from the file itself; nothing is loaded."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5
PE32_PLUS = 0x20B
IMPORT_DIRECTORY = 1
MOST_IMPORTS = 1000
LONGEST_NAME = 512


def needed_libraries(path: Path) -> tuple[str, ...]:
    """Return the names that a 64-bit ELF file lists as DT_NEEDED, or a PE32+ file in its import table, in its order.

    Layout: System V ABI, chapters "Program Header" and "Dynamic Section"; Microsoft, "PE Format".

    Raises:
        OSError: the file cannot be read.
        ValueError: it is neither a little-endian 64-bit ELF file nor a PE32+ file, or it is cut off.
    """
    with path.open("rb") as stream:
        magic = stream.read(6)
        try:
            if magic[:4] == b"\x7fELF" and magic[4:6] == b"\x02\x01":
                return _elf_needed(stream)
            if magic[:2] == b"MZ":
                return _pe_imports(stream)
        except struct.error as error:
            raise ValueError(f"{path.name} is cut off") from error
    raise ValueError(f"{path.name} is no 64-bit shared library of Linux or Windows")


def _elf_needed(stream: BinaryIO) -> tuple[str, ...]:
    segments = _elf_segments(stream)
    dynamic = next(((offset, size) for kind, offset, _, size in segments if kind == PT_DYNAMIC), None)
    if dynamic is None:
        return ()
    entries = struct.iter_unpack("<qQ", _read(stream, dynamic[0], dynamic[1] // 16 * 16))
    pairs = [(tag, value) for tag, value in entries if tag in (DT_NEEDED, DT_STRTAB)]
    address = next((value for tag, value in pairs if tag == DT_STRTAB), 0)
    names = _offset(address, [(start, offset, size) for kind, offset, start, size in segments if kind == PT_LOAD])
    return tuple(_text(stream, names + value) for tag, value in pairs if tag == DT_NEEDED)


def _elf_segments(stream: BinaryIO) -> list[tuple[int, int, int, int]]:
    """Return (kind, file offset, address, size in the file) of every segment."""
    header = _read(stream, 0, 64)
    (table,) = struct.unpack_from("<Q", header, 32)
    entry_size, count = struct.unpack_from("<HH", header, 54)
    found = []
    for index in range(count):
        entry = _read(stream, table + index * entry_size, 56)
        kind, _, offset, address, _, size, _, _ = struct.unpack("<IIQQQQQQ", entry)
        found.append((kind, offset, address, size))
    return found


def _pe_imports(stream: BinaryIO) -> tuple[str, ...]:
    (start,) = struct.unpack("<I", _read(stream, 0x3C, 4))
    header = _read(stream, start, 24)
    (count,) = struct.unpack_from("<H", header, 6)
    (optional_size,) = struct.unpack_from("<H", header, 20)
    optional = _read(stream, start + 24, optional_size)
    if struct.unpack_from("<H", optional)[0] != PE32_PLUS:
        raise ValueError("it is no 64-bit Windows library")
    (table,) = struct.unpack_from("<I", optional, 112 + 8 * IMPORT_DIRECTORY)
    sections = []
    for index in range(count):
        section = _read(stream, start + 24 + optional_size + 40 * index, 40)
        size, address, raw_size, offset = struct.unpack_from("<IIII", section, 8)
        sections.append((address, offset, max(size, raw_size)))
    return _import_names(stream, table, sections) if table else ()


def _import_names(stream: BinaryIO, table: int, sections: list[tuple[int, int, int]]) -> tuple[str, ...]:
    names = []
    for index in range(MOST_IMPORTS):
        descriptor = _read(stream, _offset(table + 20 * index, sections), 20)
        (name,) = struct.unpack_from("<I", descriptor, 12)
        if not name:
            break
        names.append(_text(stream, _offset(name, sections)))
    return tuple(names)


def _offset(address: int, ranges: list[tuple[int, int, int]]) -> int:
    """Return the file offset of an address; `ranges` are (first address, file offset, size)."""
    for first, offset, size in ranges:
        if first <= address < first + size:
            return address - first + offset
    raise ValueError(f"address {address:#x} lies in no part of the file")


def _read(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)


def _text(stream: BinaryIO, offset: int) -> str:
    return _read(stream, offset, LONGEST_NAME).partition(b"\0")[0].decode("ascii", "replace")
