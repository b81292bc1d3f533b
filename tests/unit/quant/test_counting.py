"""The compiled loop against numpy: every count, every extreme, any length, any number of threads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.quant.counting import BINS, TABLES, both, count

any_bits = hnp.arrays(np.uint32, st.integers(1, 80), elements=st.integers(0, 2**32 - 1))


def counted(values: np.ndarray) -> tuple[np.ndarray, list[int]]:
    tables, extremes = np.zeros(TABLES, np.uint32), np.asarray([2**31, 0, 2**32 - 1], np.uint32)
    count(values, tables, extremes)
    first, second = both(tables)
    assert tables.sum() == values.size
    return first + second, extremes.tolist()


def expected(values: np.ndarray) -> tuple[np.ndarray, list[int]]:
    bits = values.reshape(-1).view(np.uint32)
    signed = int(bits.view(np.int32).max()) % 2**32
    return np.bincount(bits >> 16, minlength=BINS), [signed, int(bits.max()), int(bits.min())]


@given(any_bits)
def test_any_bits_are_counted_and_compared_as_integers(bits: np.ndarray) -> None:
    counts, extremes = counted(bits.view(np.float32))
    wanted_counts, wanted_extremes = expected(bits.view(np.float32))
    np.testing.assert_array_equal(counts, wanted_counts)
    assert extremes == wanted_extremes


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 2047, 2048, 2049, 2065, 4096, 6145])
def test_no_length_loses_or_repeats_a_value(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n + 3).astype(np.float32)
    for part in (values[:n], values[3:], values[1 : n + 1]):
        counts, extremes = counted(part)
        wanted_counts, wanted_extremes = expected(part)
        np.testing.assert_array_equal(counts, wanted_counts)
        assert extremes == wanted_extremes


def test_shape_does_not_matter_and_counts_add_up() -> None:
    values = np.random.default_rng(0).standard_normal((4, 5, 6)).astype(np.float32)
    tables, extremes = np.zeros(TABLES, np.uint32), np.zeros(3, np.uint32)
    for _ in range(3):
        count(values, tables, extremes)
    first, second = both(tables)
    np.testing.assert_array_equal(first + second, 3 * expected(values)[0])


def test_threads_count_at_the_same_time_without_disturbing_each_other() -> None:
    parts = [np.random.default_rng(seed).standard_normal(50_000).astype(np.float32) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for part, (counts, extremes) in zip(parts, pool.map(counted, parts), strict=True):
            np.testing.assert_array_equal(counts, expected(part)[0])
            assert extremes == expected(part)[1]


def test_the_compiler_is_loaded_only_when_something_is_counted() -> None:
    code = "import sys, workbench.quant.build; sys.exit('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
