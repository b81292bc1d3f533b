"""Dialect per target, deviations known beforehand, copies of float models."""

from __future__ import annotations

import onnx
import pytest
from helpers.onnx_models import resnet_like
from workbench_plugins.ort_cpu.lowering import copy_model, dialect_for, quantized_deviations

from workbench.model.graph import NodeSummary
from workbench.spi import GraphSummary, Scheme

DECONV = NodeSummary("up", "ConvTranspose", ("x", "w"), ("y",), constant_inputs=(1,))
GRAPH = GraphSummary((DECONV,), (), ())


def test_dialects():
    assert dialect_for("x64").activation == dialect_for("x64-no-vnni").activation == "uint8"
    assert dialect_for("arm64").activation == "int8"
    assert {dialect_for(target).activation_function for target in ("x64", "arm64")} == {"integer_clip"}
    with pytest.raises(ValueError, match="device"):
        dialect_for("device")


def test_transposed_convolutions_are_announced_unless_excluded():
    assert [item.node for item in quantized_deviations(GRAPH, Scheme())] == [None, "up"]
    assert [item.node for item in quantized_deviations(GRAPH, Scheme(name="S2"))] == ["up"]
    assert [item.node for item in quantized_deviations(GRAPH, Scheme(exclude_nodes=("up",)))] == [None]
    assert [item.node for item in quantized_deviations(GRAPH, Scheme(exclude_op_types=("ConvTranspose",)))] == [None]


def test_weight_only_says_that_weights_are_dequantized_in_every_run():
    (only,) = quantized_deviations(GRAPH, Scheme(name="S3"))
    assert only.realised == "weights dequantized in every run"


def test_a_model_is_copied_with_its_external_data(tmp_path):
    source = tmp_path / "source" / "net.onnx"
    source.parent.mkdir()
    onnx.save(resnet_like(), source, save_as_external_data=True, location="net.data", size_threshold=0)
    copy = copy_model(source, tmp_path / "work")
    assert copy == tmp_path / "work" / "model.onnx"
    assert (tmp_path / "work" / "net.data").read_bytes() == (source.parent / "net.data").read_bytes()
    assert onnx.load(copy).graph == onnx.load(source).graph
