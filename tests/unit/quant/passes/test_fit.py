"""A plan of another model is refused; the opset is raised, never lowered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import rule_nets
from helpers.plans import run_graph

from workbench.errors import PlanError
from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.passes.fit import at_opset, check_fit
from workbench.quant.plan import TensorParameters
from workbench.quant.qdq import write_qdq


@pytest.mark.parametrize("kind", ["tensors", "weights", "biases", "float_values"])
def test_a_plan_of_another_model_is_refused(kind: str) -> None:
    canonical, plan = rule_nets.planned(rule_nets.relu())
    check_fit(canonical.graph, plan)
    values: dict[str, Any] = {
        "tensors": TensorParameters(0.5, 0, "int8", None, (-128, 127)),
        "weights": plan.weights["y_w"],
        "biases": np.zeros(3, np.float32),
        "float_values": np.zeros(3, np.float32),
    }
    changed = replace(plan, **{kind: {**getattr(plan, kind), "foreign": values[kind]}})
    with pytest.raises(PlanError, match="foreign"):
        check_fit(canonical.graph, changed)


def test_a_weight_of_another_shape_is_refused() -> None:
    canonical, plan = rule_nets.planned(rule_nets.relu())
    with pytest.raises(PlanError, match="weight first_w"):
        check_fit(canonical.graph, replace(plan, weights={"first_w": plan.weights["y_w"]}))


def test_a_lower_opset_is_raised_and_a_higher_one_is_kept() -> None:
    canonical, plan = rule_nets.planned(rule_nets.relu())
    present = canonical.opset_import[0].version
    assert at_opset(canonical, present - 1) is canonical
    raised = at_opset(canonical, present + 3)
    assert (raised.opset_import[0].version, canonical.opset_import[0].version) == (present + 3, present)
    feeds = rule_nets.example_feeds(canonical, 2, 3)
    expected = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)["y"]
    assert np.array_equal(run_graph(write_qdq(canonical, plan, Dialect(opset=present + 3)), feeds)["y"], expected)
