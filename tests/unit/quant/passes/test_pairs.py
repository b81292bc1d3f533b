"""One pair per planned tensor, and who reads it."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import rule_nets
from helpers.plans import run_graph

from workbench.model.canonical import with_extra_outputs
from workbench.quant.dialect import SIMULATED
from workbench.quant.passes.draft import draft_of
from workbench.quant.passes.pairs import put_pairs
from workbench.quant.qdq import write_qdq


@pytest.mark.parametrize("name", ["shared scales", "concat of branches", "residual add", "output inside"])
@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_every_planned_tensor_has_one_pair_with_its_numbers(name: str, scheme: str) -> None:
    canonical, plan = rule_nets.planned_rule(name, scheme)
    draft = draft_of(canonical.graph, plan)
    put_pairs(draft)
    for op_type, suffix in (("QuantizeLinear", "__quantize"), ("DequantizeLinear", "__dequantize")):
        names = [node.name for node in draft.nodes if node.op_type == op_type]
        assert sorted(names) == sorted(tensor + suffix for tensor in plan.tensors)
    for tensor, parameters in plan.tensors.items():
        scale, zero_point = (draft.array(each) for each in draft.parameters(tensor))
        assert (scale.shape, scale.dtype, float(scale)) == ((), np.float32, parameters.scale)
        assert (str(zero_point.dtype), int(zero_point)) == (parameters.dtype, parameters.zero_point)


def test_all_readers_get_the_dequantized_values() -> None:
    canonical, plan = rule_nets.planned_rule("residual add")
    draft = draft_of(canonical.graph, plan)
    put_pairs(draft)
    readers = [name for node in draft.nodes if node.op_type != "QuantizeLinear" for name in node.input]
    assert set(readers).isdisjoint(plan.tensors)
    assert readers.count("stem_relu__dequantized") == 2


def test_what_a_float_node_makes_stays_float_for_float_readers() -> None:
    canonical, plan = rule_nets.planned(rule_nets.residual_in_float())
    draft = draft_of(canonical.graph, plan)
    put_pairs(draft)
    read = {node.name: list(node.input) for node in draft.nodes}
    assert read["branch_node"][0] == "act__dequantized"
    assert read["total_node"] == ["branch__dequantized", "act"]
    assert read["stem_node"][0] == "x__dequantized"


def test_a_graph_output_that_a_float_node_makes_is_not_rounded() -> None:
    canonical, plan = rule_nets.planned(rule_nets.residual_in_float())
    shown = with_extra_outputs(canonical, ["act", "branch"])
    feeds = rule_nets.example_feeds(canonical, 2, 3)
    outputs = run_graph(write_qdq(shown, plan, SIMULATED), feeds)
    for name, is_rounded in (("act", False), ("branch", True)):
        codes = outputs[name] / np.float32(plan.tensors[name].scale)
        assert np.allclose(codes, np.rint(codes), atol=1e-3) is is_rounded


def test_tensors_of_one_shared_scale_have_equal_numbers() -> None:
    _, plan = rule_nets.planned_rule("shared scales")
    shared = [plan.tensors[name] for name in ("act", "pooled", "turned", "turned_back", "flat", "square_again")]
    assert len(set(shared)) == 1


def test_a_quantized_graph_output_keeps_its_name_and_lies_on_the_grid() -> None:
    canonical, plan = rule_nets.planned_rule("output inside")
    draft = draft_of(canonical.graph, plan)
    put_pairs(draft)
    model = draft.model(canonical)
    assert [item.name for item in model.graph.output] == ["y", "inside"]
    codes = run_graph(model, rule_nets.example_feeds(canonical, 2, 3))["inside"] / plan.tensors["inside"].scale
    assert np.array_equal(codes, np.rint(codes))
    assert 0 <= codes.min() < codes.max() <= 127
