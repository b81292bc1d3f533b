"""ONNX Runtime's stand-alone file for the CPU: the session's own options, kernels by name, what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds
from helpers.plans import run_graph
from workbench_plugins.ort_cpu import elsewhere

OPTIONS = {"precision": "fp32", "threads": 1, "batch": 2, "linear_nodes": [], "inputs": [], "outputs": []}


def test_answers_facts_and_kernels(tmp_path: Path) -> None:
    net = conv_relu_net()
    feeds = random_feeds(net, 2)
    onnx.save(net, tmp_path / "m.onnx")
    settings = {"graph_optimization_level": "disable", "allow_spinning": True}
    model = elsewhere.open_model(tmp_path / "m.onnx", {**OPTIONS, "settings": settings})
    found, expected = model.run(feeds), run_graph(net, feeds)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)
    facts = model.facts()
    assert (facts["graph_optimization_level"], facts["allow_spinning"]) == ("ORT_DISABLE_ALL", "1")
    assert facts["x64_quant_precision"] == "0"
    names = {name for kernel in model.kernels(feeds) for name in kernel["nodes"]}
    assert names == {node.name for node in net.graph.node}
    model.close()


@pytest.mark.parametrize(
    ("op", "precision"), [("QLinearConv", "int8"), ("QGemm", "int8"), ("Conv", "fp32"), ("DequantizeLinear", "fp32")]
)
def test_integer_kernels_are_known_by_their_op(op: str, precision: str) -> None:
    assert elsewhere._kernel("n", {"op_name": op})["precision"] == precision


def test_another_provider_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(get_providers=lambda: ["OtherExecutionProvider"])

    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=opened))
    with pytest.raises(elsewhere.OtherProviderError, match="OtherExecutionProvider"):
        elsewhere.open_session(Path("m.onnx"), None)


@pytest.mark.parametrize(
    ("library", "words"),
    [(None, "ONNX Runtime is missing ("), (SimpleNamespace(get_available_providers=list), "has no CPUExecution")],
)
def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch, library: Any, words: str) -> None:
    assert elsewhere.probe()[1] is None
    monkeypatch.setitem(sys.modules, "onnxruntime", library)
    versions, missing = elsewhere.probe()
    assert versions == {}
    assert missing is not None
    assert words in missing
    assert missing.endswith(": pip install onnxruntime")
