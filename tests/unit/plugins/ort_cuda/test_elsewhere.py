"""CUDA's stand-alone file on a stand-in ONNX Runtime: what it asks for, and that no fallback goes unnoticed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.provider_standin import ProviderStandIn
from workbench_plugins.ort_cuda import elsewhere
from workbench_plugins.ort_cuda.session import AS_WRITTEN
from workbench_plugins.ort_nvidia.session import TF32_VARIABLE

OPTIONS: dict[str, Any] = {"precision": "int8", "threads": 2, "batch": 1, "settings": {}}
CUDA = "CUDAExecutionProvider"


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> ProviderStandIn:
    monkeypatch.setenv(TF32_VARIABLE, "")
    return ProviderStandIn(monkeypatch)


def test_an_int8_row_is_a_simulation_of_the_graph_as_written(standin: ProviderStandIn) -> None:
    model = elsewhere.open_model(Path("m.onnx"), OPTIONS)
    assert standin.asked == [(CUDA, {"device_id": "0", "use_tf32": "0"})]
    assert (standin.options.graph_optimization_level.name, standin.options.intra_op_num_threads) == (AS_WRITTEN, 2)
    facts = model.facts()
    assert (facts["evidence"], facts["fallback"], facts["tf32"]) == ("simulated", "none", "off")
    np.testing.assert_array_equal(model.run({"x": np.ones(3)})["y"], np.full(3, 2.0))
    model.close()


def test_a_float_row_is_measured_and_takes_the_rows_options(standin: ProviderStandIn) -> None:
    settings = {"device": 3, "tf32": True, "fallback": "error"}
    model = elsewhere.open_model(Path("m.onnx"), {**OPTIONS, "precision": "fp32", "settings": settings})
    assert standin.asked == [(CUDA, {"device_id": "3", "use_tf32": "1"})]
    assert standin.entries["session.disable_cpu_ep_fallback"] == "1"
    assert "evidence" not in model.facts()
    assert model.facts()["tf32"] == "allowed"


def test_a_session_on_the_cpu_is_an_error(standin: ProviderStandIn) -> None:
    standin.got = ["CPUExecutionProvider"]
    with pytest.raises(RuntimeError, match="opened it on CPUExecutionProvider, not on CUDAExecutionProvider"):
        elsewhere.open_model(Path("m.onnx"), OPTIONS)


def test_nodes_elsewhere_are_told(standin: ProviderStandIn) -> None:
    standin.assignment = {CUDA: ["a"], "CPUExecutionProvider": ["b", "c"]}
    assert elsewhere.open_model(Path("m.onnx"), OPTIONS).facts()["fallback"] == "2 nodes on CPUExecutionProvider: b, c"
    standin.assignment = None
    told = elsewhere.open_model(Path("m.onnx"), OPTIONS).facts()["fallback"]
    assert told == "not told by this version of ONNX Runtime"


def test_what_is_missing_is_one_line(standin: ProviderStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert elsewhere.probe() == ({"onnxruntime": "1.0"}, None)
    standin.available = ["CPUExecutionProvider"]
    assert elsewhere.probe() == ({}, f"this ONNX Runtime has no {CUDA}: pip install onnxruntime-gpu")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    missing = elsewhere.probe()[1]
    assert missing is not None
    assert missing.startswith("ONNX Runtime is missing (")
