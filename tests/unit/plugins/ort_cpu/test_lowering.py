"""Dialect per target, deviations known beforehand."""

from __future__ import annotations

import pytest
from workbench_plugins.ort_cpu.lowering import dialect_for, quantized_deviations

from workbench.model.graph import NodeSummary
from workbench.spi import GraphSummary, Scheme

DECONV = NodeSummary("up", "ConvTranspose", ("x", "w"), ("y",), constant_inputs=(1,))
DEFAULTS = {"full_range_relu": False}
GRAPH = GraphSummary((DECONV,), (), ())


def test_dialects():
    assert dialect_for("x64").activation == dialect_for("x64-no-vnni").activation == "uint8"
    assert dialect_for("arm64").activation == "int8"
    assert {dialect_for(target).activation_function for target in ("x64", "arm64")} == {"integer_clip"}
    with pytest.raises(ValueError, match="device"):
        dialect_for("device")


def test_transposed_convolutions_are_announced_unless_excluded():
    assert [item.node for item in quantized_deviations(GRAPH, Scheme(), DEFAULTS)] == [None, "up"]
    assert [item.node for item in quantized_deviations(GRAPH, Scheme(name="S2"), DEFAULTS)] == ["up"]
    assert [item.node for item in quantized_deviations(GRAPH, Scheme(exclude_nodes=("up",)), DEFAULTS)] == [None]
    assert [
        item.node for item in quantized_deviations(GRAPH, Scheme(exclude_op_types=("ConvTranspose",)), DEFAULTS)
    ] == [None]


def test_weight_only_says_that_weights_are_dequantized_in_every_run():
    (only,) = quantized_deviations(GRAPH, Scheme(name="S3"), DEFAULTS)
    assert only.realised == "weights dequantized in every run"


def test_the_full_range_after_relu_is_announced_with_its_option_for_s1_alone():
    settings = {"full_range_relu": True}
    assert [item.codes_change for item in quantized_deviations(GRAPH, Scheme(), settings)] == [False, True, False]
    announced = quantized_deviations(GRAPH, Scheme(), settings)[1]
    assert "clamped at code 255" in announced.realised
    assert not announced.refuses
    assert [item.codes_change for item in quantized_deviations(GRAPH, Scheme(name="S2"), settings)] == [False]
    assert len(quantized_deviations(GRAPH, Scheme(name="S3"), settings)) == 1


def test_the_full_range_after_relu_needs_unsigned_codes():
    assert dialect_for("x64", full_range_relu=True).full_range_relu
    assert not dialect_for("x64").full_range_relu
    with pytest.raises(ValueError, match="full_range_relu"):
        dialect_for("arm64", full_range_relu=True)
