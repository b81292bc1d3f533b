"""Reshape, Transpose, Reshape through more than five axes: the same elements in the same places, by five at most."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from helpers.contexts import lowered
from helpers.coreml import assert_agrees, normal, op_types
from helpers.onnx_models import Builder, random_feeds
from helpers.plans import run_graph
from helpers.rule_nets import model_of, planned
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.coreml.frontend.convert import convert, unsupported
from workbench_plugins.coreml.frontend.moves import merged, moves
from workbench_plugins.coreml.read_back import read_parameters
from workbench_plugins.coreml.runtime import CoreMlRuntime
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.quant.dialect import SIMULATED
from workbench.quant.parity import compare_with_plan
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.spi import OpenOptions

SHUFFLES = {
    "pixel shuffle": ([1, 4, 2, 2, 4, 4], [0, 1, 4, 2, 5, 3], [1, 4, 8, 8]),
    "pixel unshuffle": ([1, 16, 2, 2, 2, 2], [0, 1, 3, 5, 2, 4], [1, 64, 2, 2]),
    "depth to space": ([1, 2, 2, 4, 4, 4], [0, 3, 4, 1, 5, 2], [1, 4, 8, 8]),
    "channel shuffle in 3-D": ([1, 4, 4, 2, 2, 4], [0, 2, 1, 3, 4, 5], [1, 16, 4, 4]),
    "windows": ([2, 2, 2, 2, 2, 8], [0, 1, 3, 2, 4, 5], [8, 4, 8]),
    "space and time": ([2, 2, 2, 2, 2, 2, 4], [0, 2, 4, 6, 1, 3, 5], [2, 8, 16]),
}
"""Six or seven axes of 256 elements, their order, and the shape that is wanted of them."""


@st.composite
def transpositions(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    shape = draw(st.lists(st.integers(1, 3), max_size=9))
    return shape, draw(st.permutations(range(len(shape))))


def applied(values: np.ndarray, found: list[Any]) -> np.ndarray:
    for shape, order in found:
        assert len(shape) <= 5
        assert sorted(order) == list(range(len(shape)))
        values = values.reshape(shape).transpose(order)
    return values.reshape(-1)


@given(transpositions())
def test_steps_move_as_numpy_does(case: tuple[list[int], list[int]]) -> None:
    shape, order = case
    values = np.arange(prod(shape))
    expected = values.reshape(shape).transpose(order).reshape(-1)
    np.testing.assert_array_equal(applied(values, moves(shape, order)), expected)


@given(transpositions())
def test_merging_moves_as_before_and_merges_all_it_can(case: tuple[list[int], list[int]]) -> None:
    shape, order = case
    sizes, wanted = merged(shape, order)
    values = np.arange(prod(shape))
    expected = values.reshape(shape).transpose(order).reshape(-1)
    np.testing.assert_array_equal(values.reshape(sizes).transpose(wanted).reshape(-1), expected)
    assert 1 not in sizes
    assert all(later != earlier + 1 for earlier, later in pairwise(wanted))


@pytest.mark.parametrize("name", [name for name in SHUFFLES if name != "space and time"])
def test_what_networks_do_is_one_transposition(name: str) -> None:
    shape, order, _ = SHUFFLES[name]
    assert len(moves(shape, order)) == 1


def shuffle(name: str) -> onnx.ModelProto:
    """A Relu on [1, 16, 4, 4] before, a Relu after."""
    shape, order, wanted = SHUFFLES[name]
    b = Builder(0)
    wide = b.node("Reshape", [b.node("Relu", ["x"], "before"), b.constant("wide", shape, np.int64)], "parts")
    ordered = b.node("Transpose", [wide], "ordered", perm=order)
    b.node("Relu", [b.node("Reshape", [ordered, b.constant("wanted", wanted, np.int64)], "together")], "y")
    return model_of(b, {"x": [1, 16, 4, 4]}, ["y"])


@pytest.mark.parametrize("name", SHUFFLES)
def test_shuffles_keep_every_element(name: str, tmp_path: Path) -> None:
    assert_agrees((shuffle(name), {"x": normal(1, 16, 4, 4)}), tmp_path)


def test_a_pixel_shuffle_is_told_and_costs_one_transposition(tmp_path: Path) -> None:
    model = shuffle("pixel shuffle")
    assert op_types(model) == ["relu", "reshape", "transpose", "reshape", "relu"]
    converted = convert(model, "iOS17")
    assert any("5 axes at most" in words for words in converted.rewritten)
    assert len(converted.node_ops["together_node"]) == 3
    assert converted.node_ops["ordered_node"] == ()


def test_pointwise_ops_and_further_reshapes_on_the_way(tmp_path: Path) -> None:
    b = Builder(0)
    wide = b.node("Reshape", ["x", b.constant("wide", [1, 4, 2, 2, 4, 4], np.int64)], "parts")
    first = b.node("Transpose", [b.node("Sigmoid", [wide], "bent")], "first", perm=[0, 1, 4, 2, 5, 3])
    again = b.node("Reshape", [first, b.constant("again", [2, 2, 2, 2, 4, 2, 2], np.int64)], "again_parts")
    second = b.node("Transpose", [again], "second", perm=[6, 1, 4, 2, 5, 3, 0])
    b.node("Unsqueeze", [b.node("Flatten", [second], "flat", axis=3), b.constant("axes", [0], np.int64)], "y")
    model = model_of(b, {"x": [1, 16, 4, 4]}, ["y"])
    assert_agrees((model, {"x": normal(1, 16, 4, 4)}), tmp_path)


@pytest.mark.parametrize("op", ["Softmax", "Neg"])
def test_another_op_on_more_than_five_axes_is_refused(op: str) -> None:
    b = Builder(0)
    wide = b.node("Reshape", ["x", b.constant("wide", [1, 4, 2, 2, 4, 4], np.int64)], "parts")
    b.node("Reshape", [b.node(op, [wide], "used"), b.constant("flat", [1, 256], np.int64)], "y")
    refused = unsupported(model_of(b, {"x": [1, 16, 4, 4]}, ["y"]))
    assert [item.node for item in refused] == ["used_node", "y_node"]
    assert "6 axes" in refused[0].why


def test_an_output_of_more_than_five_axes_is_refused() -> None:
    b = Builder(0)
    b.node("Reshape", ["x", b.constant("wide", [1, 4, 2, 2, 4, 4], np.int64)], "y")
    (found,) = unsupported(model_of(b, {"x": [1, 16, 4, 4]}, ["y"]))
    assert "6 axes" in found.why


def upsampling() -> onnx.ModelProto:
    """Conv, PixelShuffle as exporters write it, Conv."""
    b = Builder(3)
    first = b.node("Relu", [b.conv("first", "x", 3, 16)], "act")
    wide = b.node("Reshape", [first, b.constant("wide", [1, 4, 2, 2, 8, 8], np.int64)], "parts")
    ordered = b.node("Transpose", [wide], "ordered", perm=[0, 1, 4, 2, 5, 3])
    b.conv("y", b.node("Reshape", [ordered, b.constant("large", [1, 4, 16, 16], np.int64)], "larger"), 4, 3)
    return model_of(b, {"x": [1, 3, 8, 8]}, ["y"])


@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_a_quantized_pixel_shuffle_keeps_the_plan_and_the_simulations_answers(scheme: str, tmp_path: Path) -> None:
    canonical, plan = planned(upsampling(), Scheme(name=scheme))  # type: ignore[arg-type]
    assert "parts" in plan.tensors
    prepared, _ = lowered(CoreMlRuntime(), canonical, plan, tmp_path)
    assert compare_with_plan(plan, read_parameters(prepared.artifact))[1] == []
    feeds = random_feeds(canonical, 1, seed=5)
    with EvaluatorRuntime().open(prepared, OpenOptions("int8", 1, 1, tmp_path)) as session:
        found = session.run(feeds)
    expected = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)
    step = plan.tensors["y"].scale
    assert np.max(np.abs(found["y"] - expected["y"])) <= step * 1.001
    assert np.mean(found["y"] == expected["y"]) > 0.99
