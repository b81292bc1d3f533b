"""Error against position, against plain numpy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ContractError
from workbench.measure.positions import MAX_STRETCHES, position_errors


def _pair(sequences: int, frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal((sequences * frames, 2, 3)).astype(np.float32)
    return reference, reference + rng.standard_normal(reference.shape).astype(np.float32) * 0.01


@given(sequences=st.integers(1, 4), frames=st.integers(1, 12))
def test_every_position_is_the_ratio_of_sums_over_the_sequences(sequences: int, frames: int) -> None:
    f, q = _pair(sequences, frames)
    found = position_errors(f, q, frames)
    assert found.first_frames == tuple(range(frames))
    for position in range(frames):
        here = f[position::frames].astype(np.float64), q[position::frames].astype(np.float64)
        expected = ((here[0] - here[1]) ** 2).sum() / (here[0] ** 2).sum()
        assert found.nmse[position] == pytest.approx(expected, rel=1e-12)
        assert found.sqnr_db[position] == pytest.approx(-10 * np.log10(expected), rel=1e-12)


def test_long_sequences_come_in_stretches_that_cover_all_frames() -> None:
    f, q = _pair(2, 1234)
    found = position_errors(f, q, 1234)
    assert (found.sequences, found.frames) == (2, 1234)
    assert len(found.first_frames) == len(found.nmse) == MAX_STRETCHES
    lengths = np.diff([*found.first_frames, 1234])
    assert set(lengths) == {12, 13}
    first = np.concatenate([f[:12], f[1234:1246]]).astype(np.float64)
    other = np.concatenate([q[:12], q[1234:1246]]).astype(np.float64)
    assert found.nmse[0] == pytest.approx(((first - other) ** 2).sum() / (first**2).sum(), rel=1e-12)


def test_a_drift_shows_as_falling_sqnr() -> None:
    f = np.ones((30, 4), np.float32)
    q = f + 1e-3 * np.tile(np.arange(1, 11), 3)[:, None].astype(np.float32)
    found = position_errors(f, q, 10).sqnr_db
    assert all(a is not None and b is not None and a > b for a, b in pairwise(found))
    assert found[0] == pytest.approx(60, abs=0.01)
    assert found[-1] == pytest.approx(40, abs=0.01)


def test_nothing_is_made_up_where_there_is_no_ratio() -> None:
    f = np.asarray([[0.0], [1.0], [1.0], [1.0]], np.float32)
    q = np.asarray([[1.0], [1.0], [np.nan], [2.0]], np.float32)
    found = position_errors(f, q, 4)
    assert found.nmse == (None, 0.0, None, 1.0)
    assert found.sqnr_db == (None, None, None, 0.0)


def test_a_cut_off_sequence_is_a_bug_of_the_caller() -> None:
    f, q = _pair(1, 7)
    with pytest.raises(ContractError, match="7 frames are no whole number of sequences of 3"):
        position_errors(f, q, 3)
