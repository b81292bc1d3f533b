"""Array files as samples: sequences of frames for models whose outputs are fed back. Independent rows: test_samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DataError
from workbench.model.array_samples import array_reader, sequence_reader
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import Preprocess
from workbench.model.samples import Samples, open_samples
from workbench.model.scan import DataSpec, scan

INPUTS = (TensorSpec("x", "float32", (1, 2)), TensorSpec("state", "float32", (1, 3)))
STATE = {"state": "next"}
RNG = np.random.default_rng(0)


def sequences(count: int = 4, frames: int = 5) -> np.ndarray:
    return RNG.standard_normal((count, frames, 2)).astype(np.float32)


def spec_of(root: Path, frames: int | None = None, **arrays: np.ndarray) -> DataSpec:
    np.savez(root / "x.npz", **arrays)
    return DataSpec("arrays", root / "x.npz", frames=frames)


def opened(spec: DataSpec) -> Samples:
    return open_samples(spec, scan(spec), Preprocess(), INPUTS, state=STATE)


def fed(samples: Samples, start: int = 0, prefetch: int = 0) -> np.ndarray:
    return np.concatenate([feeds["x"] for feeds in samples.batches(1, start=start, prefetch=prefetch)])


@pytest.mark.parametrize("prefetch", [0, 2])
def test_frames_of_a_sequence_follow_one_another_and_sequences_are_shuffled(tmp_path, prefetch):
    x = sequences()
    samples = opened(spec_of(tmp_path, x=x))
    assert samples.n == 20
    assert samples.feedback is not None
    assert samples.feedback.frames == 5
    order = np.random.default_rng(0).permutation(4)
    np.testing.assert_array_equal(fed(samples, prefetch=prefetch), x[order].reshape(20, 2))
    np.testing.assert_array_equal(fed(samples, start=7), x[order].reshape(20, 2)[7:])
    assert all(list(feeds) == ["x"] for feeds in samples.batches(1, prefetch=0))


def test_one_long_row_of_frames_is_cut_into_sequences_and_gives_the_same(tmp_path):
    x = sequences()
    whole = opened(spec_of(tmp_path, x=x))
    (tmp_path / "cut").mkdir()
    cut = opened(spec_of(tmp_path / "cut", frames=5, x=x.reshape(20, 2)))
    np.testing.assert_array_equal(fed(cut), fed(whole))
    assert cut.sha256 == whole.sha256
    assert sorted(cut.names) == ["x.npz[0:5]", "x.npz[10:15]", "x.npz[15:20]", "x.npz[5:10]"]


def test_frames_that_fill_no_sequence_are_left_out_and_noted(tmp_path):
    spec = spec_of(tmp_path, frames=8, x=sequences().reshape(20, 2), labels=np.zeros(20, np.int64))
    index = scan(spec)
    assert index.n == 2
    assert index.labels is None
    assert index.notes == ("the last 4 frames fill no sequence of 8, left out",)
    with pytest.raises(DataError, match="20 frames, fewer than one sequence of 21"):
        scan(replace(spec, frames=21))


def test_the_state_starts_from_zeros_or_from_its_array(tmp_path):
    plain = opened(spec_of(tmp_path, x=sequences()))
    np.testing.assert_array_equal(plain.feedback.start_of(3)["state"], np.zeros((1, 3), np.float32))
    start = RNG.standard_normal((4, 1, 3)).astype(np.float32)
    given = opened(spec_of(tmp_path, x=sequences(), state=start))
    order = np.random.default_rng(0).permutation(4)
    for sequence in range(4):
        np.testing.assert_array_equal(given.feedback.start_of(sequence)["state"], start[order[sequence]])
    assert given.sha256 != plain.sha256


def test_the_hash_covers_what_is_fed_back(tmp_path):
    spec = spec_of(tmp_path, x=sequences())
    other = open_samples(spec, scan(spec), Preprocess(), INPUTS, state={"state": "other"})
    assert opened(spec).sha256 != other.sha256


@pytest.mark.parametrize(
    ("frames", "arrays", "message"),
    [
        (None, {"x": np.zeros((20, 2), np.float32)}, "Its rows look like frames: give frames = N"),
        (None, {"x": np.zeros((4, 5, 7), np.float32)}, r"sequences of \[5, 7\], the input x takes \[frames, 2\]"),
        (None, {"y": np.zeros((4, 5, 2), np.float32), "z": np.zeros((4, 1))}, "lacks the input x"),
        (None, {"x": np.zeros((4, 5, 2), np.complex64)}, "has complex64, the input x takes float32"),
        (None, {"x": np.zeros((4, 5, 2), np.float32), "state": np.zeros((4, 3), np.float32)},
         r"starts the state state with \[3\], the input takes \[1, 3\]"),
        (5, {"x": np.zeros((20, 2), np.float32), "state": np.zeros((20, 3), np.float32)},
         "holds the state state for every frame"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused_in_one_line(tmp_path, frames, arrays, message):
    with pytest.raises(DataError, match=message) as caught:
        opened(spec_of(tmp_path, frames, **arrays))
    assert "\n" not in str(caught.value)


def test_inputs_that_differ_in_their_frames_are_refused(tmp_path):
    spec = spec_of(tmp_path, x=sequences(), y=np.zeros((4, 6, 2), np.float32))
    inputs = (*INPUTS, TensorSpec("y", "float32", (1, 2)))
    with pytest.raises(DataError, match="differ in their frames: 5, 6"):
        sequence_reader(spec, scan(spec), Preprocess(), inputs, STATE)


def test_a_sequence_changed_after_opening_is_named(tmp_path):
    x = sequences()
    spec = spec_of(tmp_path, x=x)
    samples = opened(spec)
    data = bytearray(spec.path.read_bytes())
    data[data.index(x[2].tobytes())] ^= 1
    spec.path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"x\.npz\[2\] changed since"):
        fed(samples)


def test_rows_of_frames_without_a_state_are_one_row_per_sample(tmp_path):
    spec = spec_of(tmp_path, frames=5, x=sequences().reshape(20, 2))
    read = array_reader(spec, scan(spec), Preprocess(), (TensorSpec("x", "float32", ("N", 5, 2)),))
    assert read(range(1, 3))["x"].shape == (2, 5, 2)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 7), count=st.integers(1, 5), cut=st.data())
def test_any_range_of_frames_is_that_part_of_all(tmp_path_factory, frames, count, cut):
    x = np.arange(count * frames * 2, dtype=np.float32).reshape(count, frames, 2)
    spec = spec_of(tmp_path_factory.mktemp("any"), x=x)
    read, feedback = sequence_reader(spec, scan(spec), Preprocess(), INPUTS, STATE)
    assert feedback.frames == frames
    whole = x[np.random.default_rng(0).permutation(count)].reshape(-1, 2)
    start = cut.draw(st.integers(0, len(whole) - 1))
    stop = cut.draw(st.integers(start + 1, len(whole)))
    np.testing.assert_array_equal(read(range(start, stop))["x"], whole[start:stop])
