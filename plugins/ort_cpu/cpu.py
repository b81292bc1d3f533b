"""What processor this is: its name and the instruction sets that decide how integer kernels behave."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
X64_MACHINES = frozenset({"x86_64", "amd64"})
SHOWN_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
VNNI_FLAGS = frozenset({"avx_vnni", "avx512_vnni"})


@dataclass(frozen=True)
class Cpu:
    """A processor.

    Attributes:
        name: as the operating system calls it.
        is_x64: whether it runs x86-64 code.
        flags: instruction sets out of SHOWN_FLAGS, or None where the system does not list them.
    """

    name: str
    is_x64: bool
    flags: tuple[str, ...] | None

    @property
    def saturates(self) -> bool | None:
        """Whether u8 x s8 products may saturate in 16 bits (x64 without VNNI); None when the flags are unknown."""
        if not self.is_x64:
            return False
        return None if self.flags is None else not VNNI_FLAGS.intersection(self.flags)

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.flags)})" if self.flags else self.name


def this_cpu() -> Cpu:
    """Describe the processor this runs on. Never raises."""
    machine = platform.machine()
    try:
        fields = cpuinfo_fields(CPUINFO.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        fields = {}
    return cpu_from_fields(fields, machine, platform.processor())


def cpu_from_fields(fields: Mapping[str, str], machine: str, processor: str) -> Cpu:
    """Build a Cpu from the first processor's fields of /proc/cpuinfo (empty elsewhere) and platform names."""
    listed = fields.get("flags", fields.get("Features"))
    flags = None if listed is None else tuple(flag for flag in SHOWN_FLAGS if flag in listed.split())
    name = fields.get("model name") or processor or machine
    return Cpu(name, machine.lower() in X64_MACHINES, flags)


def cpuinfo_fields(text: str) -> dict[str, str]:
    """Return the fields of the first processor in the text of /proc/cpuinfo."""
    first = text.strip().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}
