"""The GPU through its driver's library: a stand-in library in host memory; errors carry the driver's own name."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.cuda_driver import OUT_OF_MEMORY, Driver
from workbench_plugins.tensorrt import device as module
from workbench_plugins.tensorrt.device import CudaDevice, load_driver

from workbench.spi import RuntimeUnavailableError


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
