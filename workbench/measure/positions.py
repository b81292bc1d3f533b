"""Error against the position in the sequence: whether a recurrent model drifts as its own state is fed back."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ContractError
from workbench.measure.divergence import sums_per_sample

MAX_STRETCHES = 100


@dataclass(frozen=True)
class PositionErrors:
    """Error of one output by position, all sequences together.

    Attributes:
        sequences, frames: how many, and how long.
        first_frames: first frame of each stretch of positions, ascending from 0; up to MAX_STRETCHES frames a stretch
            is one frame.
        nmse: sum (f-q)^2 / sum f^2 over the stretch in all sequences; None where it is not finite or f is all zeros.
    """

    sequences: int
    frames: int
    first_frames: tuple[int, ...]
    nmse: tuple[float | None, ...]

    @property
    def sqnr_db(self) -> tuple[float | None, ...]:
        """-10 log10(nmse); None where there is no NMSE or nothing differs."""
        return tuple(-10 * math.log10(value) if value else None for value in self.nmse)


def position_errors(reference: npt.NDArray[Any], output: npt.NDArray[Any], frames: int) -> PositionErrors:
    """Return the error by position.

    Args:
        reference, output: [sequences * frames, ...], the frames of a sequence one after another.

    Raises:
        ContractError: shapes differ, or the rows are no whole number of sequences.
    """
    if len(reference) % frames:
        raise ContractError(f"{len(reference)} frames are no whole number of sequences of {frames}")
    power, error = (sums.reshape(-1, frames).sum(axis=0) for sums in sums_per_sample(reference, output))
    edges = np.linspace(0, frames, min(frames, MAX_STRETCHES) + 1).astype(int)
    stretches = [slice(first, last) for first, last in itertools.pairwise(edges)]
    return PositionErrors(
        sequences=len(reference) // frames,
        frames=frames,
        first_frames=tuple(int(first) for first in edges[:-1]),
        nmse=tuple(_ratio(float(error[part].sum()), float(power[part].sum())) for part in stretches),
    )


def _ratio(error: float, power: float) -> float | None:
    ratio = error / power if power > 0 else math.nan
    return ratio if math.isfinite(ratio) else None
