from pathlib import Path

import numpy as np
import pytest
from helpers.contexts import lowered
from helpers.plans import run_graph
from helpers.rule_nets import example_feeds, planned_rule
from workbench_plugins.coreml_evaluator.runtime import EvaluatorRuntime

from workbench.errors import ContractError
from workbench.quant.dialect import SIMULATED
from workbench.quant.qdq import write_qdq
from workbench.spi import OpenOptions


def test_answers_are_the_simulations_and_carry_the_word(tmp_path: Path) -> None:
    canonical, plan = planned_rule("residual add")
    runtime = EvaluatorRuntime()
    prepared, _ = lowered(runtime, canonical, plan, tmp_path)
    feeds = example_feeds(canonical, 3, seed=5)
    with runtime.open(prepared, OpenOptions("int8", 1, 2, tmp_path)) as session:
        found, facts, rows = session.run(feeds), session.facts(), session.placement()
    for name, expected in run_graph(write_qdq(canonical, plan, SIMULATED), feeds).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-6)
    assert facts["evidence"] == "reference evaluator"
    assert {row.precision for row in rows} == {"fp32"}
    with pytest.raises(ContractError, match="after it was left"):
        session.run(feeds)
