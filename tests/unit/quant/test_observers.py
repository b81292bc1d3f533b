"""Histograms: exact counts and extremes, merging as a law, intervals that hold the values they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.quant.observers import BINS, Histogram, Observer, density, magnitudes, merge

any_float = st.floats(width=32, allow_nan=True, allow_infinity=True)
chunks = st.lists(hnp.arrays(np.float32, st.integers(0, 40), elements=any_float), max_size=6)


def histogram_of(*arrays: np.ndarray) -> Histogram:
    observer = Observer()
    for array in arrays:
        observer.observe(array)
    return observer.histogram()


def same(first: Histogram, second: Histogram) -> bool:
    extremes = (first.minimum, first.maximum) == (second.minimum, second.maximum)
    return bool(np.array_equal(first.counts, second.counts)) and extremes


@given(chunks, st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_matter(arrays: list[np.ndarray], random: object) -> None:
    whole = histogram_of(np.concatenate([np.zeros(0, np.float32), *arrays]))
    shuffled = list(arrays)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert same(whole, histogram_of(*shuffled))
    assert same(whole, merge(histogram_of(one) for one in shuffled))
    middle = len(arrays) // 2
    halves = merge([histogram_of(*arrays[:middle]), histogram_of(*arrays[middle:])])
    assert same(whole, halves)


@given(chunks)
def test_counts_extremes_and_non_finite_values(arrays: list[np.ndarray]) -> None:
    flat = np.concatenate([np.zeros(0, np.float32), *arrays])
    got = histogram_of(*arrays)
    finite = flat[np.isfinite(flat)]
    assert got.n == flat.size
    assert got.non_finite == flat.size - finite.size
    assert got.largest == (float(np.abs(finite).max()) if finite.size else 0.0)
    if finite.size:
        assert (got.minimum, got.maximum) == (float(finite.min()), float(finite.max()))


def test_large_and_small_arrays_count_alike() -> None:
    values = np.random.default_rng(0).standard_normal(30_000).astype(np.float32)
    pieces = histogram_of(*np.split(values, 30))
    assert same(histogram_of(values), pieces)
    assert pieces.counts.sum() == 30_000
    assert pieces.counts.shape == (BINS,)


def test_a_strided_view_is_counted_by_its_own_values() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert same(histogram_of(values[:, ::2]), histogram_of(values[:, ::2].copy()))


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        Observer().observe(np.zeros(3))  # type: ignore[arg-type]


@given(hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_every_value_lies_in_an_interval_of_relative_width_2_to_minus_7(values: np.ndarray) -> None:
    intervals = density(histogram_of(values))
    assert intervals.weight.sum() == values.size
    assert np.all(intervals.low <= intervals.high)
    wide = intervals.high - intervals.low
    assert np.all(wide <= np.maximum(np.abs(intervals.low), np.abs(intervals.high)) * 2.0**-7)
    for value in values[np.abs(values) >= np.finfo(np.float32).tiny]:
        assert np.any((intervals.low <= value) & (value <= intervals.high))


def test_extremes_cut_the_outer_intervals_off() -> None:
    intervals = density(histogram_of(np.asarray([0.0, 1.001, 6.0], np.float32)))
    assert intervals.high.max() == 6.0
    assert 6.0 in intervals.low
    assert 0.0 in intervals.low


def test_magnitudes_drop_the_sign() -> None:
    intervals = magnitudes(density(histogram_of(np.asarray([-3.0, 2.0], np.float32))))
    assert intervals.low.min() >= 0
    assert sorted(np.floor(intervals.low)) == [2.0, 3.0]
    assert np.all(intervals.low <= intervals.high)


def test_a_snapshot_does_not_change_afterwards() -> None:
    observer = Observer()
    first = observer.histogram()
    observer.observe(np.ones(4, np.float32))
    assert first.n == 0
    assert first.largest == 0.0
