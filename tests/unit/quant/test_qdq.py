"""The Q/DQ writer as a whole: the same reals in every dialect and after every pass, equal bytes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import onnx
import pytest
from helpers.onnx_models import concat_net, depthwise_net, random_feeds, resnet_like
from helpers.plans import make_plan, run_graph
from helpers.rule_nets import RULES, branch_that_reads_codes, example_feeds, planned, planned_rule

from workbench.errors import PlanError
from workbench.model.canonical import canonical_graph
from workbench.quant.dialect import SIMULATED, Dialect
from workbench.quant.passes.draft import draft_of
from workbench.quant.qdq import passes_of, write_qdq
from workbench.quant.scheme import Scheme

DIALECTS = [
    Dialect(activation, function, bias)
    for activation, function, bias in product(
        ("int8", "uint8"), ("fused", "leaky_relu", "integer_clip"), ("float32", "int32")
    )
]
X64 = Dialect("uint8", "integer_clip", "int32")
NEUTRAL_PASSES = 3


@pytest.mark.parametrize("net", [resnet_like, depthwise_net, concat_net])
@pytest.mark.parametrize("scheme", ["S1", "S2", "S3"])
def test_simulated_outputs_are_bit_equal_in_every_dialect(net: Callable[[], onnx.ModelProto], scheme: str) -> None:
    model, _ = canonical_graph(net())
    plan = make_plan(model, random_feeds(model, 3), Scheme(name=scheme))  # type: ignore[arg-type]
    feeds = random_feeds(model, 2, seed=9, scale=1.5)
    expected = run_graph(write_qdq(model, plan, SIMULATED), feeds)
    float_outputs = run_graph(model, feeds)
    assert all(not np.array_equal(expected[name], float_outputs[name]) for name in expected)
    for dialect in DIALECTS:
        found = run_graph(write_qdq(model, plan, dialect), feeds)
        assert all(np.array_equal(found[name], expected[name]) for name in expected), dialect


@pytest.mark.parametrize("name", RULES)
def test_every_respelling_keeps_the_answers_bit_for_bit(name: str) -> None:
    canonical, plan = planned_rule(name)
    feeds = example_feeds(canonical, 2, seed=4)
    for function in ("leaky_relu", "integer_clip"):
        draft = draft_of(canonical.graph, plan)
        passes = passes_of(Dialect("uint8", function, "int32"))
        for rule in passes[:NEUTRAL_PASSES]:
            rule(draft)
        expected = run_graph(draft.model(canonical), feeds)
        for rule in passes[NEUTRAL_PASSES:]:
            rule(draft)
            found = run_graph(draft.model(canonical), feeds)
            assert all(np.array_equal(found[key], expected[key]) for key in expected), rule


def test_the_passes_of_a_dialect() -> None:
    def names(dialect: Dialect) -> list[str]:
        return [rule.__name__ for rule in passes_of(dialect)]

    neutral = ["put_pairs", "put_weights", "put_biases"]
    assert names(SIMULATED) == neutral
    assert names(X64) == [*neutral, "code_biases", "shift_codes", "clip_codes", "look_up_relu"]
    assert names(Dialect("int8", "leaky_relu")) == [*neutral, "look_up_relu"]


def test_equal_arguments_give_equal_bytes_and_the_source_is_not_changed() -> None:
    model, _ = canonical_graph(resnet_like())
    before = model.SerializeToString(deterministic=True)
    plan = make_plan(model, random_feeds(model, 2))
    files = {write_qdq(model, plan, X64).SerializeToString(deterministic=True) for _ in range(3)}
    assert len(files) == 1
    assert model.SerializeToString(deterministic=True) == before


def test_a_tensor_name_that_is_taken_is_refused() -> None:
    model, _ = canonical_graph(resnet_like())
    plan = make_plan(model, random_feeds(model, 2))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1, np.float32), "input__scale"))
    with pytest.raises(PlanError, match="input__scale"):
        write_qdq(model, plan, X64)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_subgraphs_read_the_codes_that_everybody_reads(dialect: Dialect) -> None:
    canonical, plan = planned(branch_that_reads_codes())
    found = run_graph(write_qdq(canonical, plan, dialect), random_feeds(canonical, 2, seed=9))["doubled"]
    codes = found / (2 * plan.tensors["act"].scale)
    assert np.array_equal(codes, np.rint(codes))
    assert 0 <= codes.min() < codes.max() <= 127


def test_a_layer_whose_raw_output_a_subgraph_reads_is_still_there() -> None:
    model = branch_that_reads_codes()
    for branch in model.graph.node[-1].attribute:
        branch.g.node[0].input[0] = "first"
    canonical, plan = planned(model)
    feeds = random_feeds(canonical, 2, seed=9)
    expected = run_graph(write_qdq(canonical, plan, SIMULATED), feeds)
    assert expected["doubled"].min() < 0
    for full_range in (False, True):
        found = run_graph(write_qdq(canonical, plan, replace(X64, full_range_relu=full_range)), feeds)
        assert np.array_equal(found["doubled"], expected["doubled"])


def test_parameters_have_the_names_that_a_file_is_read_back_by() -> None:
    canonical, plan = planned_rule("matmul and bias")
    names = {item.name for item in write_qdq(canonical, plan, SIMULATED).graph.initializer}
    assert {f"{tensor}__{part}" for tensor in plan.tensors for part in ("scale", "zero_point")} <= names
    assert {f"{weight}__{part}" for weight in plan.weights for part in ("codes", "scale", "zero_point")} <= names
    assert {f"{bias}__added" for bias in plan.biases} <= names


def test_what_a_subgraph_reads_is_not_equalized() -> None:
    plain = branch_that_reads_codes()
    del plain.graph.node[-1], plain.graph.output[-1]
    scheme = Scheme(equalize_activations=True)
    for model, tensors in ((plain, ["act"]), (branch_that_reads_codes(), [])):
        _, plan = planned(model, scheme)
        (note,) = [note for note in plan.transforms if note["kind"] == "equalize_activations"]
        assert list(note["tensors"]) == tensors
