"""Scale migration: where it is exact, that the float function stays, and what it is worth on planted wide channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from helpers.encoders import Shape, encoder, token_arrays
from helpers.onnx_models import Builder
from helpers.plans import run_graph
from helpers.rule_nets import MemorySamples, planned
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from workbench.model.canonical import canonical_graph, with_extra_outputs
from workbench.model.summary import graph_summary
from workbench.quant.calibrate import Watch
from workbench.quant.dialect import SIMULATED
from workbench.quant.plan import CalibrationRecord, QuantPlan
from workbench.quant.qdq import write_qdq
from workbench.quant.represent import representation
from workbench.quant.scheme import Scheme
from workbench.quant.select import choose
from workbench.quant.smoothing import channel_peaks, places_of, smooth, smoothed, smoothing_factors

WIDE = Shape(layers=2, hidden=32, heads=2, pre_norm=True, outliers=2)
SILENT = Watch(lambda *_: None, lambda: None)


def places(model: onnx.ModelProto) -> tuple[dict[str, tuple[Any, ...]], dict[str, str]]:
    graph = graph_summary(canonical_graph(model)[0])
    found, left = places_of(graph, choose(graph, Scheme()))
    return {each.tensor: (each.scale, each.shift, dict(each.weights)) for each in found}, left


def normalized(build: Any, outputs: tuple[str, ...] = ("y",), width: int = 8) -> onnx.ModelProto:
    """Build a net on "x" [N,4,width]; `build` gets the builder and makes "y"."""
    b = Builder(0)
    build(b)
    return b.model({"x": ["N", 4, width]}, {name: ["N", 4, width] for name in outputs})


def norm(b: Builder, x: str = "x", name: str = "n") -> str:
    return b.node(
        "LayerNormalization", [x, b.constant(f"{name}_g", np.ones(8)), b.constant(f"{name}_b", np.ones(8))], name
    )


def linear(b: Builder, x: str, name: str) -> str:
    return b.node("MatMul", [x, b.weight(f"{name}_w", 8, 8)], name)


def test_a_normalization_read_by_linear_layers_alone_is_a_place() -> None:
    def build(b: Builder) -> None:
        x = norm(b)
        b.node("Mul", [linear(b, x, "one"), linear(b, x, "two")], "y")

    assert places(normalized(build)) == ({"n": ("n_g", "n_b", {"one_w": 0, "two_w": 0})}, {})


@pytest.mark.parametrize("shift", [True, False])
def test_a_mul_by_a_row_and_an_add_behind_it_are_places_too(shift: bool) -> None:
    def build(b: Builder) -> None:
        x = b.node("Mul", [b.constant("g", np.ones((1, 8))), b.node("Tanh", ["x"], "bent")], "scaled")
        x = b.node("Add", [x, b.constant("b", np.ones(8))], "shifted") if shift else x
        linear(b, x, "y")

    expected = {"shifted": ("g", "b", {"y_w": 0})} if shift else {"scaled": ("g", "", {"y_w": 0})}
    assert places(normalized(build)) == (expected, {})


@pytest.mark.parametrize("transposed", [0, 1])
def test_the_input_axis_of_a_gemm_follows_its_flag(transposed: int) -> None:
    b = Builder(0)
    x = b.node("Mul", ["x", b.constant("g", np.ones(8))], "scaled")
    b.node("Gemm", [x, b.weight("w", 8, 8)], "y", transB=transposed)
    assert places(b.model({"x": ["N", 8]}, {"y": ["N", 8]}))[0] == {"scaled": ("g", "", {"w": transposed})}


def test_every_other_input_of_a_linear_layer_says_why_it_is_none() -> None:
    def residual(b: Builder) -> None:
        b.node("Add", [linear(b, norm(b), "one"), "n"], "y")

    def shared_weight(b: Builder) -> None:
        weight = b.weight("w", 8, 8)
        b.node("MatMul", [norm(b, b.node("MatMul", [norm(b), weight], "one"), "m"), weight], "y")

    def shared_scale(b: Builder) -> None:
        row = b.constant("g", np.ones(8))
        linear(b, b.node("Mul", [b.node("Mul", ["x", row], "once"), row], "twice"), "y")

    def scalar(b: Builder) -> None:
        linear(b, b.node("Mul", ["x", b.constant("g", np.ones(1))], "scaled"), "y")

    def bent(b: Builder) -> None:
        linear(b, b.node("Tanh", ["x"], "t"), "y")

    assert places(normalized(residual)) == ({}, {"n": "y_node (Add) reads it too"})
    assert set(places(normalized(shared_weight))[1].values()) == {"other nodes share its scale or its weights"}
    assert places(normalized(shared_scale))[1] == {"twice": "other nodes share its scale or its weights"}
    assert places(normalized(scalar))[1] == {"scaled": "Mul has no scale per channel that could take the factors"}
    assert places(normalized(bent))[1] == {"t": "Tanh has no scale per channel that could take the factors"}
    assert places(normalized(lambda b: linear(b, "x", "y")))[1] == {"x": "it is an input of the graph"}
    tapped = normalized(lambda b: linear(b, norm(b), "y"), ("y", "n"))
    assert places(tapped)[1] == {"n": "the graph gives it out"}


@given(alpha=st.floats(0.05, 1.0), seed=st.integers(0, 99))
def test_factors_are_those_of_the_formula(alpha: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = {"a": rng.standard_normal((6, 3)).astype(np.float32), "b": rng.standard_normal((4, 6)).astype(np.float32)}
    peaks = np.abs(rng.standard_normal(6)) + 0.1
    peaks[1], weights["a"][2], weights["b"][:, 2] = 0.0, 0.0, 0.0
    found = smoothing_factors(peaks, weights, {"a": 0, "b": 1}, alpha)
    for channel in range(6):
        largest = max(np.abs(weights["a"][channel]).max(), np.abs(weights["b"][:, channel]).max())
        expected = 1.0 if channel in (1, 2) else peaks[channel] ** alpha / float(largest) ** (1 - alpha)
        assert found[channel] == pytest.approx(expected, rel=1e-6)


def plan_with(alpha: float) -> QuantPlan:
    return QuantPlan("a" * 64, Scheme(smoothing=alpha), CalibrationRecord("mse", {}, 0, ""))


@settings(max_examples=8)
@given(alpha=st.floats(0.1, 1.0), seed=st.integers(0, 9), pre_norm=st.booleans(), decomposed=st.booleans())
def test_the_float_function_is_unchanged_up_to_rounding(
    alpha: float, seed: int, pre_norm: bool, decomposed: bool
) -> None:
    shape = Shape(layers=1, hidden=16, heads=2, positions=8, pre_norm=pre_norm, decomposed=decomposed, outliers=2)
    canonical, _ = canonical_graph(encoder(shape, seed))
    graph = graph_summary(canonical)
    samples = MemorySamples(token_arrays(shape, 6, seed))
    changed, plan = smooth(canonical, plan_with(alpha), choose(graph, Scheme()), samples, SILENT)
    note = plan.transforms[-1]
    assert bool(note["tensors"]) is pre_norm
    feeds = token_arrays(shape, 6, seed + 1)
    expected, found = run_graph(canonical, feeds)["logits"], run_graph(changed, feeds)["logits"]
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())
    assert {item.name for item in changed.graph.initializer} == {item.name for item in canonical.graph.initializer}
    assert set(plan.float_values) == {name for names in note["tensors"].values() for name in names if name}


def test_divided_channels_have_the_range_that_the_factors_leave() -> None:
    canonical, _ = canonical_graph(encoder(WIDE))
    samples = MemorySamples(token_arrays(WIDE, 16))
    changed, plan = smooth(canonical, plan_with(1.0), choose(graph_summary(canonical), Scheme()), samples, SILENT)
    names = list(plan.transforms[-1]["tensors"])
    before, after = (channel_peaks(model, names, samples, SILENT) for model in (canonical, changed))
    for name in names:
        assert before[name].max() > 20 * np.median(before[name])
        np.testing.assert_allclose(after[name], 1.0, rtol=1e-5)


def test_channel_peaks_are_maxima_over_all_samples() -> None:
    model = normalized(lambda b: linear(b, norm(b), "y"))
    x = np.random.default_rng(0).standard_normal((5, 4, 8)).astype(np.float32)
    found = channel_peaks(model, ["n"], MemorySamples({"x": x}), SILENT)["n"]
    expected = np.abs(run_graph(with_extra_outputs(model, ["n"]), {"x": x})["n"]).max(axis=(0, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def sqnr_db(expected: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10(np.square(expected).sum() / np.square(expected - found).sum()))


def test_planted_wide_channels_cost_much_less_with_it() -> None:
    feeds = token_arrays(WIDE, 48, seed=1)
    figures = {}
    for alpha in (0.0, 0.65):
        scheme = Scheme(smoothing=alpha, bias_correction=False)
        canonical, plan = planned(encoder(WIDE), scheme, token_arrays(WIDE, 16))
        expected = run_graph(canonical, feeds)["logits"]
        figures[alpha] = sqnr_db(expected, run_graph(write_qdq(canonical, plan, SIMULATED), feeds)["logits"])
    assert figures[0.65] > figures[0.0] + 8


def test_a_plan_holds_divided_constants_as_floats_and_multiplied_weights_as_codes() -> None:
    _, plan = planned(encoder(WIDE), Scheme(smoothing=0.5), token_arrays(WIDE, 16))
    note = next(item for item in plan.transforms if item["kind"] == "smoothing")
    assert note["alpha"] == 0.5
    assert "layer0_joined" in note["left"]
    for scale, shift, *weights in note["tensors"].values():
        assert {scale, shift} <= set(plan.float_values)
        assert set(weights) <= set(plan.weights)
    assert not set(plan.float_values) & set(plan.weights)
    assert plan.scheme.title == "S1 W8A8 symmetric, smoothing 0.5"
    _, plain = planned(encoder(WIDE), Scheme(), token_arrays(WIDE, 16))
    assert not any(item["kind"] == "smoothing" for item in plain.transforms)
    assert not plain.float_values


def test_the_float_graph_behind_the_ranges_comes_back_from_the_plan_alone() -> None:
    model = encoder(WIDE)
    gamma = next(item for item in model.graph.initializer if item.name == "layer0_norm_gamma")
    values = numpy_helper.to_array(gamma).copy()
    values[3] = 0.0
    gamma.CopyFrom(numpy_helper.from_array(values, gamma.name))
    canonical, plan = planned(model, Scheme(smoothing=0.5), token_arrays(WIDE, 16))
    rebuilt = smoothed(canonical, plan)
    feeds = token_arrays(WIDE, 8, seed=2)
    np.testing.assert_allclose(
        run_graph(rebuilt, feeds)["logits"], run_graph(canonical, feeds)["logits"], rtol=2e-4, atol=1e-4
    )
    found = representation(canonical, plan, MemorySamples(feeds), lambda *_: None, lambda: None)
    assert found.beyond_clip < 0.01
    assert smoothed(canonical, planned(model, Scheme(), token_arrays(WIDE, 16))[1]) is canonical
