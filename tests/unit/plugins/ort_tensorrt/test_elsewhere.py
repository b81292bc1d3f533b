"""TensorRT's stand-alone file through ONNX Runtime, on a stand-in: one profile, no graph rewriting, told fallbacks."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from helpers.elsewhere import opens
from helpers.provider_standin import ProviderStandIn
from workbench_plugins.ort_nvidia.session import TF32_VARIABLE
from workbench_plugins.ort_tensorrt import elsewhere
from workbench_plugins.ort_tensorrt.session import OrtTensorRtSession

INPUTS = [{"name": "x", "dtype": "float32", "shape": [4, 3, 8, 8]}, {"name": "m", "dtype": "int64", "shape": [4, 2]}]
OPTIONS: dict[str, Any] = {"precision": "int8", "threads": 1, "batch": 4, "settings": {}, "inputs": INPUTS}
SHARED = (
    "probe",
    "provider_options",
    "session_options",
    "open_session",
    "session_facts",
    "fallback_words",
    "_count",
    "_digit",
)


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> ProviderStandIn:
    monkeypatch.setenv(TF32_VARIABLE, "")
    return ProviderStandIn(monkeypatch)


def test_the_engine_is_built_for_one_batch_from_the_graph_as_written(standin: ProviderStandIn) -> None:
    model = elsewhere.open_model(Path("m.onnx"), OPTIONS)
    (first, given), (second, _) = standin.asked
    assert (first, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert [given[key] for key in elsewhere.PROFILE_KEYS] == ["x:4x3x8x8,m:4x2"] * 3
    assert (given["trt_int8_enable"], given["trt_fp16_enable"]) == ("1", "0")
    assert standin.options.graph_optimization_level.name == OrtTensorRtSession.level
    facts = model.facts()
    assert (facts["remainder"], facts["engine"], facts["fallback"]) == ("fp32", "built while loading", "none")
    assert "rebuild_noise" not in facts


def test_a_second_engine_that_was_asked_for_is_told_to_be_missing(standin: ProviderStandIn) -> None:
    model = elsewhere.open_model(Path("m.onnx"), {**OPTIONS, "settings": {"build_twice": True}})
    assert model.facts()["rebuild_noise"].startswith("not measured: build_twice does not travel")


@pytest.mark.parametrize(
    ("precision", "settings", "int8", "fp16"),
    [("fp32", {}, "0", "0"), ("fp16", {}, "0", "1"), ("int8", {"remainder": "fp16"}, "1", "1")],
)
def test_precisions_are_the_rows(precision: str, settings: dict[str, Any], int8: str, fp16: str) -> None:
    given = elsewhere.engine_options({**OPTIONS, "precision": precision, "settings": settings})
    assert (given["trt_int8_enable"], given["trt_fp16_enable"]) == (int8, fp16)


def test_cuda_in_its_place_is_an_error_and_nodes_on_cuda_are_told(standin: ProviderStandIn) -> None:
    standin.assignment = {"CUDAExecutionProvider": ["a"]}
    told = elsewhere.open_model(Path("m.onnx"), OPTIONS).facts()["fallback"]
    assert told == "1 node on CUDAExecutionProvider: a"
    standin.got = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    with pytest.raises(RuntimeError, match="not on TensorrtExecutionProvider"):
        elsewhere.open_model(Path("m.onnx"), OPTIONS)


def test_what_it_shares_with_cudas_file_is_the_same() -> None:
    """Each stands alone, so that a change in one belongs in the other."""

    def functions(runtime: str) -> dict[str, str]:
        tree = ast.parse(opens(runtime).read_text())
        return {node.name: ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef)}

    mine, cudas = functions("ort_tensorrt"), functions("ort_cuda")
    assert {name: mine[name] for name in SHARED} == {name: cudas[name] for name in SHARED}
