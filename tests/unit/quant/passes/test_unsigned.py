"""uint8 codes: the zero point moves by 128, the steps and the real values stay."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import rule_nets
from helpers.plans import run_graph

from workbench.quant.passes.draft import draft_of
from workbench.quant.passes.pairs import put_pairs
from workbench.quant.passes.unsigned import shift_codes


@pytest.mark.parametrize("scheme", ["S1", "S2"])
def test_zero_points_are_uint8_and_the_answers_stay(scheme: str) -> None:
    canonical, plan = rule_nets.planned_rule("residual add", scheme)
    draft = draft_of(canonical.graph, plan)
    put_pairs(draft)
    feeds = rule_nets.example_feeds(canonical, 2, 3)
    before = run_graph(draft.model(canonical), feeds)["y"]
    scales = {name: draft.array(name + "__scale") for name in plan.tensors}
    shift_codes(draft)
    for name, tensor in plan.tensors.items():
        zero_point = draft.array(name + "__zero_point")
        assert zero_point.dtype == np.uint8
        assert int(zero_point) == tensor.zero_point + (128 if tensor.dtype == "int8" else 0)
        assert draft.array(name + "__scale") == scales[name]
    assert np.array_equal(run_graph(draft.model(canonical), feeds)["y"], before)
