"""ONNX's own node tests through the Core ML frontend, a saved package and the reference evaluator: a few per op.

The whole suite is `tests/benchmarks/bench_coreml_conformance.py`, one minute; what does not pass there is listed here,
each with its reason, and must be just that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from helpers.coreml_conformance import CLAIMED, difference, node_tests, run, scope
from helpers.onnx_backend import NodeTest
from workbench_plugins.coreml.frontend.convert import unsupported
from workbench_plugins.coreml.frontend.registry import FAMILIES

LARGE = "too large to write out"
INDICES = "MIL's max_pool gives no indices"
TRAINING = "in training mode has no equivalent"
SHAPE_FED = "its value depends on a shape that is not static"
WIDE = "its float64 values lie beyond float32"
NOT_PASSING = {
    "test_MaxPool1d_stride_padding_dilation": LARGE,
    "test_MaxPool2d_stride_padding_dilation": LARGE,
    "test_batchnorm_epsilon_training_mode": TRAINING,
    "test_batchnorm_example_training_mode": TRAINING,
    "test_constantofshape_float_ones": SHAPE_FED,
    "test_constantofshape_int_zeros": SHAPE_FED,
    "test_einsum_batch_diagonal": "a letter stands twice",
    "test_maxpool_with_argmax_2d_precomputed_pads": INDICES,
    "test_maxpool_with_argmax_2d_precomputed_strides": INDICES,
    "test_operator_add_broadcast": WIDE,
    "test_operator_add_size1_right_broadcast": WIDE,
    "test_operator_add_size1_singleton_broadcast": WIDE,
    "test_operator_addconstant": WIDE,
    "test_training_dropout": TRAINING,
    "test_training_dropout_default": TRAINING,
    "test_training_dropout_default_mask": TRAINING,
    "test_training_dropout_mask": TRAINING,
}
EACH = 2
"""Tests per op in this run."""


@pytest.fixture(scope="module")
def by_op() -> Mapping[str, list[NodeTest]]:
    """Tests in scope by op, in the order of their names; those of a model with one node."""
    found: dict[str, list[NodeTest]] = {}
    for name, test in sorted(node_tests().items()):
        nodes = test.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in CLAIMED and not scope(test, test.model) and name not in NOT_PASSING:
            found.setdefault(nodes[0].op_type, []).append(test)
    return found


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_few_of_every_op_pass(family: str, by_op: Mapping[str, list[NodeTest]]) -> None:
    chosen = [test for op in sorted(FAMILIES[family]) for test in by_op.get(op, [])[:EACH]]
    results = [run(test) for test in chosen]
    assert len(results) >= 2
    assert [(result.name, result.why) for result in results if result.state != "passed"] == []


def test_ops_without_a_test_of_their_own_are_known(by_op: Mapping[str, list[NodeTest]]) -> None:
    claimed = {op for family in FAMILIES.values() for op in family}
    assert claimed - set(by_op) == {"CastLike", "GlobalLpPool"}


@pytest.mark.parametrize("name", sorted(NOT_PASSING))
def test_what_does_not_pass_has_its_reason(name: str) -> None:
    result = run(node_tests()[name])
    assert result.state in ("refused", "failed")
    assert NOT_PASSING[name] in result.why


def test_a_refusal_comes_from_the_list_up_front() -> None:
    (refused,) = unsupported(node_tests()["test_maxpool_with_argmax_2d_precomputed_pads"].model)
    assert refused.why == INDICES


@pytest.mark.parametrize(
    ("have", "words"),
    [
        (np.zeros((2, 3), np.float32), "largest difference 1"),
        (np.ones((3, 2), np.float32), "has shape (3, 2)"),
        (np.full((2, 3), np.nan, np.float32), "largest difference"),
    ],
    ids=["values", "shape", "nan"],
)
def test_the_comparison_can_fail(have: np.ndarray, words: str) -> None:
    want = np.ones((2, 3), np.float32)
    assert difference([want], [want]) == ""
    with np.errstate(invalid="ignore"):
        assert words in difference([have], [want])


def test_integers_are_compared_exactly() -> None:
    assert "1 of 3 values" in difference([np.array([1, 2, 3])], [np.array([1, 2, 4])])
