"""Three well-known topologies with seeded weights on their whole way: all of them are in `bench_topologies.py`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import onnx
import pytest
from helpers.light_models import LIGHT_MODELS, input_name, light_model
from helpers.topologies import RUNTIMES, Example, example, facts_of, passage

FEWEST_DB = {"SqueezeNet": 28.0, "ShuffleNet": 18.0, "Inception v1": 26.0}
"""SQNR on logits that the simulation reaches at least with random weights, some dB below what was seen."""
NEAR_SIMULATION_DB = 20.0


@cache
def made(name: str) -> Example:
    return example(name, n=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", FEWEST_DB)
def test_every_weighted_node_is_quantized(name: str) -> None:
    found = made(name)
    weighted = [node.name for node in found.canonical.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert set(weighted) <= set(found.plan.quantized_nodes)
    assert facts_of(found)["sqnr_db"] > FEWEST_DB[name]


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", FEWEST_DB)
def test_it_runs_in_int8_with_the_plans_numbers(name: str, runtime: str, tmp_path: Path) -> None:
    found = made(name)
    result = passage(found, runtime, tmp_path)
    plan = found.plan
    assert (result.checked, result.mismatches) == (len(plan.tensors) + len(plan.weights) + len(plan.biases), 0)
    assert result.mac_share == 1.0
    assert result.int8_nodes >= len(plan.quantized_nodes)
    assert result.simulated_sqnr_db > NEAR_SIMULATION_DB
    assert result.sqnr_db > FEWEST_DB[name]


def test_a_topology_has_seeded_weights_and_one_input() -> None:
    first, again, other = (light_model("SqueezeNet", seed) for seed in (0, 0, 1))
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)
    assert first.graph.initializer != other.graph.initializer
    assert input_name(first) == "data_0"
    assert "ConstantOfShape" not in {node.op_type for node in first.graph.node}
    onnx.checker.check_model(first)
    assert len(LIGHT_MODELS) == 9
