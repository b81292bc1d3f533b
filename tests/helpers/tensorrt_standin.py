"""The stand-in plugin of the native TensorRT plugin, as a module: its package, its host memory, its runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).resolve().parents[1] / "plugins" / "tensorrt_standin" / "runtime.py"


def load_standin() -> ModuleType:
    """Return a fresh copy of the module."""
    spec = importlib.util.spec_from_file_location("tensorrt_standin_of_tests", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
