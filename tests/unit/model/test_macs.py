"""Tests of workbench/model/macs.py."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.model.macs import macs_of

CASES: list[tuple[str, dict[str, Any], list[Any], list[Any], int]] = [
    ("Conv", {}, [(1, 3, 8, 8), (16, 3, 3, 3), (16,)], [(1, 16, 8, 8)], 16 * 8 * 8 * 27),
    ("Conv", {"group": 16}, [(1, 16, 8, 8), (16, 1, 3, 3)], [(1, 16, 8, 8)], 16 * 8 * 8 * 9),
    ("Conv", {}, [(1, 4, 10), (6, 4, 5)], [(1, 6, 6)], 6 * 6 * 20),
    ("Conv", {}, [(1, 2, 4, 4, 4), (3, 2, 2, 2, 2)], [(1, 3, 3, 3, 3)], 3 * 27 * 16),
    ("ConvTranspose", {}, [(1, 8, 5, 5), (8, 4, 2, 2)], [(1, 4, 10, 10)], 8 * 25 * 4 * 4),
    ("Gemm", {"transB": 1}, [(1, 64), (10, 64), (10,)], [(1, 10)], 640),
    ("Gemm", {"transA": 1}, [(64, 1), (64, 10)], [(1, 10)], 640),
    ("MatMul", {}, [(1, 2, 8, 4), (1, 2, 4, 8)], [(1, 2, 8, 8)], 2 * 8 * 8 * 4),
    ("MatMul", {}, [(8,), (8, 3)], [(3,)], 24),
    ("LSTM", {}, [(6, 1, 12), (1, 64, 12), (1, 64, 16)], [(6, 1, 1, 16)], 6 * (64 * 12 + 64 * 16)),
    ("GRU", {}, [(6, 1, 12), (2, 48, 12), (2, 48, 16)], [None], 6 * 2 * (48 * 12 + 48 * 16)),
    ("QLinearConv", {}, [(1, 3, 8, 8), (), (), (16, 3, 3, 3)], [(1, 16, 8, 8)], 16 * 64 * 27),
    ("Einsum", {}, [(2, 2), (2, 2)], [(2, 2)], 0),
    ("Relu", {}, [(1, 3)], [(1, 3)], 0),
    ("Conv", {}, [None, (16, 3, 3, 3)], [None], 16 * 27),
    ("MatMul", {}, [None, (64, 10)], [None], 640),
    ("MatMul", {}, [None, None], [None], 0),
    ("LSTM", {}, [None, (1, 64, 12), (1, 64, 16)], [None], 64 * 12 + 64 * 16),
    ("QLinearConv", {}, [None, (), (), (16, 3, 3, 3)], [None], 16 * 27),
]


@pytest.mark.parametrize(("op", "attributes", "inputs", "outputs", "macs"), CASES)
def test_macs(op: str, attributes: dict[str, Any], inputs: list[Any], outputs: list[Any], macs: int) -> None:
    assert macs_of(op, attributes, inputs, outputs) == macs
