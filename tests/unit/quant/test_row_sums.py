"""Compiled sums are numpy's own, bit for bit, at every length, with and without an activation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.quant.row_sums import row_sums

BOUNDS = [(0.0, math.inf), (-math.inf, math.inf), (0.0, 6.0), (-1.0, 1.0)]
LENGTHS = [0, 1, 7, 8, 9, 49, 127, 128, 129, 196, 1045, 2047]


def with_numpy(term: str, f: Any, q: Any, bounds: tuple[float, float], steps: Any) -> Any:
    """The definition, as numpy computes it in float32."""
    wanted, is_open = np.clip(f, *bounds), (q > bounds[0]) & (q < bounds[1])
    terms: dict[str, Callable[[], Any]] = {
        "difference": lambda: f - q,
        "open_difference": lambda: (wanted - q) * is_open,
        "open_count": lambda: is_open.astype(np.float32),
        "squared_error": lambda: np.square(np.clip(q + steps[:, None], *bounds) - wanted),
    }
    return terms[term]().sum(axis=1)


TERMS = ["difference", "open_difference", "open_count", "squared_error"]


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("length", LENGTHS)
@given(st.integers(0, 10_000), st.sampled_from(BOUNDS), st.sampled_from([1e-3, 1.0, 1e6]))
def test_a_sum_is_numpys_own(term: str, length: int, seed: int, bounds: tuple[float, float], size: float) -> None:
    rng = np.random.default_rng(seed)
    f = (rng.normal(size=(5, length)) * size).astype(np.float32)
    q = (f + rng.normal(size=f.shape) * 0.1 * size).astype(np.float32)
    q[rng.random(q.shape) < 0.1] = bounds[0] if math.isfinite(bounds[0]) else 0.0  # on the bound itself
    steps = (rng.normal(size=5) * 0.1 * size).astype(np.float32)
    found = row_sums(term, f, q, bounds, steps)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, with_numpy(term, f, q, bounds, steps))


def test_arrays_in_another_layout_are_read_in_their_own_order() -> None:
    rng = np.random.default_rng(0)
    f, q = rng.normal(size=(40, 6)).astype(np.float32).T, rng.normal(size=(6, 40)).astype(np.float32)
    np.testing.assert_array_equal(row_sums("difference", f, q), (np.ascontiguousarray(f) - q).sum(axis=1))
