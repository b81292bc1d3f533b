"""A probe answers whatever it meets: no package, no provider, no GPU, missing libraries, a CPU session in disguise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.ort_nvidia import probing
from workbench_plugins.ort_nvidia.gpus import Gpus
from workbench_plugins.ort_nvidia.libraries import Lookup
from workbench_plugins.ort_nvidia.probing import CUDA, TENSORRT, Provider, availability, one_node_problem, why_not

REQUIREMENT = "onnxruntime-gpu==1.31.1"
GPU = Gpus(("NVIDIA L4",), "580.1")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend a machine: its GPUs, its libraries, what one node says."""

    def pretend(
        gpus: Gpus, lookup: Lookup, problem: str = "", package: tuple[str, str] = ("onnxruntime-gpu", "1.31.1")
    ):
        monkeypatch.setattr(probing, "installed", lambda: package)
        monkeypatch.setattr(probing, "provider_library", lambda provider: Path("provider.so"))
        monkeypatch.setattr(probing, "find_gpus", lambda: gpus)
        monkeypatch.setattr(probing, "look_up", lambda library: lookup)
        monkeypatch.setattr(probing, "library_versions", lambda lookup: {"TensorRT": "10.13.3"})
        monkeypatch.setattr(probing, "one_node_problem", lambda provider, lookup: problem)

    return pretend


def test_all_there_is_usable_with_the_whole_tool_chain(machine: Any) -> None:
    machine(GPU, Lookup(("libcudart.so.13",)))
    found = availability(CUDA, REQUIREMENT)
    assert found.ok
    assert (found.reason, found.remedy) == ("", "")
    assert found.versions == {"onnxruntime-gpu": "1.31.1", "TensorRT": "10.13.3", "NVIDIA driver": "580.1"}
    assert found.devices == ("GPU: NVIDIA L4",)


def test_what_is_missing_is_named_and_mended(machine: Any) -> None:
    machine(
        Gpus(), Lookup(("libcuda.so.1", "libcudart.so.13", "libcublas.so.13"), (), ("libcuda.so.1", "libcublas.so.13"))
    )
    found = availability(CUDA, REQUIREMENT)
    assert not found.ok
    assert found.reason == (
        "no NVIDIA GPU is in this machine; no NVIDIA driver (libcuda.so.1); the loader does not find libcublas.so.13"
    )
    assert found.remedy.startswith("Use a machine with an NVIDIA GPU")
    assert "int8" in found.precisions, "its artifacts can be prepared and verified here"


def test_a_cpu_session_in_disguise_is_not_usable(machine: Any) -> None:
    problem = "ONNX Runtime silently gave one node to CPUExecutionProvider"
    machine(GPU, Lookup(("libcudart.so.13",)), problem)
    found = availability(TENSORRT, REQUIREMENT)
    assert not found.ok
    assert "silently" in found.reason
    assert found.remedy == ("See that NVIDIA's driver 580.1 is for CUDA 13 or newer, and that the GPU has free memory.")
    machine(Gpus(("NVIDIA L4",)), Lookup(), problem)
    assert availability(TENSORRT, REQUIREMENT).remedy.startswith("See that NVIDIA's driver is new enough, ")


def test_no_package_and_no_provider_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "installed", lambda: ("", ""))
    found = availability(CUDA, REQUIREMENT)
    assert (found.ok, found.reason) == (False, "ONNX Runtime is not installed")
    assert found.remedy == f'pip install "{REQUIREMENT}"'
    monkeypatch.setattr(probing, "installed", lambda: ("onnxruntime", "1.31.1"))
    found = availability(Provider("X", "X", "no_such_library"), REQUIREMENT)
    assert found.reason == "onnxruntime 1.31.1 has no X provider"
    assert found.remedy == f'pip uninstall -y onnxruntime; pip install "{REQUIREMENT}"'


def test_it_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(library: Path) -> Lookup:
        raise ValueError("cut off")

    monkeypatch.setattr(probing, "look_up", broken)
    monkeypatch.setattr(probing, "provider_library", lambda provider: Path("x"))
    found = availability(CUDA, REQUIREMENT)
    assert not found.ok
    assert "cut off" in found.reason
    assert found.precisions == ()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what this machine lists is read on Linux")
@pytest.mark.parametrize("provider", [CUDA, TENSORRT], ids=["cuda", "tensorrt"])
def test_this_machine_is_judged_as_it_is(provider: Provider) -> None:
    found = availability(provider, REQUIREMENT)
    has_gpu = bool(probing.find_gpus().names)
    if not has_gpu:
        assert not found.ok
        assert "no NVIDIA GPU" in found.reason
    assert found.ok or found.remedy


@pytest.mark.parametrize("provider", [CUDA, TENSORRT], ids=["cuda", "tensorrt"])
def test_one_node_sees_through_a_silent_fallback(provider: Provider) -> None:
    if probing.find_gpus().names:
        pytest.skip("this machine has a GPU: the provider may really start")
    text = one_node_problem(provider, Lookup())
    assert "silently gave one node to CPUExecutionProvider" in text
    assert one_node_problem(Provider("CPUExecutionProvider", "CPU", ""), Lookup()) == ""


def test_a_crash_and_an_error_of_the_one_node_are_words() -> None:
    read = probing._read_answer
    assert "exit code -11): last words" in read(CUDA, [], ["first", "last words", ""], -11)
    assert "out of memory" in read(CUDA, ['{"providers": [], "nodes": [], "error": "out of memory"}'], [], 0)


def test_why_not_is_empty_when_nothing_is_missing() -> None:
    assert why_not(GPU, Lookup(), True) == ""


def test_ready_means_a_gpu_and_every_library(machine: Any) -> None:
    machine(GPU, Lookup(("libcudart.so.13",)))
    assert probing.is_ready(CUDA)
    machine(GPU, Lookup(("libcudart.so.13",), (), ("libcudart.so.13",)))
    assert not probing.is_ready(CUDA)
    assert not probing.is_ready(Provider("CPUExecutionProvider", "CPU", ""))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lists no GPU in files")
def test_without_a_gpu_nothing_is_ready(machine: Any) -> None:
    machine(Gpus(), Lookup())
    assert not probing.is_ready(CUDA)
