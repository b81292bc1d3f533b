"""Two plans of one model side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.onnx_models import conv_relu_net, random_feeds
from helpers.plans import make_plan

from workbench.quant.plan import QuantPlan
from workbench.quant.plan_changes import WORST, plan_changes


@pytest.fixture(scope="module")
def plan() -> QuantPlan:
    net = conv_relu_net()
    return make_plan(net, random_feeds(net, 4, 0))


def test_a_plan_differs_from_itself_in_nothing(plan: QuantPlan) -> None:
    found = plan_changes(plan, plan)
    assert (found.tensors, found.weights) == (len(plan.tensors), len(plan.weights))
    assert (found.tensors_changed, found.weights_changed, found.scales) == (0, 0, ())
    assert found.now_float == found.now_quantized == ()


def test_scales_are_ranked_by_their_factor_in_either_direction(plan: QuantPlan) -> None:
    names = list(plan.tensors)[:3]
    factors = dict(zip(names, (1.5, 0.25, 2.0), strict=True))
    tensors = {name: replace(item, scale=item.scale * factors.get(name, 1.0)) for name, item in plan.tensors.items()}
    found = plan_changes(plan, replace(plan, tensors=tensors))
    assert found.tensors_changed == 3
    assert [change.name for change in found.scales] == [names[1], names[2], names[0]]
    assert [change.factor for change in found.scales] == pytest.approx([0.25, 2.0, 1.5])
    assert len(found.scales) <= WORST


def test_one_code_is_a_changed_weight_and_a_lost_node_is_told(plan: QuantPlan) -> None:
    name, weight = next(iter(plan.weights.items()))
    codes = weight.codes.copy()
    codes.flat[0] += np.int8(1) if codes.flat[0] < 0 else np.int8(-1)
    weights = {**plan.weights, name: replace(weight, codes=codes)}
    fewer = replace(plan, weights=weights, quantized_nodes=plan.quantized_nodes[1:])
    found = plan_changes(plan, fewer)
    assert (found.weights_changed, found.tensors_changed) == (1, 0)
    assert found.now_float == plan.quantized_nodes[:1]
    assert plan_changes(fewer, plan).now_quantized == plan.quantized_nodes[:1]


def test_only_what_both_quantize_is_compared(plan: QuantPlan) -> None:
    tensors = dict(list(plan.tensors.items())[1:])
    found = plan_changes(replace(plan, tensors=tensors), plan)
    assert (found.tensors, found.tensors_changed) == (len(plan.tensors) - 1, 0)
