"""One NVIDIA GPU while a session is open: memory and a stream, as the stand-alone file has them, with our errors."""

from __future__ import annotations

import ctypes
from typing import Any, Self

from workbench_plugins.tensorrt.elsewhere import LIBRARY, Gpu

from workbench.spi import RuntimeUnavailableError


class CudaDevice(Gpu):
    """A context manager's half of `Gpu`: opened by `with` or by hand, closed by `close`.

    Whatever the driver refuses is a RuntimeUnavailableError that names the GPU and the function.
    """

    def __init__(self, index: int, library: Any = None) -> None:
        super().__init__(library, index)

    def __enter__(self) -> Self:
        self._library = self._library or load_driver()
        self.start()
        return self

    def _call(self, function: str, *arguments: Any) -> None:
        try:
            super()._call(function, *arguments)
        except RuntimeError as error:
            raise RuntimeUnavailableError(str(error)) from error


def load_driver() -> Any:
    """Return the driver's library. Raises RuntimeUnavailableError where there is none."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise RuntimeUnavailableError(f"no NVIDIA driver ({LIBRARY}): {error}") from error
