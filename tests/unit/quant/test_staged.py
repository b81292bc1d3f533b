"""A graph in stages gives what the whole gives, holds no more than it needs, and takes other values on its way."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from helpers import rule_nets
from helpers.onnx_models import concat_net, conv_relu_net, depthwise_net, encoder_like, multi_io_net, resnet_like
from helpers.plans import run_graph

from workbench.errors import ContractError
from workbench.quant.dialect import SIMULATED
from workbench.quant.qdq import write_qdq
from workbench.quant.scheme import Scheme
from workbench.quant.staged import Staged, answers, float_graph, simulated_graph

MODELS = [conv_relu_net, resnet_like, depthwise_net, concat_net, encoder_like, multi_io_net]


def held_runs(canonical: onnx.ModelProto, n: int = 3) -> list[dict[str, Any]]:
    feeds = rule_nets.example_feeds(canonical, n, seed=7)
    return [{name: array[i : i + 1] for name, array in feeds.items()} for i in range(n)]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("name", ["S1", "S2"])
def test_dequantizing_weights_beforehand_changes_no_bit(make: Any, name: Any) -> None:
    canonical, plan = rule_nets.planned(make(), Scheme(name=name, bias_correction=False))
    names = [value.name for value in canonical.graph.output]
    written = write_qdq(canonical, plan, SIMULATED)
    for feeds, got in zip(
        held_runs(canonical),
        answers(simulated_graph(canonical, plan), held_runs(canonical), names, optimized=False),
        strict=True,
    ):
        expected = run_graph(written, feeds)
        for output, value in zip(names, got, strict=True):
            np.testing.assert_array_equal(value, expected[output])


@pytest.mark.parametrize("make", MODELS)
def test_stages_give_the_answers_of_the_whole(make: Any) -> None:
    canonical, plan = rule_nets.planned(make(), Scheme(bias_correction=False))
    model, runs = simulated_graph(canonical, plan), held_runs(canonical)
    names = [value.name for value in canonical.graph.output]
    staged = Staged(model, runs, optimized=False)
    for node in canonical.graph.node:
        if node.name in plan.edges:
            staged.before(node.name)
            staged.through(node.name)
    staged.finish()
    expected = list(answers(model, runs, names, optimized=False))
    for place, name in enumerate(names):
        for got, whole in zip(staged.values(name), expected, strict=True):
            np.testing.assert_array_equal(got, whole[place])


def test_only_what_later_nodes_read_is_held() -> None:
    canonical, _ = rule_nets.planned(resnet_like(), Scheme(bias_correction=False))
    staged = Staged(float_graph(canonical), held_runs(canonical), optimized=True)
    convs = [node for node in canonical.graph.node if node.op_type == "Conv"]
    staged.through(convs[0].name)
    assert len(staged.values(convs[0].output[0])) == 3
    with pytest.raises(ContractError, match="is not held"):
        staged.values(convs[-1].output[0])
    staged.through(convs[-1].name)
    with pytest.raises(ContractError, match="is not held"):
        staged.values(convs[0].output[0])
    with pytest.raises(ContractError, match="is not held"):
        staged.values("input")


def test_values_and_constants_that_are_put_in_reach_what_comes_after() -> None:
    canonical, _ = rule_nets.planned(conv_relu_net(), Scheme(bias_correction=False))
    runs = held_runs(canonical)
    first, *_, last = (node for node in canonical.graph.node if node.op_type in ("Conv", "Gemm"))
    plain, changed = (Staged(float_graph(canonical), runs, optimized=True) for _ in range(2))
    plain.through(first.name)
    changed.through(first.name)
    for values in changed.values(first.output[0]):
        np.add(values, 1.0, out=values)
    for staged in (plain, changed):
        staged.finish()
    output = canonical.graph.output[0].name
    assert not np.allclose(plain.values(output)[0], changed.values(output)[0])
    again = Staged(float_graph(canonical), runs, optimized=True)
    bias = next(item for item in canonical.graph.initializer if item.name == last.input[2])
    again.set_constant(last.input[2], onnx.numpy_helper.to_array(bias) + np.float32(1.0))
    again.through(last.name)
    plain = Staged(float_graph(canonical), runs, optimized=True)
    plain.through(last.name)
    difference = again.values(last.output[0])[0] - plain.values(last.output[0])[0]
    np.testing.assert_allclose(difference, 1.0, rtol=1e-4)


def test_feeds_are_not_touched() -> None:
    canonical, _ = rule_nets.planned(conv_relu_net(), Scheme(bias_correction=False))
    runs = held_runs(canonical)
    before = [{name: array.copy() for name, array in feeds.items()} for feeds in runs]
    Staged(float_graph(canonical), runs, optimized=True).finish()
    for feeds, copy in zip(runs, before, strict=True):
        assert feeds.keys() == copy.keys()
        for name, array in feeds.items():
            np.testing.assert_array_equal(array, copy[name])


def test_large_constants_stay_beside_the_graph() -> None:
    canonical, plan = rule_nets.planned(resnet_like(), Scheme(bias_correction=False))
    large = {item.name for item in canonical.graph.initializer if len(item.raw_data) >= 1024}
    floats, simulated = float_graph(canonical), simulated_graph(canonical, plan)
    assert set(floats.weights) == large
    assert floats.model.ByteSize() < canonical.ByteSize() - sum(values.nbytes for values in floats.weights.values())
    assert {name + "__dequantized" for name in plan.weights} <= set(simulated.weights)
    staged = Staged(simulated, held_runs(canonical), optimized=False)
    assert all(staged.graph.weights[name] is values for name, values in simulated.weights.items())


def test_the_whole_graph_has_the_constants_that_were_put_in() -> None:
    canonical, plan = rule_nets.planned(conv_relu_net(), Scheme(bias_correction=False))
    graph, runs, names = simulated_graph(canonical, plan), held_runs(canonical), [canonical.graph.output[0].name]
    staged = Staged(graph, runs, optimized=False)
    small = next(item.name for item in graph.model.graph.initializer if item.name in plan.biases)
    for name in (next(iter(plan.weights)) + "__dequantized", small):
        before = next(answers(staged.graph, runs, names, optimized=False))[0]
        constant = graph.weights.get(name, plan.biases.get(name))
        assert constant is not None
        staged.set_constant(name, constant + np.float32(1.0))
        assert not np.array_equal(next(answers(staged.graph, runs, names, optimized=False))[0], before)
    assert not np.array_equal(
        next(answers(graph, runs, names, optimized=False))[0],
        next(answers(staged.graph, runs, names, optimized=False))[0],
    )
