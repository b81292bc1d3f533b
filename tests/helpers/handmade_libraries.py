"""Handmade shared libraries that hold nothing but the names of those they need."""

from __future__ import annotations

import struct


def elf(names: list[str], base: int = 0x1000) -> bytes:
    """Handmade: a 64-bit ELF file whose string table lies at address `base` of a LOAD segment, and nothing else."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    offsets, place = [], 1
    for name in names:
        offsets.append(place)
        place += len(name) + 1
    dynamic = b"".join(struct.pack("<qQ", 1, offset) for offset in offsets)
    dynamic += struct.pack("<qQ", 5, base) + struct.pack("<qQ", 0, 0)
    strings_at, dynamic_at = 64 + 2 * 56, 64 + 2 * 56 + len(strings)
    load = struct.pack("<IIQQQQQQ", 1, 4, strings_at, base, base, len(strings), len(strings), 1)
    listed = struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, 0, 0, len(dynamic), len(dynamic), 8)
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    return header + load + listed + strings + dynamic


def pe(names: list[str]) -> bytes:
    """Handmade: a PE32+ file with one section that holds the import table and its names."""
    size = 20 * (len(names) + 1)
    texts, places = b"", []
    for name in names:
        places.append(0x2000 + size + len(texts))
        texts += name.encode() + b"\0"
    table = b"".join(struct.pack("<IIIII", 0, 0, 0, place, 0) for place in places) + bytes(20)
    optional = struct.pack("<H", 0x20B) + bytes(110) + struct.pack("<IIII", 0, 0, 0x2000, size) + bytes(112)
    content = table + texts
    section = b".rdata\0\0" + struct.pack("<IIII", len(content), 0x2000, len(content), 0x200) + bytes(16)
    head = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x22)
    return (head + coff + optional + section).ljust(0x200, b"\0") + content
