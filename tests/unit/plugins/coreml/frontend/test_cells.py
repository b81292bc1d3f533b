"""Chains written out: their length is limited, and a note tells of them."""

from __future__ import annotations

from helpers.coreml import normal, one_node, quiet_coremltools
from workbench_plugins.coreml.frontend.cells import MOST_STEPS
from workbench_plugins.coreml.frontend.convert import convert, unsupported


def gru(steps: int):
    return one_node("GRU", [normal(steps, 1, 2), normal(1, 6, 2), normal(1, 6, 2)], constants=(1, 2), hidden_size=2)[0]


def test_a_long_sequence_is_refused_with_the_limit() -> None:
    (refused,) = unsupported(gru(MOST_STEPS + 1))
    assert str(MOST_STEPS) in refused.remedy
    assert unsupported(gru(MOST_STEPS)) == []


def test_a_written_out_chain_is_told() -> None:
    quiet_coremltools()
    assert convert(gru(2), "iOS17").rewritten == ("node (GRU): written out step by step",)
