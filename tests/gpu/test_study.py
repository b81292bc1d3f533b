"""A whole study on the GPU: what is there is measured, what is not is told; its sheet can be kept.

INT8_WORKBENCH_RECORD names a folder where the sheet is written, to be kept under resources/recorded; then each cell is
timed for 60 s, else for 5 s. The study is the program's sample study at batch 64.
"""

from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.gpu import why_absent
from workbench_plugins.ort_nvidia.probing import TENSORRT
from workbench_plugins.tensorrt.runtime import RUNTIME as NATIVE

from workbench.execution.result import Result
from workbench.report.names import SIMULATED_INT8
from workbench.report.sheet import build_sheet, save_sheet
from workbench.report.verdicts import sentences

pytestmark = pytest.mark.usefixtures("cuda")
RECORD = os.environ.get("INT8_WORKBENCH_RECORD", "")
DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"
ON_GPU = ["fp32", "fp16", "int8"]


@pytest.mark.timeout(1800)
def test_cuda_tensorrt_and_cpu_in_one_study(tmp_path: Path) -> None:
    path = studies.write_study_file(tmp_path / "study.toml", sample_study("standard" if RECORD else "quick"))
    result, _ = studies.run(path, tmp_path / "run")
    found = {(run.label, run.precision): run for run in result.runs}
    assert found["CUDA", "fp32"].status == found["CUDA", "fp16"].status == found["CUDA", "int8"].status == "ok"
    assert found["CUDA", "int8"].int8_mac_share == 0.0
    assert found["CUDA", "int8"].throughput_per_s is None
    for label, missing in (("TensorRT", why_absent(TENSORRT)), ("native TensorRT", not NATIVE.probe().ok)):
        assert found[label, "int8"].status == ("not_available" if missing else "ok")
        assert found[label, "int8"].parity is not None
        assert found[label, "int8"].parity.mismatches == []
        assert ("rebuild_noise" in found[label, "int8"].facts) is not bool(missing)
    spoken = {entry["label"]: entry["word"] for entry in sentences(result)}
    assert spoken["CUDA"] == SIMULATED_INT8
    assert_the_gpu_is_told(result)
    folder = Path(RECORD) if RECORD else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    save_sheet(build_sheet(result), folder / "sheet.json")
    text = (folder / "sheet.json").read_text(encoding="utf-8")
    for private in (socket.gethostname(), str(tmp_path), str(DEMO), str(Path.home())):
        assert private not in text or len(private) < 4, "a sheet to keep names neither host nor folders"


def sample_study(profile: str) -> dict[str, Any]:
    """Return the sample study with absolute paths and rows for the CPU and the NVIDIA runtimes."""
    content = tomllib.loads((DEMO / "study.toml").read_text(encoding="utf-8"))
    content["model"]["path"] = str(DEMO / content["model"]["path"])
    for data in content["data"].values():
        data["path"] = str(DEMO / data["path"])
    rows = [{"id": "ort_cpu", "name": "ONNX Runtime CPU"}]
    rows += [{"id": "ort_cuda", "name": "CUDA", "precisions": ON_GPU}]  # type: ignore[dict-item]
    twice = {"build_twice": True}
    rows += [{"id": "ort_tensorrt", "name": "TensorRT", "precisions": ON_GPU, "options": twice}]  # type: ignore[dict-item]
    rows += [{"id": "tensorrt", "name": "native TensorRT", "precisions": ON_GPU, "options": twice}]  # type: ignore[dict-item]
    return {**content, "runtimes": [{**row, "batch": 64} for row in rows], "measure": {"profile": profile}}


def assert_the_gpu_is_told(result: Result) -> None:
    """Where nvidia-ml-py is there: its facts of the machine, and what the GPU did beside the timed runs."""
    pytest.importorskip("pynvml")
    assert "compute capability" in result.machines[0].facts["gpu"]
    assert "CUDA" in result.machines[0].facts["gpu_driver"]
    timed = [run for run in result.runs if run.label == "CUDA" and run.throughput_per_s is not None]
    assert timed
    for run in timed:
        assert run.throughput_per_s is not None
        assert "SM" in run.throughput_per_s.conditions["gpu"]
    on_cpu = [run for run in result.runs if run.label == "ONNX Runtime CPU" and run.throughput_per_s is not None]
    assert all("gpu" not in run.throughput_per_s.conditions for run in on_cpu if run.throughput_per_s is not None)
