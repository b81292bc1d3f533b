"""A test per rule: what breaks it is named with its node, what does not is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from workbench_plugins.ort_tensorrt import graph_rules as rules

from workbench.model.graph import GraphSummary, NodeSummary, TensorSpec
from workbench.quant.scheme import Scheme

S1 = Scheme()
IMAGE = TensorSpec("x", "float32", ("N", 3, 8, 8))


def graph_of(*nodes: NodeSummary, inputs: tuple[TensorSpec, ...] = (IMAGE,), **constants: tuple[float, ...]):
    return GraphSummary(nodes, inputs, (), {}, 13, constants)


def node(
    op_type: str, inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...] = ("y",), constant=(), **attributes: Any
):
    return NodeSummary(f"the_{op_type}", op_type, inputs, outputs, attributes, 0, constant)


def test_affine_schemes_are_refused_because_symmetric_only() -> None:
    (found,) = rules.judge_graph(graph_of(), Scheme(name="S2"))
    assert found.refuses
    assert found.node is None
    assert found.reason.startswith("symmetric only")


def test_weight_only_int8_is_refused() -> None:
    (found,) = rules.judge_graph(graph_of(), Scheme(name="S3"))
    assert found.refuses
    assert "INT4" in found.reason


@pytest.mark.parametrize("name", ["S1", "fp32", "fp16"])
def test_other_schemes_are_not_refused(name: Any) -> None:
    assert rules.judge_graph(graph_of(node("Conv"), node("Relu")), Scheme(name=name)) == []


BROKEN = {
    rules.op_not_parsed: graph_of(node("Det")),
    rules.input_type_not_parsed: graph_of(inputs=(TensorSpec("ids", "uint32", (1,)),)),
    rules.pool_of_other_rank: graph_of(node("AveragePool", kernel_shape=[3])),
    rules.pool_with_dilations: graph_of(node("MaxPool", kernel_shape=[2, 2], dilations=[2, 2])),
    rules.pool_indices: graph_of(node("MaxPool", outputs=("y", "where"), kernel_shape=[2, 2])),
    rules.resize_mode: graph_of(node("Resize", mode="cubic")),
    rules.recurrent_form: graph_of(node("LSTM", layout=1)),
    rules.axes_not_constant: graph_of(node("ReduceMean", ("x", "axes"))),
    rules.top_k: graph_of(node("TopK", ("x", "k"), constant=(1,)), k=(4000.0,)),
    rules.scatter_reduction: graph_of(node("ScatterND", reduction="add")),
    rules.second_output_of_normalization: graph_of(node("LayerNormalization", outputs=("y", "mean"))),
}
KEPT = {
    rules.op_not_parsed: graph_of(node("Conv")),
    rules.input_type_not_parsed: graph_of(inputs=(TensorSpec("ids", "int64", (1,)), IMAGE)),
    rules.pool_of_other_rank: graph_of(
        node("AveragePool", kernel_shape=[3, 3]), node("MaxPool", kernel_shape=[1, 2, 2])
    ),
    rules.pool_with_dilations: graph_of(node("MaxPool", kernel_shape=[2, 2], dilations=[1, 1])),
    rules.pool_indices: graph_of(node("MaxPool", kernel_shape=[2, 2])),
    rules.resize_mode: graph_of(node("Resize", mode="linear", coordinate_transformation_mode="asymmetric")),
    rules.recurrent_form: graph_of(node("LSTM"), node("GRU", layout=0)),
    rules.axes_not_constant: graph_of(
        node("ReduceMean", ("x", "axes"), constant=(1,)), node("ReduceSum"), node("Relu")
    ),
    rules.top_k: graph_of(node("TopK", ("x", "k"), constant=(1,)), k=(5.0,)),
    rules.scatter_reduction: graph_of(node("ScatterND")),
    rules.second_output_of_normalization: graph_of(node("LayerNormalization")),
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_broken_rule_names_the_node_and_refuses_nothing(rule: rules.Rule) -> None:
    (found,) = rule(BROKEN[rule], S1)
    names = [item.name for item in BROKEN[rule].nodes]
    assert found.node == (names[0] if names else None)
    assert found.realised == rules.OUTSIDE
    assert not found.refuses
    assert rules.judge_graph(BROKEN[rule], S1) == [found]


@pytest.mark.parametrize("rule", KEPT, ids=lambda rule: rule.__name__)
def test_a_kept_rule_says_nothing(rule: rules.Rule) -> None:
    assert list(rule(KEPT[rule], S1)) == []


def test_every_rule_has_a_test_and_a_source() -> None:
    about_schemes = {rules.asymmetric_codes, rules.weight_only_int8}
    assert set(rules.RULES) == set(BROKEN) | about_schemes == set(KEPT) | about_schemes
    assert all("Source: " in (rule.__doc__ or "") for rule in rules.RULES)


def test_refusals_come_first() -> None:
    found = rules.judge_graph(graph_of(node("Det")), Scheme(name="S2"))
    assert [item.refuses for item in found] == [True, False]
    assert [item.requested for item in found][1] == "Det in TensorRT"


def test_resizing_smoothly_and_unsorted_top_k_are_named() -> None:
    assert list(rules.resize_mode(graph_of(node("Resize", mode="linear", antialias=1)), S1))
    assert list(rules.top_k(graph_of(node("TopK", ("x", "k"), sorted=0)), S1))
