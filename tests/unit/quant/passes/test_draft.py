"""The draft: names, new constants, replaced nodes, and the finished model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from onnx import helper

from workbench.errors import PlanError
from workbench.quant.passes.draft import Draft, draft_of


def draft(make: Callable[[], onnx.ModelProto] = rule_nets.output_inside) -> tuple[onnx.ModelProto, Draft]:
    canonical, plan = rule_nets.planned(make())
    return canonical, draft_of(canonical.graph, plan)


def test_a_draft_without_passes_is_the_float_graph_and_the_source_is_left_alone() -> None:
    canonical, made = draft()
    before = canonical.SerializeToString(deterministic=True)
    made.nodes[0].name = "another"
    made.set_constant("first_w", np.zeros((8, 4, 3, 3), np.float32))
    model = made.model(canonical)
    assert canonical.SerializeToString(deterministic=True) == before
    assert [node.op_type for node in model.graph.node] == [node.op_type for node in canonical.graph.node]
    assert list(model.graph.output) == list(canonical.graph.output)
    assert model.opset_import == canonical.opset_import


def test_a_graph_output_leaves_its_name_to_the_dequantized_values() -> None:
    _, made = draft()
    assert (made.raw_name("inside"), made.read_name("inside")) == ("inside__float", "inside")
    assert (made.raw_name("x"), made.read_name("x")) == ("x", "x__dequantized")


def test_a_name_is_taken_once() -> None:
    _, made = draft()
    made.add_constant("x__scale", np.ones(()))
    with pytest.raises(PlanError, match="x__scale"):
        made.fresh("x__scale")
    with pytest.raises(PlanError, match="first_w"):
        made.add_constant("first_w", np.ones(()))


def test_replace_puts_nodes_in_their_place_and_takes_others_out() -> None:
    _, made = draft()
    names = [node.name for node in made.nodes]
    new = [helper.make_node("Identity", ["x"], [name], name) for name in ("one", "two")]
    made.replace({names[1]: new, names[2]: []})
    assert [node.name for node in made.nodes] == [names[0], "one", "two"]


def test_constants_that_nothing_reads_are_left_out() -> None:
    canonical, made = draft()
    made.add_constant("unread", np.ones(3, np.float32))
    assert "unread" not in {item.name for item in made.model(canonical).graph.initializer}
    assert "first_w" in {item.name for item in made.model(canonical).graph.initializer}


def test_shapes_are_told_of_what_is_still_made() -> None:
    canonical, made = draft(rule_nets.residual_add)
    known = {item.name for item in canonical.graph.value_info}
    first = made.nodes[0]
    made.replace({first.name: [helper.make_node("Identity", ["x"], ["other"], "instead")]})
    told = {item.name for item in made.model(canonical).graph.value_info}
    assert told == known - {first.output[0]}
    assert len(told) > 2
