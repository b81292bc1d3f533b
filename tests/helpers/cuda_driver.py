"""A stand-in for the NVIDIA driver's library, in host memory."""

from __future__ import annotations

import ctypes
from typing import Any

OUT_OF_MEMORY = 2


class Driver:
    """The functions of the driver's library that are called, on host memory."""

    def __init__(self, **codes: int) -> None:
        self.codes, self.calls = codes, []
        self.memory: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append(name)
            if code := self.codes.get(name, 0):
                return code
            found = getattr(type(self), f"do_{name}", None)
            return int(found(self, *arguments) or 0) if found else 0

        return call

    def do_cuStreamCreate(self, stream: Any, flags: int) -> None:
        stream._obj.value = 77

    def do_cuMemAlloc_v2(self, address: Any, size: Any) -> None:
        memory = ctypes.create_string_buffer(size.value)
        address._obj.value = ctypes.addressof(memory)
        self.memory[address._obj.value] = memory

    def do_cuMemFree_v2(self, address: Any) -> None:
        del self.memory[address.value]

    def do_cuMemcpyHtoDAsync_v2(self, to: Any, source: Any, size: Any, stream: Any) -> None:
        assert stream.value == 77
        ctypes.memmove(to.value, source.value, size.value)

    def do_cuMemcpyDtoHAsync_v2(self, to: Any, source: Any, size: Any, stream: Any) -> None:
        self.do_cuMemcpyHtoDAsync_v2(to, source, size, stream)

    def do_cuGetErrorName(self, code: int, name: Any) -> int:
        name._obj.value = b"CUDA_ERROR_OUT_OF_MEMORY"
        return 0 if code == OUT_OF_MEMORY else 1
