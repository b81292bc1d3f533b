"""Remedies are put together from what files and packages say: no table of versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.ort_nvidia import remedies
from workbench_plugins.ort_nvidia.gpus import Gpus
from workbench_plugins.ort_nvidia.libraries import Lookup
from workbench_plugins.ort_nvidia.remedies import extras_with_nvidia, packages_for, remedy

NEEDED = ("libcublas.so.13", "libcudart.so.13", "libnvinfer.so.10", "libcuda.so.1")
ORT = ("onnxruntime-gpu", "1.31.1")
GPU = Gpus(("NVIDIA L4",), "580.1")


@pytest.fixture(autouse=True)
def wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "numpy>=1.21.6",
        'sympy; extra == "symbolic"',
        'nvidia-cuda-runtime~=13.0; extra == "cuda"',
        'nvidia-curand~=10.0; extra == "cuda"',
        'nvidia-cudnn-cu13~=9.0; extra == "cudnn"',
    ]
    monkeypatch.setattr(remedies.importlib.metadata, "requires", lambda name: lines)


def test_nothing_missing_needs_nothing() -> None:
    assert remedy(Lookup(NEEDED), GPU, True, ORT) == ""


def test_without_a_gpu_the_machine_comes_first() -> None:
    text = remedy(Lookup(NEEDED, (), ("libcublas.so.13",)), Gpus(), False, ORT)
    machine, _, line = text.partition(" There: ")
    assert machine == "Use a machine with an NVIDIA GPU and its driver."
    assert line == 'pip install "onnxruntime-gpu[cuda,cudnn]==1.31.1"'


def test_tensorrt_is_named_with_the_versions_that_the_provider_was_linked_with() -> None:
    line = remedy(Lookup(NEEDED, (), ("libnvinfer.so.10",)), GPU, True, ORT)
    assert line == 'pip install "tensorrt-cu13==10.*"'
    older = ("libcudart.so.12", "libnvinfer.so.11")
    assert packages_for(Lookup(older, (), ("libnvinfer.so.11",)), ORT) == ["tensorrt-cu12==11.*"]


def test_a_missing_driver_is_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies.platform, "system", lambda: "Linux")
    monkeypatch.setattr(remedies.platform, "machine", lambda: "x86_64")
    text = remedy(Lookup(NEEDED, (), ("libcuda.so.1",)), GPU, True, ORT)
    assert text == "Install NVIDIA's driver for Linux x86_64, for CUDA 13 or newer."


def test_a_jetson_takes_what_comes_with_the_board() -> None:
    board = Gpus(("NVIDIA Jetson Orin Nano",))
    assert remedy(Lookup(NEEDED, (), ("libnvinfer.so.10",)), board, True, ORT) == "sudo apt install nvidia-jetpack"


def test_a_distribution_without_extras_is_named_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies.importlib.metadata, "requires", lambda name: None)
    assert packages_for(Lookup(NEEDED, (), ("libcublas.so.13",)), ORT) == ["onnxruntime-gpu==1.31.1"]


@given(st.lists(st.sampled_from(["cuda", "cudnn", "trt"])))
def test_extras_are_sorted_and_named_once(names: list[str]) -> None:
    lines = [f'nvidia-x~=1.0; extra == "{name}"' for name in names] + ['other; extra == "plain"', "numpy"]
    assert extras_with_nvidia(lines) == sorted(set(names))
