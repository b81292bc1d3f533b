"""Distances in steps, and explanations that are found because they give the answers exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from workbench.errors import ModelError
from workbench.quant.departure import ROUNDINGS, UNEXPLAINED, Departure, compare_codes, explain
from workbench.quant.integer_graph import Codes, IntegerGraph
from workbench.quant.plan import QuantPlan, TensorParameters
from workbench.quant.probe_graphs import PATTERNS, Probe, make_probe


def codes(values: list[int], scale: float = 0.5) -> Codes:
    return Codes(np.asarray(values, np.int64), TensorParameters(scale, 0, "int8", None, (-128, 127)))


def test_equal_values_are_equal() -> None:
    found = compare_codes(codes([-3, 0, 7], 0.1), np.asarray([-3, 0, 7], np.float32) * np.float32(0.1))
    assert found == Departure(0.0, 0.0)
    assert found.is_equal


def test_the_share_and_the_largest_distance() -> None:
    found = compare_codes(codes([0, 1, 2, 3]), np.asarray([0.0, 0.5, 0.5, 1.75], np.float32))
    assert found == Departure(0.5, 1.0)
    assert compare_codes(codes([3]), np.asarray([1.75], np.float32)).largest_steps == 0.5
    assert compare_codes(codes([3]), np.asarray([np.nan], np.float32)) == Departure(1.0, np.inf)


def test_the_smallest_difference_counts() -> None:
    value = np.nextafter(np.float32(1.5), np.float32(2))
    assert not compare_codes(codes([3]), np.asarray([value])).is_equal


def test_another_shape_is_an_error() -> None:
    with pytest.raises(ModelError, match="shape"):
        compare_codes(codes([3]), np.zeros((2, 2), np.float32))


def probe(title: str) -> Probe:
    return make_probe(next(pattern for pattern in PATTERNS if pattern.title == title))


def answer(model: onnx.ModelProto, plan: QuantPlan, of: Probe) -> np.ndarray:
    return IntegerGraph(model, plan).run(of.feeds)["y"]


@pytest.mark.parametrize("words", sorted(ROUNDINGS))
def test_another_rule_for_ties_is_named(words: str) -> None:
    found = probe("Quantize near ties" if "128" in words else "Conv")
    answers = IntegerGraph(found.model, found.plan, ROUNDINGS[words]).run(found.feeds)["y"]
    assert explain(found.model, found.plan, found.feeds, "y", answers) == words


def test_a_rounding_left_out_is_named() -> None:
    found = probe("Conv+Add")
    clipped = IntegerGraph(found.model, found.plan, unrounded=frozenset({"left"})).run(found.feeds)["y"]
    assert explain(found.model, found.plan, found.feeds, "y", clipped) == (
        "rounds once less (left clipped but not rounded)"
    )
    without = replace(found.plan, tensors={k: v for k, v in found.plan.tensors.items() if k != "left"})
    assert explain(found.model, found.plan, found.feeds, "y", answer(found.model, without, found)) == (
        "rounds once less (left neither clipped nor rounded)"
    )
    neither = IntegerGraph(found.model, found.plan, unrounded=frozenset({"left", "right"})).run(found.feeds)["y"]
    assert explain(found.model, found.plan, found.feeds, "y", neither) == (
        "rounds 2 times less (left and right clipped but not rounded)"
    )


def test_an_output_that_is_not_rounded_is_named() -> None:
    found = probe("Conv")
    loose = IntegerGraph(found.model, found.plan, unrounded=frozenset({"y"})).run(found.feeds)["y"]
    assert explain(found.model, found.plan, found.feeds, "y", loose) == "its output is not rounded"


def test_what_nothing_gives_is_not_explained() -> None:
    found = probe("Conv")
    answers = answer(found.model, found.plan, found)
    answers[0, 0, 0, 0] += found.plan.tensors["y"].scale
    assert explain(found.model, found.plan, found.feeds, "y", answers) == UNEXPLAINED
