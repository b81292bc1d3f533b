"""Fixtures of the GPU tests: a provider that is really there, and one network with its plan and CPU answers.

One command on a machine with an NVIDIA GPU: `python3 packaging/dev.py test tests/gpu`, or `python -m pytest tests/gpu`
in an environment that has the program's requirements. Everywhere else every test here skips with the probe's reason.
"""

from __future__ import annotations

import pytest
from helpers.gpu import Net, make_net, why_absent
from workbench_plugins.ort_nvidia.probing import CUDA, TENSORRT, Provider


@pytest.fixture(scope="session")
def cuda() -> Provider:
    """The CUDA provider; skipped with reason and remedy where it cannot be used."""
    if reason := why_absent(CUDA):
        pytest.skip(reason)
    return CUDA


@pytest.fixture(scope="session")
def tensorrt() -> Provider:
    """The TensorRT provider; skipped with reason and remedy where it cannot be used."""
    if reason := why_absent(TENSORRT):
        pytest.skip(reason)
    return TENSORRT


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> Net:
    """Made once."""
    return make_net(tmp_path_factory.mktemp("gpu"))
