"""Scale layers: what is folded gives the same answers, what cannot be folded stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder, random_feeds
from helpers.plans import run_graph

from workbench.model.canonical import canonical_graph
from workbench.model.channel_affine import fold_scale_layers


def folded(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy, fold_scale_layers(copy.graph)


def scaled(b: Builder, tensor: str, dims: Sequence[int]) -> str:
    """Add Mul, Add, Div and Sub by constants of a shape, in both orders where both are allowed."""
    constants = [b.constant(f"c{i}", b.rng.uniform(0.5, 2.0, dims)) for i in range(6)]
    tensor = b.node("Mul", [tensor, constants[0]], "mul")
    tensor = b.node("Add", [constants[1], tensor], "add")
    tensor = b.node("Div", [tensor, constants[2]], "div")
    tensor = b.node("Sub", [tensor, constants[3]], "sub")
    return b.node("Add", [b.node("Mul", [constants[4], tensor], "mul2"), constants[5]], "y")


def conv(b: Builder) -> str:
    return b.conv("conv", "x", 4, 6)


def conv_no_bias(b: Builder) -> str:
    return b.conv_no_bias("conv", "x", 4, 6)


def transposed(b: Builder) -> str:
    return b.node("ConvTranspose", ["x", b.weight("w", 4, 3, 1, 1)], "conv", group=2)


@pytest.mark.parametrize("dims", [(6, 1, 1), (1, 6, 1, 1), (), (1,), (1, 1, 1)])
@pytest.mark.parametrize("make", [conv, conv_no_bias, transposed])
def test_all_of_them_are_folded_and_the_answers_stay(make: Callable[[Builder], str], dims: Sequence[int]) -> None:
    b = Builder(1)
    scaled(b, make(b), dims)
    model = b.model({"x": ["N", 4, 5, 5]}, {"y": ["N", 6, 5, 5]})
    result, transforms = folded(model)
    assert [node.op_type for node in result.graph.node] == [model.graph.node[0].op_type]
    assert [entry["node"] for entry in transforms] == [node.name for node in model.graph.node[1:]]
    assert transforms[0] == {"kind": "fold_scale_layer", "node": "mul_node", "into": "conv_node"}
    feeds = random_feeds(model, 3)
    np.testing.assert_allclose(run_graph(result, feeds)["y"], run_graph(model, feeds)["y"], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dims", [(6,), (1, 6), ()])
def test_gemm(dims: Sequence[int]) -> None:
    b = Builder(1)
    scaled(b, b.linear("fc", "x", 8, 6), dims)
    model = b.model({"x": ["N", 8]}, {"y": ["N", 6]})
    result, _ = folded(model)
    assert [node.op_type for node in result.graph.node] == ["Gemm"]
    feeds = random_feeds(model, 3)
    np.testing.assert_allclose(run_graph(result, feeds)["y"], run_graph(model, feeds)["y"], rtol=2e-5, atol=2e-5)


def along_the_width(b: Builder) -> str:
    return b.node("Mul", [b.conv("conv", "x", 4, 6), b.constant("c", np.ones(6))], "y")


def growing(b: Builder) -> str:
    return b.node("Mul", [b.conv("conv", "x", 4, 6), b.constant("c", np.ones((2, 6, 1, 1)))], "y")


def one_minus(b: Builder) -> str:
    return b.node("Sub", [b.constant("c", np.ones((6, 1, 1))), b.conv("conv", "x", 4, 6)], "y")


def behind_relu(b: Builder) -> str:
    relu = b.node("Relu", [b.conv("conv", "x", 4, 6)], "relu")
    return b.node("Mul", [relu, b.constant("c", np.ones((6, 1, 1)))], "y")


def two_readers(b: Builder) -> str:
    tensor = b.conv("conv", "x", 4, 6)
    return b.node("Add", [b.node("Mul", [tensor, b.constant("c", np.ones((6, 1, 1)))], "mul"), tensor], "y")


@pytest.mark.parametrize("build", [along_the_width, growing, one_minus, behind_relu, two_readers])
def test_what_cannot_be_folded_stays(build: Callable[[Builder], str]) -> None:
    b = Builder(0)
    build(b)
    model = b.model({"x": [1, 4, 6, 6]}, {"y": [2 if build is growing else 1, 6, 6, 6]})
    result, transforms = folded(model)
    assert transforms == []
    assert result.graph.node == model.graph.node


def test_a_batch_norm_and_its_scale_layer_are_folded_into_the_conv() -> None:
    b = Builder(0)
    scaled(b, b.batch_norm("bn", b.conv("conv", "x", 4, 6), 6), (6, 1, 1))
    model = b.model({"x": ["N", 4, 5, 5]}, {"y": ["N", 6, 5, 5]})
    canonical, transforms = canonical_graph(model)
    assert [node.op_type for node in canonical.graph.node] == ["Conv"]
    assert {"fold_batch_norm", "fold_scale_layer"} <= {entry["kind"] for entry in transforms}


@pytest.mark.parametrize("dims", [(1, 1, 1, 1, 1), (1, 1, 6, 1, 1)])
def test_a_constant_of_more_axes_than_the_layer_adds_one_and_stays(dims: Sequence[int]) -> None:
    b = Builder(0)
    b.node("Mul", [b.conv("conv", "x", 4, 6), b.constant("c", np.full(dims, 2.0))], "y")
    model = b.model({"x": [1, 4, 5, 5]}, {"y": [1, 1, 6, 5, 5]})
    canonical, transforms = canonical_graph(model)
    assert "fold_scale_layer" not in {entry["kind"] for entry in transforms}
    feeds = random_feeds(model, 1)
    np.testing.assert_array_equal(run_graph(canonical, feeds)["y"], run_graph(model, feeds)["y"])


@pytest.mark.parametrize("op_type", ["Mul", "BatchNormalization"])
@pytest.mark.parametrize(("dims", "is_folded"), [((6, 1), False), ((1, 6), True), ((6,), True), ((1, 1), True)])
def test_a_gemms_bias_per_row_is_none_per_channel(op_type: str, dims: Sequence[int], is_folded: bool) -> None:
    """With as many rows as channels the number of elements alone does not tell them apart."""
    b = Builder(0)
    bias = b.constant("b", b.rng.standard_normal(dims))
    tensor = b.node("Gemm", ["x", b.weight("w", 8, 6), bias], "fc")
    if op_type == "Mul":
        b.node("Mul", [tensor, b.constant("c", np.arange(1.0, 7.0))], "y")
    else:
        b.batch_norm("y", tensor, 6)
    model = b.model({"x": [6, 8]}, {"y": [6, 6]})
    canonical, _ = canonical_graph(model)
    assert (len(canonical.graph.node) == 1) is is_folded
    feeds = random_feeds(model, 6)
    np.testing.assert_allclose(run_graph(canonical, feeds)["y"], run_graph(model, feeds)["y"], rtol=2e-5, atol=2e-5)


def test_zeros_among_added_values_divide_nothing() -> None:
    b = Builder(0)
    b.node("Add", [b.conv("conv", "x", 4, 6), b.constant("c", np.zeros((6, 1, 1)))], "y")
    _, transforms = folded(b.model({"x": ["N", 4, 5, 5]}, {"y": ["N", 6, 5, 5]}))
    assert len(transforms) == 1
