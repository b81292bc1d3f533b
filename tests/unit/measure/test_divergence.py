"""Distances on known values, their laws, and what they do with NaN, zeros and equal outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import log_softmax, rel_entr, softmax

from workbench.errors import ContractError
from workbench.measure import divergence as d

FINITE = st.floats(-1e4, 1e4, width=32)
PAIR = hnp.array_shapes(min_dims=1, max_dims=4, max_side=6).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float32, shape, elements=FINITE), hnp.arrays(np.float32, shape, elements=FINITE)
    )
)


def test_known_values() -> None:
    result = d.divergence(np.array([[3.0, 4.0]]), np.array([[3.0, 3.5]]))
    assert result.nmse == pytest.approx(0.25 / 25)
    assert result.sqnr_db == pytest.approx(20)
    assert result.max_abs_error == 0.5
    assert result.mean_abs_error == 0.25
    assert result.cosine_similarity == pytest.approx(23 / (5 * np.sqrt(21.25)))
    assert result.n_values == 2
    assert dict(result.reasons) == {}


@given(PAIR)
def test_metrics_against_whole_array_formulas(pair: tuple[np.ndarray, np.ndarray]) -> None:
    f, q = (part.astype(np.float64) for part in pair)
    result = d.divergence(*pair)
    error, power = ((f - q) ** 2).sum(), (f**2).sum()
    if result.nmse is not None and power:
        assert result.nmse == pytest.approx(error / power)
        assert (result.sqnr_db is None) == (error == 0)
        assert result.sqnr_db is None or result.sqnr_db == pytest.approx(10 * np.log10(power / error))
    if result.cosine_similarity is not None:
        assert -1 <= result.cosine_similarity <= 1
    assert result.mean_abs_error == pytest.approx(np.abs(f - q).mean())
    assert result.max_abs_error == np.abs(f - q).max()


@given(PAIR, st.integers(1, 30))
def test_chunks_and_order_of_samples_do_not_matter(pair: tuple[np.ndarray, np.ndarray], chunk: int) -> None:
    whole = d.divergence(*pair)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(d, "CHUNK_VALUES", chunk)
        parts = d.divergence(*pair)
        turned = d.divergence(pair[0][::-1], pair[1][::-1])
        assert d.nmse_per_sample(*pair) == pytest.approx(d.nmse_per_sample(pair[0][::-1], pair[1][::-1])[::-1])
    for other in (parts, turned):
        assert (other.constant_columns, other.max_abs_error) == (whole.constant_columns, whole.max_abs_error)
        assert other.nmse == pytest.approx(whole.nmse)
        assert other.reasons == whole.reasons


def test_identical_outputs_have_no_sqnr_and_say_why() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = d.divergence(values, values.copy())
    assert (result.sqnr_db, result.nmse, result.cosine_similarity, result.max_abs_error) == (None, 0.0, 1.0, 0.0)
    assert result.reasons == {"sqnr_db": d.IDENTICAL}
    zeros = d.divergence(np.zeros((2, 2)), np.zeros((2, 2)))
    assert (zeros.nmse, zeros.cosine_similarity) == (0.0, None)
    assert zeros.reasons["sqnr_db"] == d.IDENTICAL


def test_zero_sides() -> None:
    zero_reference = d.divergence(np.zeros((2, 2)), np.ones((2, 2)))
    assert (zero_reference.sqnr_db, zero_reference.nmse, zero_reference.cosine_similarity) == (None, None, None)
    assert zero_reference.reasons["nmse"] == "the reference is all zeros"
    assert zero_reference.max_abs_error == 1.0
    zero_output = d.divergence(np.ones((2, 2)), np.zeros((2, 2)))
    assert (zero_output.sqnr_db, zero_output.nmse, zero_output.cosine_similarity) == (0.0, 1.0, None)


def test_one_nan_leaves_no_distance_and_is_counted() -> None:
    f, q = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    q[1, 2], q[2, 0], f[0, 0] = np.nan, np.inf, -np.inf
    result = d.divergence(f, q)
    assert (result.nonfinite, result.nonfinite_reference) == (2, 1)
    assert result.sqnr_db is result.nmse is result.cosine_similarity is result.max_abs_error is None
    assert result.reasons["nmse"] == "not finite: 2 values, and 1 of the reference"
    assert set(result.reasons) == {"sqnr_db", "nmse", "cosine_similarity", "max_abs_error", "mean_abs_error"}


def test_beyond_float64_is_said() -> None:
    result = d.divergence(np.full((2, 2), 1e200), np.full((2, 2), -1e200))
    assert result.sqnr_db is None
    assert result.reasons["sqnr_db"] == "the sum of squares is beyond float64"


def test_constant_columns_of_a_detection_head() -> None:
    rng = np.random.default_rng(0)
    f = np.concatenate([rng.uniform(0, 640, (5, 40, 4)), rng.uniform(0, 1, (5, 40, 2))], axis=2).astype(np.float32)
    q = np.rint(f / 5).astype(np.float32) * 5
    f[..., 5] = 0.25
    assert d.divergence(f, q).constant_columns == (4,)
    assert d.divergence(f, f).constant_columns == ()


@pytest.mark.parametrize("chunk_values", [1, 200, 1 << 19])
def test_constant_slices_are_found_along_every_axis(monkeypatch: pytest.MonkeyPatch, chunk_values: int) -> None:
    monkeypatch.setattr(d, "CHUNK_VALUES", chunk_values)
    rng = np.random.default_rng(0)
    f = np.concatenate([rng.uniform(0, 640, (5, 4, 40)), rng.uniform(0, 1, (5, 3, 40))], axis=1).astype(np.float32)
    q = np.rint(f / 5) * 5
    q[:, 6] = f[:, 6]
    assert d.divergence(f, q).constant_slices == ((4, 5), ())
    assert d.divergence(f.swapaxes(1, 2), q.swapaxes(1, 2)).constant_slices == ((), (4, 5))
    assert d.divergence(f[:, :, 0], np.zeros((5, 7))).constant_slices == ((0, 1, 2, 3, 4, 5, 6),)
    q[0, 4, 0] = np.nan
    assert d.divergence(f, q).constant_slices == ((5,), ())


def test_column_that_hardly_moves_in_the_reference_is_constant_there_too() -> None:
    f = np.array([[100.0, 1.0], [50.0, 1.0 + 1e-5]])
    assert d.divergence(f, np.array([[100.0, 1.0], [50.0, 1.0]])).constant_columns == ()
    f[0, 1] = 1.1
    assert d.divergence(f, np.array([[100.0, 1.0], [50.0, 1.0]])).constant_columns == (1,)


def test_half_and_integer_outputs_are_summed_in_float64() -> None:
    f = np.full((1000, 10), 300, np.float16)
    result = d.divergence(f, f + np.float16(1))
    assert result.nmse == pytest.approx(1 / 300**2)
    codes = np.full((3, 2), 127, np.int8)
    assert d.divergence(codes, -codes).max_abs_error == 254


def test_memory_maps_are_read_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(500, 7)).astype(np.float32)
    np.save(tmp_path / "f.npy", values)
    mapped = np.load(tmp_path / "f.npy", mmap_mode="r")
    monkeypatch.setattr(d, "CHUNK_VALUES", 70)
    sizes = [len(f) for f, _ in d._chunks(mapped, mapped)]
    assert sizes == [10] * 50
    assert d.divergence(mapped, mapped + np.float32(0.1)).max_abs_error == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("function", [d.divergence, d.nmse_per_sample, d.sums_per_sample, d.kl_per_sample])
def test_shapes_must_agree_and_hold_values(function: object) -> None:
    with pytest.raises(ContractError, match="different shapes"):
        function(np.zeros((2, 3)), np.zeros((3, 2)))  # type: ignore[operator]
    with pytest.raises(ContractError, match="without values"):
        function(np.zeros((0, 3)), np.zeros((0, 3)))  # type: ignore[operator]


@given(PAIR)
def test_sums_per_sample_are_plain_sums_and_add_up_to_the_nmse(pair: tuple[np.ndarray, np.ndarray]) -> None:
    f, q = (np.asarray(side, np.float64).reshape(len(side), -1) for side in pair)
    power, error = d.sums_per_sample(*pair)
    np.testing.assert_allclose(power, (f**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(error, ((f - q) ** 2).sum(axis=1), rtol=1e-12)
    nmse = d.divergence(*pair).nmse
    assert nmse is None or nmse * power.sum() == pytest.approx(error.sum(), rel=1e-9)


def test_sums_per_sample_over_many_chunks() -> None:
    rng = np.random.default_rng(0)
    f, q = rng.standard_normal((2, 7, d.CHUNK_VALUES // 3)).astype(np.float32)
    power, error = d.sums_per_sample(f, q)
    np.testing.assert_allclose(power, (f.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(error, ((f.astype(np.float64) - q) ** 2).sum(axis=1))


def test_nmse_per_sample() -> None:
    f = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 2.0]])
    q = np.array([[1.0, 2.0], [0.0, 0.0], [0.0, 1.0], [np.nan, 2.0]])
    found = d.nmse_per_sample(f, q)
    assert found[:3].tolist() == [0.5, 0.0, np.inf]
    assert np.isnan(found[3])


LOGITS = st.tuples(st.integers(1, 8), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(*(hnp.arrays(np.float32, shape, elements=st.floats(-80, 80, width=32)) for _ in "pr"))
)


@given(LOGITS)
def test_kl_against_scipy_and_its_laws(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, r = (part.astype(np.float64) for part in pair)
    found = d.kl_per_sample(*pair)
    expected = (softmax(p, axis=1) * (log_softmax(p, axis=1) - log_softmax(r, axis=1))).sum(axis=1)
    assert found == pytest.approx(np.maximum(expected, 0), rel=1e-6, abs=1e-9)
    assert (found >= 0).all()
    assert d.kl_per_sample(pair[0], pair[0]) == pytest.approx(np.zeros(len(p)), abs=1e-12)
    assert d.kl_per_sample(p + 5, r - 300) == pytest.approx(found, rel=1e-6, abs=1e-9)


def test_kl_of_probabilities_and_of_zeros() -> None:
    p, r = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]), np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    found = d.kl_per_sample(p, r, probabilities=True)
    assert found[0] == pytest.approx(rel_entr(p[0], r[0]).sum())
    assert found[1] == np.inf


def test_kl_of_what_is_no_distribution_is_undefined_for_that_sample_alone() -> None:
    good, bad = np.array([0.5, 0.5, 0.0]), np.array([0.6, 0.5, -0.1])
    p, r = np.array([good, good, bad]), np.array([good, bad, good])
    assert np.isnan(d.kl_per_sample(p, r, probabilities=True)).tolist() == [False, True, True]


def test_kl_keeps_nan_and_large_logits_do_not_overflow() -> None:
    p = np.array([[1000.0, 0.0], [1.0, np.nan]])
    found = d.kl_per_sample(p, np.array([[0.0, 1000.0], [1.0, 1.0]]))
    assert found[0] == pytest.approx(1000)
    assert np.isnan(found[1])


def test_kl_summary() -> None:
    summary = d.summarise_kl(np.arange(1.0, 201.0))
    assert (summary.mean, summary.median, summary.p99, summary.max) == (100.5, 100.5, 198.0, 200.0)
    assert (summary.nonfinite, summary.reason) == (0, "")
    broken = d.summarise_kl(np.array([1.0, np.nan, 2.0, np.inf, 3.0]))
    assert (broken.mean, broken.median, broken.p99, broken.max) == (None, 3.0, None, None)
    assert broken.nonfinite == 2
    assert broken.reason == "2 of 5 samples have an infinite or undefined KL"


def test_looks_like_probabilities() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4))
    assert d.looks_like_probabilities(softmax(logits, axis=1).astype(np.float32))
    assert not d.looks_like_probabilities(logits)
    assert not d.looks_like_probabilities(1 / (1 + np.exp(-logits)))


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (10, 10), (99, 99), (100, 99), (101, 100), (700, 693)])
def test_p99_is_the_nearest_rank(n: int, rank: int) -> None:
    assert d.summarise_kl(np.arange(1.0, n + 1)).p99 == rank


@pytest.mark.parametrize(
    ("row", "is_one"),
    [
        ([1.0, 0.0], True),
        ([0.6, 0.3995], True),
        ([0.6, 0.3985], False),
        ([1.00005, 0.0], False),
        ([1.0 + 5e-7, 0.0], True),
        ([1.0001, -0.0001], False),
        ([np.nan, 1.0], False),
    ],
)
def test_what_counts_as_a_distribution(row: list[float], is_one: bool) -> None:
    assert d.looks_like_probabilities(np.array([[0.5, 0.5], row])) is is_one


def test_an_all_zero_reference_says_so_for_both_figures() -> None:
    found = d.divergence(np.zeros((2, 3)), np.ones((2, 3)))
    assert (found.sqnr_db, found.nmse, found.cosine_similarity) == (None, None, None)
    assert dict(found.reasons) == {
        "sqnr_db": "the reference is all zeros",
        "nmse": "the reference is all zeros",
        "cosine_similarity": "one side is all zeros",
    }


def test_a_difference_beyond_float64_is_said_too() -> None:
    far = np.array([[1.7e308, 0.0], [-1.7e308, 0.0]])
    found = d.divergence(far, -far)
    assert (found.sqnr_db, found.reasons["sqnr_db"]) == (None, "the sum of squares is beyond float64")


def test_kl_of_logits_as_far_apart_as_float64_goes_is_infinite() -> None:
    far = np.array([[1.7e308, -1.7e308], [0.0, 0.0]])
    assert d.kl_per_sample(far, -far).tolist() == [np.inf, 0.0]
