"""A whole study on the GPU: what is there is measured, what is not is told; its sheet can be kept.

INT8_WORKBENCH_RECORD names a folder where the sheet is written, to be kept under resources/recorded.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import studies
from helpers.onnx_models import resnet_like

from workbench.report.names import SIMULATED_INT8
from workbench.report.sheet import build_sheet, save_sheet
from workbench.report.verdicts import sentences

pytestmark = pytest.mark.usefixtures("cuda")


def test_cuda_tensorrt_and_cpu_in_one_study(tmp_path: Path) -> None:
    rows = [{"id": "ort_cpu", "name": "ONNX Runtime CPU"}]
    rows += [{"id": "ort_cuda", "name": "CUDA", "precisions": ["fp32", "fp16", "int8"]}]  # type: ignore[dict-item]
    rows += [{"id": "ort_tensorrt", "name": "TensorRT", "precisions": ["fp32", "fp16", "int8"]}]  # type: ignore[dict-item]
    content = studies.document(rows, measure={"profile": "quick"})
    path = studies.write_study(tmp_path / "study", content, resnet_like())
    result, _ = studies.run(path, tmp_path / "run")
    found = {(run.label, run.precision): run for run in result.runs}
    assert found["CUDA", "fp32"].status == found["CUDA", "int8"].status == "ok"
    assert found["CUDA", "int8"].int8_mac_share == 0.0
    assert found["CUDA", "int8"].throughput_per_s is None
    assert found["TensorRT", "int8"].status in ("ok", "not_available")
    assert found["TensorRT", "int8"].parity is not None
    spoken = {entry["label"]: entry["word"] for entry in sentences(result)}
    assert spoken["CUDA"] == SIMULATED_INT8
    if os.environ.get("INT8_WORKBENCH_RECORD"):
        folder = Path(os.environ["INT8_WORKBENCH_RECORD"])
        folder.mkdir(parents=True, exist_ok=True)
        save_sheet(build_sheet(result), folder / "sheet.json")
