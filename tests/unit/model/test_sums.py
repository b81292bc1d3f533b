"""Sum of two becomes Add, other Sums stay."""

from __future__ import annotations

import numpy as np
from helpers.onnx_models import random_feeds
from helpers.plans import run_graph
from helpers.rule_nets import sum_of_two
from onnx import helper

from workbench.model.canonical import canonical_graph
from workbench.model.sums import sums_to_adds


def test_only_a_sum_of_two_becomes_an_add() -> None:
    nodes = [helper.make_node("Sum", list("abc"[:n]), [f"y{n}"], f"sum{n}") for n in (1, 2, 3)]
    graph = helper.make_graph(nodes, "sums", [], [])
    assert sums_to_adds(graph) == [{"kind": "sum_to_add", "node": "sum2"}]
    assert [node.op_type for node in graph.node] == ["Sum", "Add", "Sum"]


def test_the_canonical_graph_has_adds_and_the_same_answers() -> None:
    model = sum_of_two()
    canonical, transforms = canonical_graph(model)
    assert {"kind": "sum_to_add", "node": "sum_node"} in transforms
    feeds = random_feeds(model, 2)
    assert np.array_equal(run_graph(canonical, feeds)["y"], run_graph(model, feeds)["y"])
