"""How far a second engine moves the answers, in words: figures on known arrays, what is kept, what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_plugins.ort_nvidia.rebuild import MOST_RUNS, KeptRuns, noise_words, told

from workbench.errors import ModelError
from workbench.spi import RuntimeUnavailableError

LOGITS = np.array([[1.0, 2.0], [4.0, 3.0]], np.float32)


def test_nothing_moves() -> None:
    assert noise_words([(LOGITS, LOGITS.copy())] * 3, 3) == "none: bit-equal in 3 runs"


def test_differences_are_told_in_three_figures() -> None:
    other = LOGITS + np.array([[1.5, 0.0], [0.0, 0.0]], np.float32)
    assert noise_words([(LOGITS, other)], 1) == (
        "largest difference 1.5, nmse 7.50e-02, 1 of 2 answers changed, in 1 run"
    )


def test_only_rows_of_classes_are_answers() -> None:
    image = np.ones((1, 2, 2, 2), np.float32)
    assert noise_words([(image, image * 2)], 1) == "largest difference 1, nmse 1.00e+00, in 1 run"
    assert noise_words([(image * 0, image)], 1).startswith("largest difference 1, nmse inf")


@given(st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=6), st.integers(0, 5), st.floats(0.125, 4, width=32))
def test_one_moved_value_is_never_called_none(values: list[float], place: int, step: float) -> None:
    first = np.array([values], np.float32)
    second = first.copy()
    second[0, place % len(values)] += step
    words = noise_words([(first, second)], 1)
    assert words.startswith("largest difference"), words


def test_the_first_runs_are_kept_as_copies() -> None:
    kept, feed = KeptRuns(is_wanted=True), np.zeros(3, np.float32)
    for _ in range(MOST_RUNS + 5):
        kept.keep({"x": feed}, {"y": feed})
    feed += 1
    assert len(kept.runs) == MOST_RUNS
    assert kept.noise(lambda feeds: {"y": feeds["x"]}) == f"none: bit-equal in {MOST_RUNS} runs"
    assert "largest difference 2" in kept.noise(lambda feeds: {"y": feeds["x"] + 2})


def test_nothing_is_kept_where_nobody_asked() -> None:
    kept = KeptRuns(is_wanted=False)
    kept.keep({"x": LOGITS}, {"y": LOGITS})
    assert kept.runs == []
    assert kept.noise(lambda feeds: {}) == "not measured: nothing was run before"


@pytest.mark.parametrize("error", [ModelError("no engine"), RuntimeUnavailableError("no memory")])
def test_a_second_engine_that_fails_costs_no_answers(error: Exception) -> None:
    def fails() -> str:
        raise error

    assert told(fails) == f"not measured: {error}"
    assert told(lambda: "fine") == "fine"
