"""The openvino plugin's duties that need no compiled model: probe, realise, prepare, read back."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import pytest
from helpers import onnx_models
from workbench_plugins.openvino.runtime import DIALECT, RUNTIME

from workbench.model.canonical import canonical_graph
from workbench.model.external import copy_with_data
from workbench.model.graph import GraphSummary
from workbench.model.summary import graph_summary
from workbench.quant.dialect import Dialect
from workbench.quant.plan import CalibrationRecord, QuantPlan
from workbench.quant.scheme import Scheme
from workbench.spi import Prepared


@dataclass
class FakeContext:
    """Records which dialect was asked for."""

    work_dir: Path
    precision: str
    target: str = "x64"
    settings: dict[str, Any] = field(default_factory=dict)
    dialects: list[Dialect] = field(default_factory=list)
    graph: GraphSummary = field(default_factory=lambda: graph_summary(onnx_models.conv_relu_net()))

    def qdq_model(self, dialect: Dialect) -> Path:
        self.dialects.append(dialect)
        return self.work_dir / "plan.onnx"

    def copy_model(self, model: Path) -> Path:
        return copy_with_data(model, self.work_dir)

    def check_cancelled(self) -> None:
        """Nobody cancels here."""


def test_probe_names_version_and_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # an import would fail
    found = RUNTIME.probe()
    assert found.ok
    assert found.versions["openvino"] == importlib.metadata.version("openvino")
    assert found.precisions == ("fp32", "int8")


def test_probe_without_the_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    found = RUNTIME.probe()
    assert not found.ok
    assert found.remedy == 'pip install "openvino==2026.4.1"'


def test_probe_names_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2025.1.0")
    assert "2025.1.0" in RUNTIME.probe().reason


def test_a_conv_before_a_residual_add_is_a_deviation() -> None:
    graph = graph_summary(canonical_graph(onnx_models.resnet_like())[0])
    spelling, *deviations = RUNTIME.realise(graph, Scheme(), {})
    assert (spelling.node, spelling.codes_change) == (None, False)
    assert deviations
    kinds = {node.name: node.op_type for node in graph.nodes}
    assert {kinds[item.node or ""] for item in deviations} == {"Conv"}
    assert all(item.codes_change for item in deviations)
    assert not RUNTIME.realise(graph, Scheme(name="S3"), {})
    assert RUNTIME.realise(graph, Scheme(exclude_op_types=("Add",)), {}) == [spelling]
    assert RUNTIME.realise(graph_summary(canonical_graph(onnx_models.depthwise_net())[0]), Scheme(), {}) == [spelling]


def test_unsigned_codes_are_a_deviation_of_s1_alone() -> None:
    graph = graph_summary(canonical_graph(onnx_models.depthwise_net())[0])
    (spelling,) = RUNTIME.realise(graph, Scheme(), {})
    assert (spelling.requested, spelling.realised) == (
        "int8 activations, zero point 0", "uint8 activations, zero point 128"
    )  # fmt: skip
    assert DIALECT.activation == "uint8"
    assert RUNTIME.realise(graph, Scheme(name="S2"), {}) == []


def test_float16_is_refused() -> None:
    graph = graph_summary(onnx_models.conv_relu_net())
    assert [item.refuses for item in RUNTIME.realise(graph, Scheme(name="fp16"), {})] == [True]


def test_prepare_copies_the_float_model_and_asks_the_core_for_int8(tmp_path: Path) -> None:
    onnx.save(onnx_models.conv_relu_net(), tmp_path / "net.onnx")
    copy = RUNTIME.prepare(tmp_path / "net.onnx", None, FakeContext(tmp_path / "work", "fp32"))  # type: ignore[arg-type]
    assert copy.artifact.parent == tmp_path / "work"
    assert copy.artifact.read_bytes() == (tmp_path / "net.onnx").read_bytes()
    listed = json.loads((tmp_path / "work" / "canonical_nodes.json").read_text())["nodes"]
    assert listed == [node.name for node in onnx_models.conv_relu_net().graph.node]
    plan = QuantPlan("0" * 64, Scheme(), CalibrationRecord("mse", {}, 0, ""))
    context = FakeContext(tmp_path, "int8")
    assert RUNTIME.prepare(tmp_path / "net.onnx", plan, context) == Prepared(  # type: ignore[arg-type]
        tmp_path / "plan.onnx",
        notes={"format": "ONNX with QuantizeLinear/DequantizeLinear", "codes": "uint8, zero point 128"},
    )
    assert context.dialects == [DIALECT]
    assert DIALECT.bias == "float32"
    with pytest.raises(ValueError, match="fp16"):
        RUNTIME.prepare(tmp_path / "net.onnx", None, FakeContext(tmp_path, "fp16"))  # type: ignore[arg-type]
