"""Without TensorRT the plugin says what is missing and writes its artifacts all the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.contexts import PlainContext
from helpers.onnx_models import random_feeds, resnet_like
from helpers.plans import make_plan
from workbench_plugins.ort_nvidia.gpus import Gpus
from workbench_plugins.tensorrt import runtime as module
from workbench_plugins.tensorrt.runtime import LIBRARY, RUNTIME, TensorRtRuntime, major_version, why_not

from workbench.errors import ModelError
from workbench.model.canonical import canonical_graph
from workbench.model.graph import GraphSummary, TensorSpec
from workbench.model.load import save_proto
from workbench.quant.scheme import Scheme
from workbench.spi import RuntimeUnavailableError

JETSON = ("NVIDIA Jetson Orin Nano",)


def test_what_is_missing_is_named_and_mended() -> None:
    assert why_not("", (), "no such file") == (
        f"no NVIDIA GPU is in this machine; no NVIDIA driver ({LIBRARY}); TensorRT's Python package is not installed",
        'Use a machine with an NVIDIA GPU and its driver. There: pip install "tensorrt"',
    )
    assert why_not("", JETSON, "")[1] == "sudo apt install nvidia-jetpack"
    assert why_not("10.13.3", ("NVIDIA L4",), "no such file")[1] == "Install NVIDIA's driver."
    assert why_not("10.13.3", ("NVIDIA L4",), "") == ("", "")


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with GPU, driver and package."""
    monkeypatch.setattr(module, "find_gpus", lambda: Gpus(("NVIDIA L4",), "580.1"))
    monkeypatch.setattr(module, "load_error", lambda name: "")
    monkeypatch.setattr(module, "installed_version", lambda: "11.2.0")


@pytest.mark.usefixtures("complete")
def test_a_package_that_does_not_import_is_not_usable() -> None:
    found = TensorRtRuntime(object).probe()
    assert (found.ok, found.versions) == (True, {"TensorRT": "11.2.0", "NVIDIA driver": "580.1"})

    def broken() -> Any:
        raise RuntimeUnavailableError("TensorRT's Python package does not import: libnvinfer")

    found = TensorRtRuntime(broken).probe()
    assert (found.ok, found.reason) == (False, "TensorRT's Python package does not import: libnvinfer")


@pytest.mark.usefixtures("complete")
def test_the_files_rules_are_those_of_the_installed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert major_version() == 11
    for version in ("", "unknown"):
        monkeypatch.setattr(module, "installed_version", lambda version=version: version)
        assert major_version() == 10


def test_the_package_of_this_machine_is_told_as_it_is() -> None:
    version = module.installed_version()
    if version:
        pytest.skip("TensorRT is installed here")
    with pytest.raises(RuntimeUnavailableError, match="does not import"):
        module.import_package()
    assert not RUNTIME.probe().ok


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_artifacts_are_written_without_the_device(precision: str, tmp_path: Path) -> None:
    if RUNTIME.probe().ok:
        pytest.skip("this machine has the device")
    canonical = canonical_graph(resnet_like())[0]
    plan = make_plan(canonical, random_feeds(canonical, 2)) if precision == "int8" else None
    save_proto(canonical, tmp_path / "source" / "model.onnx")
    context = PlainContext(tmp_path, precision, canonical, plan)
    done = RUNTIME.prepare(tmp_path / "source" / "model.onnx", plan, context)
    assert done.artifact.is_file()
    assert done.notes["engine"] == "not built: no device here"
    if plan is not None:
        assert len(RUNTIME.read_back(done.artifact).tensors) > 0


def test_int8_needs_a_plan(tmp_path: Path) -> None:
    canonical = canonical_graph(resnet_like())[0]
    save_proto(canonical, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="with a plan only"):
        RUNTIME.prepare(tmp_path / "model.onnx", None, PlainContext(tmp_path / "w", "int8", canonical, None))


def test_axes_of_any_size_beside_the_batch_are_refused_before_the_run(tmp_path: Path) -> None:
    tall = TensorSpec("image", "float32", ("N", 3, "height", 8))
    graph = GraphSummary((), (TensorSpec("x", "float32", ("N", 4)), tall), (), {}, 17)
    (found,) = RUNTIME.realise(graph, Scheme(), {})
    assert (found.refuses, found.requested) == (True, "image with axes of any size")

    context = SimpleNamespace(settings={}, graph=graph)
    with pytest.raises(
        ModelError, match=r"No engine for image with axes of any size: TensorRT builds for known shapes"
    ):
        RUNTIME.prepare(tmp_path / "m.onnx", None, context)  # type: ignore[arg-type]


def test_a_graph_with_a_free_batch_alone_is_taken(tmp_path: Path) -> None:
    canonical = canonical_graph(resnet_like())[0]
    assert RUNTIME.realise(PlainContext(tmp_path, "int8", canonical).graph, Scheme(), {}) == []
