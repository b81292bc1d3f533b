"""A study on the NVIDIA plugins' own code, ONNX Runtime's CPU provider in the devices' place: what its rows tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from helpers import studies
from helpers.onnx_models import resnet_like

from workbench.execution.evidence import NO_INT8_SPEED
from workbench.report.render import render
from workbench.report.sheet import build_sheet

ROWS = [
    {"id": "ort_cuda_standin", "name": "CUDA", "precisions": ["fp32", "int8"]},
    {
        "id": "ort_tensorrt_standin",
        "name": "TensorRT",
        "precisions": ["int8"],
        "options": {"build_twice": True},
        "batch": 4,
    },
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("standins")
    content = studies.document(ROWS, measure={"profile": "quick", "budget_s": 0.6})
    path = studies.write_study(root / "study", content, resnet_like())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INT8_WORKBENCH_PLUGINS", str(studies.PLUGINS))
        result, events = studies.run(path, root / "run")
    return root / "run", {(run.label, run.precision): run for run in result.runs}, result, events


def test_what_has_no_speed_is_not_timed_and_is_nobodys_baseline(finished: Any) -> None:
    folder, runs, _, events = finished
    assert {run.status for run in runs.values()} == {"ok"}
    simulated = json.loads((folder / "cells" / "CUDA" / "S1" / "int8" / "stage.json").read_text())["value"]
    assert simulated["blocks"] == []
    assert "warm_up" not in simulated
    assert runs["CUDA", "int8"].throughput_per_s is None
    assert runs["CUDA", "int8"].reasons["throughput_per_s"] == NO_INT8_SPEED
    told = [event["text"] for event in events if event.get("name") == "Run CUDA · S1 · int8"]
    assert f"not timed: {NO_INT8_SPEED}" in told
    assert runs["CUDA", "fp32"].throughput_per_s is not None
    assert runs["TensorRT", "int8"].throughput_per_s is not None
    left = [event["remaining_s"] for event in events if event["event"] == "stage" and event["remaining_s"]]
    assert left == sorted(left, reverse=True)


def test_the_noise_of_a_second_build_is_on_the_sheet(finished: Any) -> None:
    _, runs, result, _ = finished
    assert runs["TensorRT", "int8"].facts["rebuild_noise"] == "none: bit-equal in 6 runs"
    assert "rebuild_noise" not in runs["CUDA", "int8"].facts
    assert "none: bit-equal in 6 runs" in render(build_sheet(result), "md").decode()
