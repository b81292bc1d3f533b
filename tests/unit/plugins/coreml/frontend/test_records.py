"""What the frontend says keeps the cause and the remedy apart."""

from __future__ import annotations

from workbench_plugins.coreml.frontend.records import RefusedError, Unsupported


def test_a_refusal_keeps_cause_and_remedy() -> None:
    error = RefusedError("no dilations", "leave them out")
    assert (error.why, error.remedy, str(error)) == ("no dilations", "leave them out", "no dilations")


def test_an_unsupported_node_needs_no_remedy() -> None:
    assert not Unsupported("n", "Loop", "no conversion").remedy
