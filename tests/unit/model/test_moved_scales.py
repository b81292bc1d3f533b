"""Tests of workbench/model/moved_scales.py."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder, random_feeds
from helpers.plans import run_graph

from workbench.model.canonical import canonical_graph
from workbench.model.moved_scales import move_scale_layers


def channels_last(b: Builder) -> str:
    """Return a Conv's output with its channels last, then Sub, Mul and Add with one value per channel."""
    x = b.node("Transpose", [b.conv("conv", "x", 3, 6)], "last", perm=[0, 2, 3, 1])
    x = b.node("Sub", [x, b.constant("mean", b.rng.standard_normal((1, 1, 1, 6)))], "sub")
    x = b.node("Mul", [b.constant("gain", b.rng.uniform(0.5, 1.5, 6)), x], "mul")
    return b.node("Add", [x, b.constant("shift", b.rng.standard_normal(6))], "add")


def test_arithmetic_behind_a_transpose_is_folded_into_the_layer_before_it() -> None:
    b = Builder(0)
    b.node("Transpose", [b.node("Relu", [channels_last(b)], "r")], "y", perm=[0, 3, 1, 2])
    model = b.model({"x": ["N", 3, 8, 8]}, {"y": ["N", 6, 8, 8]})
    canonical, transforms = canonical_graph(model)
    assert [node.op_type for node in canonical.graph.node] == ["Conv", "Transpose", "Relu", "Transpose"]
    assert [item["node"] for item in transforms if item["kind"] == "move_scale_layer"] == [
        "sub_node", "mul_node", "add_node",
    ]  # fmt: skip
    feeds = random_feeds(model, 2)
    expected, got = (run_graph(proto, feeds, optimized=False)["y"] for proto in (model, canonical))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert {value.name for value in canonical.graph.value_info} >= {"add", "r"}


@pytest.mark.parametrize("case", ["rows", "two readers", "per pixel", "no layer"])
def test_what_cannot_be_folded_stays(case: str) -> None:
    b = Builder(0)
    perm = [0, 1, 3, 2] if case == "rows" else [0, 2, 3, 1]
    layer, channels = (b.node("Relu", ["x"], "r"), 3) if case == "no layer" else (b.conv("conv", "x", 3, 6), 6)
    shape = ["N", 6, 6, 8] if case == "rows" else ["N", 8, 6, channels]
    dims = {"rows": (8,), "per pixel": (8, 6, 6)}.get(case, (channels,))
    x = b.node("Transpose", [layer], "last", perm=perm)
    b.node("Mul", [x, b.constant("gain", b.rng.uniform(0.5, 1.5, dims))], "add")
    outputs = {"add": shape, **({"last": shape} if case == "two readers" else {})}
    model = b.model({"x": ["N", 3, 8, 6]}, outputs)
    before = onnx.ModelProto.FromString(model.SerializeToString())
    assert move_scale_layers(model.graph) == []
    assert model == before
