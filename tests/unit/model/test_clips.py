"""A Clip at 0 alone becomes a Relu, other Clips stay."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import rule_nets
from helpers.onnx_models import Builder, random_feeds
from helpers.plans import run_graph
from onnx import helper, numpy_helper

from workbench.model.canonical import canonical_graph
from workbench.model.clips import clips_to_relus

CONSTANTS = {
    "zero": np.float32(0.0), "zeros": np.zeros(1, np.float32), "one": np.float32(1.0), "whole": np.int64(0),
    "two": np.zeros(2, np.float32),
}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "is_relu"),
    [
        (["x", "zero"], True),
        (["x", "zeros"], True),
        (["x", "zero", ""], True),
        (["x", "zero", "one"], False),
        (["x", "zero", "computed"], False),
        (["x", "one"], False),
        (["x", "whole"], False),
        (["x", "two"], False),
        (["x", "computed"], False),
        (["x", "", "zero"], False),
        (["x"], False),
    ],
)
def test_only_a_clip_at_zero_alone_becomes_a_relu(inputs: list[str], is_relu: bool) -> None:
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in CONSTANTS.items()]
    graph = helper.make_graph([helper.make_node("Clip", inputs, ["y"], "clip")], "clips", [], [], constants)
    assert clips_to_relus(graph) == ([{"kind": "clip_to_relu", "node": "clip"}] if is_relu else [])
    assert graph.node[0].op_type == ("Relu" if is_relu else "Clip")
    assert list(graph.node[0].input) == (["x"] if is_relu else inputs)


def test_it_is_fused_into_the_layer_before_it_and_the_answers_stay() -> None:
    b = Builder(0)
    x = b.node("Clip", [b.conv("first", "x", 4, 8), b.constant("low", 0.0)], "act")
    b.conv("y", x, 8, 4)
    model = rule_nets.model_of(b, rule_nets.IMAGE, ["y"])
    canonical, transforms = canonical_graph(model)
    assert {"kind": "clip_to_relu", "node": "act_node"} in transforms
    feeds = random_feeds(model, 2)
    assert np.array_equal(run_graph(canonical, feeds)["y"], run_graph(model, feeds)["y"])
    _, plan = rule_nets.planned(model)
    assert plan.quantized_nodes == ("first_node", "act_node", "y_node")
