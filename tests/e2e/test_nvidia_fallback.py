"""A study that asks for NVIDIA's providers where they do not wholly run: nothing is mistaken, the rest is complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.onnx_models import resnet_like
from workbench_plugins.ort_nvidia.gpus import find_gpus

DIVIDED = '''
"""The CUDA plugin's own code on ONNX Runtime's CPU provider; one node is said to be taken by another provider."""

from __future__ import annotations

import onnxruntime
from workbench_plugins.ort_cuda.runtime import OrtCudaRuntime
from workbench_plugins.ort_cuda.session import OrtCudaSession
from workbench_plugins.ort_nvidia.probing import Provider

from workbench.spi import Availability


class Divided(OrtCudaSession):
    def assignment(self):
        found = super().assignment()
        return {**found, max(name for name in found if name.endswith("conv1_node")): "OtherExecutionProvider"}


class Silent(OrtCudaSession):
    def open(self, options):
        return onnxruntime.InferenceSession(str(self.artifact), options, providers=["CPUExecutionProvider"])


class Runtime(OrtCudaRuntime):
    def probe(self):
        return Availability(True, "stand-in provider", precisions=("fp32", "int8"))

    def open(self, prepared, options):
        made = super().open(prepared, options)
        made.__class__ = KIND
        return made


KIND, RUNTIME = {kind}, Runtime(Provider("{provider}", "stand-in", "", "CPU"))
'''
MANIFEST = 'id = "{0}"\ntitle = "{0}"\nkind = "runtime"\nspi_version = 2\nschemes = ["S1", "fp32"]\n'
INT8 = {"precisions": ["int8"]}
ROWS = [
    {"id": "ort_cpu", "name": "CPU", **INT8},
    {"id": "divided", "name": "told", **INT8},
    {"id": "divided", "name": "refused", **INT8, "options": {"fallback": "error"}},
    {"id": "silent", "name": "silent", **INT8},
    *({"id": name, "name": name, **INT8} for name in ("ort_cuda", "ort_tensorrt", "tensorrt")),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root: Path = tmp_path_factory.mktemp("fallback")
    made = {"divided": ("Divided", "CPUExecutionProvider"), "silent": ("Silent", "CUDAExecutionProvider")}
    for name, (kind, provider) in made.items():
        folder = root / "plugins" / name
        folder.mkdir(parents=True)
        (folder / "plugin.toml").write_text(MANIFEST.format(name), encoding="utf-8")
        code = DIVIDED.replace("{kind}", kind).replace("{provider}", provider)
        (folder / "runtime.py").write_text(code, encoding="utf-8")
    path = studies.write_study(root / "study", studies.document(ROWS), resnet_like())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INT8_WORKBENCH_PLUGINS", os.fspath(root / "plugins"))
        result, _ = studies.run(path, root / "run")
    return {run.label: run for run in result.runs}


def test_nodes_elsewhere_are_a_deviation_with_their_names(runs: Any) -> None:
    assert runs["told"].status == "ok"
    told = [item for item in runs["told"].deviations if item.requested == "every node on the asked provider"]
    assert [item.realised for item in told] == [runs["told"].facts["fallback"]]
    assert "1 node on OtherExecutionProvider: " in told[0].realised
    moved = [row for row in runs["told"].placement if row.reason.startswith("another provider took it")]
    assert [row.device for row in moved] in ([], ["Other"]), (
        "a node that ONNX Runtime renamed is told by the fact alone"
    )


def test_where_the_user_said_so_it_is_an_error(runs: Any) -> None:
    assert runs["refused"].status == "failed"
    assert "1 node on OtherExecutionProvider: " in runs["refused"].problem.message
    assert 'the row says fallback = "error"' in runs["refused"].problem.message


def test_a_silent_session_on_the_cpu_is_no_result(runs: Any) -> None:
    assert runs["silent"].status in ("failed", "not_available")
    assert "silently opened a session on CPUExecutionProvider" in runs["silent"].problem.message
    assert runs["silent"].outputs_sha256 is None


@pytest.mark.parametrize("label", ["ort_cuda", "ort_tensorrt", "tensorrt"])
def test_without_a_gpu_the_artifact_is_verified_and_what_is_missing_is_said(runs: Any, label: str) -> None:
    if find_gpus().names:
        pytest.skip("this machine has a GPU: the provider may really run")
    run = runs[label]
    assert run.status == "not_available"
    assert "no NVIDIA GPU is in this machine" in run.problem.message
    assert run.problem.remedy.startswith("Use a machine with an NVIDIA GPU and its driver. There: pip install ")
    assert run.parity.checked > 0
    assert run.parity.mismatches == []


def test_the_rest_of_the_study_is_complete(runs: Any) -> None:
    for label in ("CPU", "Simulated", "FP32 reference"):
        assert runs[label].status == "ok"
        assert runs[label].accuracy is not None
