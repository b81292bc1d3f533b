"""The native TensorRT plugin: its memory on a real GPU wherever there is one, engines where the package is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.gpu import Net, answers, probed
from workbench_plugins.ort_nvidia.gpus import find_gpus
from workbench_plugins.ort_nvidia.libraries import load_error
from workbench_plugins.tensorrt.device import CudaDevice
from workbench_plugins.tensorrt.elsewhere import LIBRARY
from workbench_plugins.tensorrt.runtime import RUNTIME

from workbench.measure.divergence import divergence
from workbench.spi import RuntimeUnavailableError


@pytest.fixture(scope="session")
def gpu() -> int:
    """Index of a GPU whose driver loads; skipped without."""
    if not find_gpus().names or load_error(LIBRARY):
        pytest.skip(f"no NVIDIA GPU with a driver ({LIBRARY}) is in this machine")
    return 0


@pytest.fixture(scope="session")
def native() -> None:
    """Skipped with reason and remedy where TensorRT's package cannot be used."""
    found = RUNTIME.probe()
    if not found.ok:
        pytest.skip(f"{found.reason}. {found.remedy}")


def test_what_is_uploaded_comes_back(gpu: int) -> None:
    values = [np.random.default_rng(seed).standard_normal(1 << (4 * seed + 4)).astype(np.float32) for seed in range(5)]
    with_larger = [*values, *reversed(values)]
    device = CudaDevice(gpu).__enter__()
    try:
        for value in with_larger:
            back = np.zeros_like(value)
            address = device.buffer("x", value.nbytes)
            device.upload(address, value)
            device.download(back, address)
            device.synchronize()
            np.testing.assert_array_equal(back, value)
    finally:
        device.close()


def test_a_gpu_that_is_not_there_is_named(gpu: int) -> None:
    device = CudaDevice(gpu + 63)
    with pytest.raises(RuntimeUnavailableError, match="cuDeviceGet failed: CUDA_ERROR_INVALID_DEVICE"):
        device.__enter__()
    device.close()


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(("precision", "least_db"), [("fp32", 80.0), ("fp16", 40.0), ("int8", 20.0)])
def test_answers_are_those_of_the_cpu(net: Net, precision: str, least_db: float, tmp_path: Path) -> None:
    found = answers(RUNTIME, net.prepare(RUNTIME, precision, tmp_path), net, precision, tmp_path)
    expected = net.simulated if precision == "int8" else net.plain
    assert (divergence(expected["logits"], found.logits).sqnr_db or np.inf) > least_db
    assert found.facts["engine"] == "loaded from the file made while building"
    if precision == "int8":
        assert {found.placement[name].precision for name in net.compute_nodes} == {"int8"}


@pytest.mark.usefixtures("native")
def test_a_rebuild_moves_the_answers_by_a_noise_that_is_told(
    net: Net, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = net.prepare(RUNTIME, "int8", tmp_path)
    told = answers(RUNTIME, done, net, "int8", tmp_path, build_twice=True).facts["rebuild_noise"]
    record_property("rebuild_noise", told)
    assert not told.startswith("not measured")
    assert " layers" in told


@pytest.mark.usefixtures("native")
def test_the_probe_with_power_of_two_scales_names_what_departs() -> None:
    assert probed("tensorrt")
