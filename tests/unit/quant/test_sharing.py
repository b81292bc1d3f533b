"""Shared scales and the 8x rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.quant.scheme import Scheme
from workbench.quant.select import AFTER_LAST, Selection, choose
from workbench.quant.sharing import (
    float_concat_inputs,
    mixed_ranges,
    refused_concats,
    shared_ranges,
    threshold,
)


def node(op_type: str, inputs: str, output: str) -> NodeSummary:
    names = tuple(inputs.split())
    return NodeSummary(
        f"n_{output}", op_type, names, (output,), constant_inputs=tuple(i for i, n in enumerate(names) if n.isupper())
    )


def graph(*nodes: NodeSummary) -> GraphSummary:
    outputs = (TensorSpec(nodes[-1].outputs[0], "float32", (1,)),)
    return GraphSummary(nodes, (TensorSpec("x", "float32", (1,)),), outputs)


CHAIN = graph(
    node("Conv", "x W", "a"),
    node("Conv", "x W", "b"),
    node("Conv", "x W", "c"),
    node("MaxPool", "b", "p"),
    node("Concat", "a p", "j"),
    node("Concat", "j c", "k"),
    node("Conv", "k W", "d"),
)


def chosen() -> Selection:
    return choose(CHAIN, Scheme())


def ranges(**thresholds: float) -> dict[str, tuple[float, float]]:
    return {name: (-value, value) for name, value in thresholds.items()}


def test_a_group_takes_the_widest_range_through_pools_and_concats() -> None:
    got = shared_ranges(chosen(), ranges(x=9, a=1, b=2, c=3, d=5))
    assert got == ranges(x=9, a=3, b=3, c=3, p=3, j=3, k=3, d=5)


def test_low_and_high_ends_are_united_apart() -> None:
    got = shared_ranges(chosen(), {"x": (0, 1), "a": (-1, 2), "b": (0, 7), "c": (-3, 1), "d": (0, 1)})
    assert got["p"] == (-3, 7)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"a": 1, "b": 7.99, "c": 2}, set()),
        ({"a": 1, "b": 8, "c": 2}, {"n_j"}),
        ({"a": 1, "b": 4, "c": 16}, {"n_k"}),
        ({"a": 640, "b": 1, "c": 1}, {"n_j"}),
    ],
)
def test_concats_are_refused_from_8x_on_counting_the_whole_group(values: dict[str, float], refused: set[str]) -> None:
    assert set(refused_concats(chosen(), ranges(x=1, d=1, **values))) == refused


def test_the_reason_names_both_tensors_and_their_thresholds() -> None:
    reason = refused_concats(chosen(), ranges(x=1, d=1, a=640, b=1, c=2))["n_j"]
    assert "8x" in reason
    assert "a (threshold 640)" in reason
    assert "b (threshold 1)" in reason


def test_a_tensor_of_zeros_fits_everywhere() -> None:
    assert refused_concats(chosen(), ranges(x=1, d=1, a=640, b=0, c=640)) == {}
    assert mixed_ranges(("a", "b"), ranges(a=0, b=0)) == ""
    assert mixed_ranges((), {}) == ""


def test_threshold_is_the_larger_end() -> None:
    assert threshold((-3.0, 2.0)) == 3.0
    assert threshold((0.0, 2.0)) == 2.0


@given(st.lists(st.floats(0.01, 1e4), min_size=3, max_size=3))
def test_what_is_left_after_refusing_never_spans_8x(values: list[float]) -> None:
    own = ranges(x=1.0, d=1.0, a=values[0], b=values[1], c=values[2])
    vetoes: dict[str, str] = {}
    selection = chosen()
    while found := refused_concats(selection, own):
        vetoes.update(found)
        selection = choose(CHAIN, Scheme(), vetoes)
    own |= ranges(j=max(values[:2]), k=max(values))
    shared = shared_ranges(selection, own)
    for name in selection.sources:
        assert shared[name][1] < 8 * own[name][1] or shared[name] == own[name]


def test_a_concat_after_the_last_layer_is_traced_to_what_it_joins() -> None:
    summary = graph(
        node("Conv", "x W", "a"),
        node("Conv", "x W", "b"),
        node("Reshape", "a S", "ra"),
        node("Sigmoid", "b", "sb"),
        node("Reshape", "sb S", "rb"),
        node("Concat", "ra rb", "j"),
    )
    got = choose(summary, Scheme())
    assert got.float_nodes["n_j"] == AFTER_LAST
    assert float_concat_inputs(summary, got) == {"n_j": ("a", "sb")}


def test_tensors_without_a_range_do_not_count() -> None:
    assert mixed_ranges(("a", "b", "c"), ranges(a=1, c=7)) == ""
    assert "a (threshold 1)" in mixed_ranges(("a", "b", "c"), ranges(a=1, c=8))


def test_a_range_below_zero_has_a_threshold_too() -> None:
    assert threshold((-3.0, -5.0)) == 5.0


def test_only_concats_after_the_last_layer_are_traced() -> None:
    summary = graph(
        node("Conv", "x W", "a"),
        node("Sigmoid", "a", "s"),
        node("Concat", "x s", "between"),
        node("Conv", "between W", "b"),
        node("Reshape", "x S", "rx"),
        node("Reshape", "b S", "rb"),
        node("Concat", "rx rb", "last"),
    )
    got = choose(summary, Scheme())
    assert set(got.float_nodes) == {"n_s", "n_between", "n_rx", "n_rb", "n_last"}
    assert float_concat_inputs(summary, got) == {"n_last": ("x", "b")}
