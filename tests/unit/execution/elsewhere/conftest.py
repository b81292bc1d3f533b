"""One job that went to a Python with numpy and ONNX Runtime alone, and came back."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.elsewhere import Trip, make_trip


@pytest.fixture(scope="session")
def trip(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    """Make it once; tests must not change its folder."""
    return make_trip(finished.folder, tmp_path_factory.mktemp("trip"))
