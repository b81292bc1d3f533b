"""For all tests: where real models and data lie; property tests judge results, never the speed of the machine."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # as the program sets it, before anything loads numpy
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the cores are shared by the processes that run the tests

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None]:
    """Delete the windows that a test closed: without a running event loop they would stay, and every later change of
    the style sheet would style them too, so that each test were slower than the one before."""
    yield
    if (core := sys.modules.get("PySide6.QtCore")) and core.QCoreApplication.instance():
        core.QCoreApplication.sendPostedEvents(None, core.QEvent.Type.DeferredDelete)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real models and inputs; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder with real models and data is not beside this checkout")
    return SHARED_DATA
