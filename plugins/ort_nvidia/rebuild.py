"""What a second engine of the same file does to the answers: TensorRT chooses its kernels anew in every build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ModelError
from workbench.spi import Arrays, RuntimeUnavailableError

MOST_RUNS = 16
Answers = Mapping[str, npt.NDArray[Any]]


class KeptRuns:
    """The first runs of a session, feeds and answers, where a second engine is to be compared with them.

    Args:
        is_wanted: nothing is kept otherwise.
    """

    def __init__(self, *, is_wanted: bool) -> None:
        self.runs: list[tuple[Answers, Answers]] = []
        self._missing = MOST_RUNS if is_wanted else 0

    def keep(self, feeds: Arrays, answers: Answers) -> None:
        """Keep copies of one run, of the first MOST_RUNS alone."""
        if self._missing:
            self.runs.append((_copied(feeds), _copied(answers)))
            self._missing -= 1

    def noise(self, second: Callable[[Arrays], Answers]) -> str:
        """Give the kept feeds to a second engine and return in words how far its answers are from the first's."""
        pairs = [(answers, second(feeds)) for feeds, answers in self.runs]
        return noise_words([(first[name], other[name]) for first, other in pairs for name in first], len(pairs))


def told(words: Callable[[], str]) -> str:
    """Return what a comparison says, or why there is none: answers that are there are not lost with it."""
    try:
        return words()
    except (ModelError, RuntimeUnavailableError) as error:
        return f"not measured: {error}"


def noise_words(pairs: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]], runs: int) -> str:
    """Return how far answers of a second engine lie from the first's: (first, second) per run and output.

    The largest absolute difference, nmse = sum (a-b)^2 / sum a^2, and of outputs [N, classes] the rows whose largest
    value is another one.
    """
    if not pairs:
        return "not measured: nothing was run before"
    if all(first.tobytes() == second.tobytes() for first, second in pairs):
        return f"none: bit-equal in {_counted(runs)}"
    wide = [(first.astype(np.float64), second.astype(np.float64)) for first, second in pairs]
    largest = max(float(np.abs(first - second).max(initial=0.0)) for first, second in wide)
    power = sum(float(np.square(first).sum()) for first, _ in wide)
    nmse = sum(float(np.square(first - second).sum()) for first, second in wide) / power if power else float("inf")
    return f"largest difference {largest:.3g}, nmse {nmse:.2e}{_answers_words(wide)}, in {_counted(runs)}"


def _answers_words(pairs: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> str:
    classes = [(a.argmax(axis=1), b.argmax(axis=1)) for a, b in pairs if a.ndim == 2 and a.shape[1] > 1]
    if not classes:
        return ""
    changed = sum(int(np.count_nonzero(first != second)) for first, second in classes)
    return f", {changed} of {sum(len(first) for first, _ in classes)} answers changed"


def _counted(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def _copied(arrays: Answers) -> Answers:
    return {name: np.array(value) for name, value in arrays.items()}
