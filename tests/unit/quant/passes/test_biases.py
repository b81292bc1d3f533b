"""Biases: on the grid, as codes where codes are exact, in float32 where they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder
from helpers.plans import run_graph
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.canonical import canonical_graph
from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.parity import compare_with_plan
from workbench.quant.passes.biases import grid_codes
from workbench.quant.qdq import write_qdq
from workbench.quant.qdq_reader import read_qdq
from workbench.quant.scheme import Scheme

INTEGER = Dialect(bias="int32")


def gemm_with_bias(shape: list[int]) -> onnx.ModelProto:
    b = Builder(0)
    bias = b.constant("bias", np.linspace(-1, 1, int(np.prod(shape))).reshape(shape))
    b.node("Gemm", [b.node("Flatten", ["x"], "f"), b.weight("w", 256, 10), bias], "y")
    return rule_nets.model_of(b, {"x": [4, 4, 8, 8]}, ["y"])


@pytest.mark.parametrize(("shape", "is_int32"), [([10], True), ([1, 10], True), ([4, 10], False)])
def test_a_bias_has_one_code_per_channel_or_stays_float(shape: list[int], is_int32: bool) -> None:
    _, plan = rule_nets.planned(gemm_with_bias([10]))
    canonical, _ = canonical_graph(gemm_with_bias(shape))
    if not is_int32:
        plan = replace(plan, biases={"bias": np.linspace(-1, 1, 40, dtype=np.float32)})
    written = write_qdq(canonical, plan, INTEGER)
    names = {item.name for item in written.graph.initializer}
    assert ("bias__codes" in names, "bias" in names) == (is_int32, not is_int32)
    feeds = rule_nets.example_feeds(canonical, 4, 2)
    expected = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)["y"]
    assert np.array_equal(run_graph(written, feeds)["y"], expected)


@pytest.mark.parametrize(
    "name", ["shared weight", "conv transpose", "grouped conv transpose", "gemm transB", "1-D conv", "matmul and bias"]
)
def test_codes_stand_for_the_float_values_of_the_plan(name: str) -> None:
    canonical, plan = rule_nets.planned_rule(name)
    constants = {
        item.name: onnx.numpy_helper.to_array(item) for item in write_qdq(canonical, plan, INTEGER).graph.initializer
    }
    assert plan.biases
    for bias, values in plan.biases.items():
        assert constants[bias + "__codes"].dtype == np.int32
        real = constants[bias + "__codes"].astype(np.float32) * constants[bias + "__scale"]
        assert np.array_equal(real, values)


def test_a_bias_of_several_layers_has_codes_for_each_layers_grid() -> None:
    canonical, plan = rule_nets.planned(rule_nets.shared_weight())
    written = write_qdq(canonical, plan, INTEGER)
    read = [node.input[2] for node in written.graph.node if node.op_type == "Conv"]
    assert len(set(read)) == len(plan.biases) == 3
    assert len({plan.tensors[name].scale for name in ("x", "one", "two")}) == 3


@pytest.mark.parametrize("dialect", [SIMULATED, INTEGER], ids=["float32", "int32"])
def test_a_bias_behind_a_matmul_is_told_by_its_name(dialect: Dialect, tmp_path: Path) -> None:
    canonical, plan = rule_nets.planned_rule("matmul and bias")
    written = write_qdq(canonical, plan, dialect)
    constants = {item.name for item in written.graph.initializer}
    read = {name for node in written.graph.node if node.op_type == "Add" for name in node.input}
    suffix = "__codes" if dialect is INTEGER else "__added"
    assert {name + suffix for name in plan.biases} <= constants
    assert not set(plan.biases) & (constants | read)
    onnx.save(written, tmp_path / "model.onnx")
    assert compare_with_plan(plan, read_qdq(tmp_path / "model.onnx"))[1] == []


@given(st.integers(-(2**24), 2**24), st.floats(2.0**-14, 8.0, width=16), st.floats(2.0**-14, 8.0, width=16))
def test_grid_codes_are_exact_or_absent(code: int, scale_x: float, scale_w: float) -> None:
    scale = np.asarray([np.float32(scale_x) * np.float32(scale_w)], np.float32)
    bias = np.asarray([code], np.float32) * scale
    codes = grid_codes(bias, scale)
    assert codes is not None
    assert np.array_equal(codes.astype(np.float32) * scale, bias)


def test_a_bias_off_the_grid_or_not_finite_has_no_codes() -> None:
    scale = np.asarray([0.5], np.float32)
    for value in (0.3, np.nan, np.inf, 1e30):
        assert grid_codes(np.asarray([value], np.float32), scale) is None


def test_a_plan_older_than_the_zero_biases_still_gives_integer_layers() -> None:
    b = Builder(0)
    b.conv_no_bias("one", "x", 4, 6)
    canonical, plan = rule_nets.planned(
        rule_nets.model_of(b, {"x": [1, 4, 8, 8]}, ["one"]), Scheme(bias_correction=False)
    )
    assert set(plan.biases) == {"one_node__zero_bias"}
    older = replace(plan, biases={})
    assert (
        write_qdq(canonical, older, INTEGER).SerializeToString()
        == write_qdq(canonical, plan, INTEGER).SerializeToString()
    )


def test_one_code_beyond_int32_leaves_the_whole_bias_in_float() -> None:
    assert grid_codes(np.asarray([1.0, 2.0**40], np.float32), np.ones(2, np.float32)) is None
    largest = np.asarray([2.0**31 - 2.0**7, -(2.0**31 - 2.0**7)], np.float32)
    codes = grid_codes(largest, np.ones(2, np.float32))
    assert codes is not None
    assert codes.tolist() == largest.tolist()
