"""The registry: no op twice, every one known to ONNX, and enough of them."""

from __future__ import annotations

import onnx
from workbench_plugins.coreml.frontend.registry import FAMILIES, FOLDED_ONLY, LOWERINGS


def test_no_op_belongs_to_two_families() -> None:
    assert sum(len(family) for family in FAMILIES.values()) == len(LOWERINGS)


def test_every_op_is_onnxs_own() -> None:
    assert [op for op in (*LOWERINGS, *FOLDED_ONLY) if not onnx.defs.has(op)] == []


def test_there_are_at_least_seventy_five() -> None:
    assert len(LOWERINGS) >= 75
