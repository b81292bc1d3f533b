"""Calibration samples as a native tool-chain gets them: the feeds of our own calibration, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy.typing as npt

from workbench.errors import DataError
from workbench.model.data import Samples
from workbench.spi import Arrays

OnRead = Callable[[int, int], None]


class CalibrationSamples(Sequence[Arrays]):
    """Feeds of one run each, read when they are asked for; nothing is kept.

    Attributes:
        step: samples per run: 1, or the batch that the model is fixed at; a remainder is left out, as in our own
            calibration.
        used: number of runs that somebody has asked for so far, counted from the first one.

    Raises:
        DataError: there are not enough samples for one run.
    """

    def __init__(self, samples: Samples, step: int, on_read: OnRead) -> None:
        """Args: on_read: called with (run's number, runs in all) before a run is read; may raise JobCancelledError."""
        if samples.n < step:
            raise DataError(f"{samples.n} samples are too few", how=f"Give at least {step}.")
        self._samples, self.step, self._on_read = samples, step, on_read
        self.used = 0

    def __len__(self) -> int:
        """Return the number of runs."""
        return self._samples.n // self.step

    def __iter__(self) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Go through all runs in order, in one stream over the files."""
        for number, feeds in zip(range(len(self)), self._stream(0), strict=False):
            self._asked(number)
            yield feeds

    @overload
    def __getitem__(self, number: int) -> dict[str, npt.NDArray[Any]]: ...

    @overload
    def __getitem__(self, number: slice) -> list[Arrays]: ...

    def __getitem__(self, number: int | slice) -> dict[str, npt.NDArray[Any]] | list[Arrays]:
        """Return one run's feeds, or those of several; IndexError beyond the last run."""
        if isinstance(number, slice):
            return [self[place] for place in range(len(self))[number]]
        place = range(len(self))[number]
        self._asked(place)
        return next(iter(self._stream(place)))

    def _stream(self, first: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        return self._samples.batches(self.step, first * self.step, prefetch=0)

    def _asked(self, number: int) -> None:
        self._on_read(number, len(self))
        self.used = max(self.used, number + 1)
