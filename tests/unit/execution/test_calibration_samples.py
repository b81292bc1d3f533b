"""Calibration samples for a tool-chain: the feeds of our own calibration, in the same order, read when asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DataError, JobCancelledError
from workbench.execution.calibration_samples import CalibrationSamples
from workbench.execution.worker import Channel
from workbench.model.data import DataSpec, Samples, open_samples, scan
from workbench.model.graph import TensorSpec
from workbench.model.preprocess import Preprocess
from workbench.quant.calibrate import runs

N = 11


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Eleven rows in a shuffled order."""
    path = tmp_path_factory.mktemp("samples") / "samples.npz"
    np.savez(path, x=np.arange(N * 4, dtype=np.float32).reshape(N, 4))
    spec = DataSpec("arrays", path, labels="", limit=None)
    return open_samples(spec, scan(spec), Preprocess(), (TensorSpec("x", "float32", ("N", 4)),))


def nothing(number: int, total: int) -> None:
    """Nobody watches."""


def rows(feeds: Any) -> list[list[float]]:
    return [item["x"].tolist() for item in feeds]


@pytest.mark.parametrize("step", [1, 2, 3, 11])
def test_they_are_the_runs_of_our_own_calibration(samples: Samples, step: int) -> None:
    found = CalibrationSamples(samples, step, nothing)
    ours = rows(runs(samples, step))
    assert rows(found) == ours
    assert rows(found) == ours, "they can be gone through again"
    assert len(found) == len(ours) == N // step
    assert rows(found[place] for place in range(len(found))) == ours


@settings(max_examples=50, deadline=None)
@given(step=st.integers(1, 5), start=st.integers(-12, 12), stop=st.integers(-12, 12))
def test_slices_and_negative_places_are_those_of_a_list(samples: Samples, step: int, start: int, stop: int) -> None:
    found = CalibrationSamples(samples, step, nothing)
    whole = rows(found)
    assert rows(found[start:stop]) == whole[start:stop]
    if -len(whole) <= start < len(whole):
        assert found[start]["x"].tolist() == whole[start]
    else:
        with pytest.raises(IndexError):
            found[start]


def test_what_was_read_is_counted_and_told(samples: Samples) -> None:
    told: list[tuple[int, int]] = []
    found = CalibrationSamples(samples, 2, lambda *item: told.append(item))
    assert found.used == 0
    _ = found[1]
    assert (found.used, told) == (2, [(1, 5)])
    list(found)
    assert found.used == 5
    assert told[1:] == [(place, 5) for place in range(5)]


def test_a_cancel_is_let_through(samples: Samples, tmp_path: Path) -> None:
    channel = Channel(io.StringIO(), tmp_path)
    found = CalibrationSamples(samples, 1, lambda number, total: channel.check_cancelled())
    stream = iter(found)
    next(stream)
    channel.take({"command": "cancel"})
    with pytest.raises(JobCancelledError):
        next(stream)


def test_too_few_samples_are_the_users_mistake(samples: Samples) -> None:
    with pytest.raises(DataError, match="11 samples are too few"):
        CalibrationSamples(samples, 12, nothing)
