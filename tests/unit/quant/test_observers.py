"""Histograms: exact counts and extremes, merging as a law, intervals that hold the values they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.quant import observers
from workbench.quant.observers import BINS, Histogram, Observer, density, merge

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


@given(chunks)
def test_zero_has_no_sign_and_the_order_of_chunks_leaves_none(arrays: list[np.ndarray]) -> None:
    zeros = [np.asarray([sign], np.float32) for sign in (0.0, -0.0)]
    for order in (zeros, zeros[::-1]):
        got = histogram_of(*order, *arrays)
        assert str(got.minimum) != "-0.0"
        assert str(got.maximum) != "-0.0"


def test_counters_are_emptied_before_they_can_run_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "_FULL", 1000)
    values = np.random.default_rng(1).standard_normal(12_345).astype(np.float32)
    observer = Observer()
    for piece in [*np.split(values, [300, 900, 7000]), *[np.ones(400, np.float32)] * 20]:
        observer.observe(piece)
        assert observer._tables.sum() <= 1000
    monkeypatch.undo()
    assert same(observer.histogram(), histogram_of(values, np.ones(8000, np.float32)))


def test_non_finite_values_beside_extremes_leave_them_exact() -> None:
    got = histogram_of(np.asarray([np.nan, -np.inf, -2.5, 1.25, np.inf, -np.nan], np.float32))
    assert (got.minimum, got.maximum, got.non_finite) == (-2.5, 1.25, 4)
    assert histogram_of(np.asarray([np.nan], np.float32)).minimum == np.inf


def expected_intervals(values: np.ndarray) -> np.ndarray:
    """Return [k, 3] low, high and count of every occupied bin, cut off at the extremes, from the values themselves."""
    bits = np.sort(values[np.abs(values) >= np.finfo(np.float32).tiny]).view(np.uint32)
    rows = [[0.0, 0.0, values.size - bits.size]]
    for high in np.unique(bits >> 16):
        inside = bits[bits >> 16 == high].view(np.float32).astype(np.float64)
        ends = np.asarray([high << 16, (high + 1) << 16], np.uint32).view(np.float32).astype(np.float64)
        low, top = np.clip(np.sort(ends), float(values.min()), float(values.max()))
        rows.append([low, top, inside.size])
    return np.asarray(sorted(row for row in rows if row[2]))


@given(hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_intervals_are_the_bins_of_the_values_side_by_side(values: np.ndarray) -> None:
    got = density(histogram_of(values))
    assert got.edges.shape == (got.weight.size + 1,)
    assert np.all(np.diff(got.edges) >= 0)
    rows = np.stack([got.low, got.high, got.weight], axis=1)[got.weight > 0]
    np.testing.assert_array_equal(rows[np.lexsort((rows[:, 1], rows[:, 0]))], expected_intervals(values))
    wide = rows[:, 1] - rows[:, 0]
    assert np.all(wide <= np.abs(rows[:, :2]).max(axis=1) * 2.0**-7)


def test_extremes_cut_the_outer_intervals_off() -> None:
    intervals = density(histogram_of(np.asarray([0.0, 1.001, 6.0], np.float32)))
    occupied = intervals.weight > 0
    assert intervals.high[occupied].tolist() == [0.0, 1.0078125, 6.0]
    assert intervals.low[occupied].tolist() == [0.0, 1.0, 6.0]


def test_nothing_observed_is_an_interval_without_weight() -> None:
    intervals = density(Observer().histogram())
    assert intervals.edges.tolist() == [0.0, 0.0]
    assert intervals.weight.tolist() == [0.0]


def test_a_snapshot_does_not_change_afterwards() -> None:
    observer = Observer()
    first = observer.histogram()
    observer.observe(np.ones(4, np.float32))
    assert first.n == 0
    assert first.largest == 0.0


def test_a_constant_tensor_reaches_as_far_as_its_value() -> None:
    for value in (5.0, -5.0):
        got = histogram_of(np.full(3, value, np.float32))
        assert (got.minimum, got.maximum, got.largest) == (value, value, 5.0)


def test_an_empty_array_adds_nothing() -> None:
    some = np.asarray([1.0, -2.0], np.float32)
    assert same(histogram_of(np.zeros((0, 3), np.float32), some, np.zeros(0, np.float32)), histogram_of(some))
