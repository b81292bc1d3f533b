"""The GPU through its driver's library: a stand-in library in host memory; errors carry the driver's own name."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from workbench_plugins.tensorrt import device as module
from workbench_plugins.tensorrt.device import CudaDevice, load_driver

from workbench.spi import RuntimeUnavailableError

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


def test_what_is_uploaded_comes_back_and_all_is_freed() -> None:
    driver = Driver()
    value = np.arange(12, dtype=np.float32).reshape(3, 4)
    with_more = np.arange(100, dtype=np.int64)
    device = CudaDevice(0, driver).__enter__()
    for array in (value, with_more, value):
        back = np.zeros_like(array)
        address = device.buffer("x", array.nbytes)
        device.upload(address, array)
        device.download(back, address)
        device.synchronize()
        np.testing.assert_array_equal(back, array)
    assert len(driver.memory) == 1
    device.close()
    device.close()
    assert driver.memory == {}
    assert driver.calls.count("cuDevicePrimaryCtxRetain") == driver.calls.count("cuDevicePrimaryCtxRelease_v2") == 1
    assert driver.calls.count("cuStreamDestroy_v2") == 1


def test_empty_arrays_are_no_copy() -> None:
    driver = Driver()
    device = CudaDevice(0, driver).__enter__()
    device.upload(device.buffer("x", 0), np.zeros((0, 3), np.float32))
    assert "cuMemcpyHtoDAsync_v2" not in driver.calls
    device.close()


@pytest.mark.parametrize(("code", "words"), [(OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"), (999, "error 999")])
def test_an_error_is_told_with_function_and_name(code: int, words: str) -> None:
    device = CudaDevice(3, Driver(cuMemAlloc_v2=code)).__enter__()
    with pytest.raises(RuntimeUnavailableError, match=f"GPU 3: cuMemAlloc_v2 failed: {words}"):
        device.buffer("x", 8)


def test_no_driver_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIBRARY", "libno_such_driver.so.1")
    with pytest.raises(RuntimeUnavailableError, match="no NVIDIA driver \\(libno_such_driver"):
        load_driver()
