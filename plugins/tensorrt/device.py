"""Memory and a stream of one NVIDIA GPU, through the driver's own library; no CUDA toolkit is needed.

Source: NVIDIA, "CUDA Driver API", groups "Initialization", "Primary Context Management", "Memory Management",
"Stream Management". The primary context is the one that TensorRT uses too.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from workbench.spi import RuntimeUnavailableError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


class CudaDevice:
    """One GPU while a session is open. `upload` and `download` are queued on `stream`, in order."""

    def __init__(self, index: int, library: Any = None) -> None:
        self.stream = 0
        self._index, self._library, self._handle = index, library, ctypes.c_int()
        self._has_context = False
        self._buffers: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        self._library = self._library or load_driver()
        context, stream = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(self._handle), self._index)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._handle)
        self._has_context = True
        self._call("cuCtxSetCurrent", context)
        self._call("cuStreamCreate", ctypes.byref(stream), 0)
        self.stream = stream.value or 0
        return self

    def close(self) -> None:
        """Free everything; safe to call more than once."""
        for address, _ in self._buffers.values():
            self._call("cuMemFree_v2", ctypes.c_uint64(address))
        self._buffers.clear()
        if self.stream:
            self._call("cuStreamDestroy_v2", ctypes.c_void_p(self.stream))
            self.stream = 0
        if self._has_context:
            self._has_context = False
            self._call("cuDevicePrimaryCtxRelease_v2", self._handle)

    def buffer(self, name: str, size: int) -> int:
        """Return the address of a buffer of at least `size` bytes that keeps its name; 1 byte for none."""
        address, there = self._buffers.get(name, (0, 0))
        if there >= size and address:
            return address
        if address:
            del self._buffers[name]
            self._call("cuMemFree_v2", ctypes.c_uint64(address))
        found = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(found), ctypes.c_size_t(max(1, size)))
        self._buffers[name] = (found.value, max(1, size))
        return found.value

    def upload(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy a C-contiguous array to the GPU."""
        self._copy("cuMemcpyHtoDAsync_v2", ctypes.c_uint64(address), ctypes.c_void_p(array.ctypes.data), array)

    def download(self, array: npt.NDArray[Any], address: int) -> None:
        """Copy from the GPU into a C-contiguous array; it is there after `synchronize`."""
        self._copy("cuMemcpyDtoHAsync_v2", ctypes.c_void_p(array.ctypes.data), ctypes.c_uint64(address), array)

    def synchronize(self) -> None:
        """Wait for everything queued. Raises RuntimeUnavailableError where the GPU reports an error."""
        self._call("cuStreamSynchronize", ctypes.c_void_p(self.stream))

    def _copy(self, function: str, to: Any, source: Any, array: npt.NDArray[np.generic]) -> None:
        if array.nbytes:
            self._call(function, to, source, ctypes.c_size_t(array.nbytes), ctypes.c_void_p(self.stream))

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            raise RuntimeUnavailableError(f"GPU {self._index}: {function} failed: {self._name_of(code)}")

    def _name_of(self, code: int) -> str:
        name = ctypes.c_char_p()
        failed = self._library.cuGetErrorName(code, ctypes.byref(name))
        return f"error {code}" if failed or not name.value else name.value.decode()


def load_driver() -> Any:
    """Return the driver's library. Raises RuntimeUnavailableError where there is none."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise RuntimeUnavailableError(f"no NVIDIA driver ({LIBRARY}): {error}") from error
