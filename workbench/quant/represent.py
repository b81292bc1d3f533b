"""How well calibration represents evaluation: the share of values beyond what the plan's codes can hold."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from workbench.quant.affine import real_range
from workbench.quant.calibrate import SampleSource, Watch, default_threads, spread, used_samples
from workbench.quant.equalize import equalized
from workbench.quant.plan import QuantPlan
from workbench.quant.smoothing import smoothed


@dataclass(frozen=True)
class TensorShare:
    """One tensor on the evaluation samples.

    Attributes:
        beyond_clip: share (0..1) of values outside what the codes hold, real_range(parameters).
        beyond_observed: share (0..1) outside the [min, max] seen in calibration.
        minimum, maximum: extremes on the evaluation samples.
    """

    name: str
    beyond_clip: float
    beyond_observed: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Representation:
    """All tensors together.

    Attributes:
        n: number of samples looked at.
        beyond_clip, beyond_observed: shares over all values of all tensors, each value counting once.
        tensors: every tensor with a range of its own, worst (beyond_clip) first.
    """

    n: int
    beyond_clip: float
    beyond_observed: float
    tensors: tuple[TensorShare, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        rows = [
            {
                "name": row.name,
                "beyond_clip": row.beyond_clip,
                "beyond_observed": row.beyond_observed,
                "min": row.minimum,
                "max": row.maximum,
            }
            for row in self.tensors
        ]
        return {
            "n": self.n,
            "beyond_clip": self.beyond_clip,
            "beyond_observed": self.beyond_observed,
            "tensors": rows,
        }


def representation(
    canonical: onnx.ModelProto,
    plan: QuantPlan,
    samples: SampleSource,
    progress: Callable[[int, int, str], None],
    check_cancelled: Callable[[], None],
    limit: int = 200,
) -> Representation:
    """Run the first `limit` evaluation samples in float32 and count values beyond the clip; streamed.

    Non-finite values count as beyond. A plan without activations gives no tensors and shares of 0.

    Raises:
        ModelError: the model cannot be run.  DataError: there are no samples.
    """
    names = [name for name in plan.tensors if name in plan.ranges]
    if not names:
        return Representation(0, 0.0, 0.0, ())
    first = _First(samples, limit)
    counters = [_Counter(plan, names) for _ in range(default_threads())]
    model = equalized(smoothed(canonical, plan), plan)
    spread(model, names, first, Watch(progress, check_cancelled, "Checking ranges"), counters)
    tallies = {name: _total([counter.tallies[name] for counter in counters]) for name in names}
    total = sum(tally.n for tally in tallies.values())
    rows = sorted((tally.row() for tally in tallies.values()), key=lambda row: (-row.beyond_clip, row.name))
    return Representation(
        used_samples(canonical, first),
        sum(tally.clipped for tally in tallies.values()) / total,
        sum(tally.unseen for tally in tallies.values()) / total,
        tuple(rows),
    )


class _Counter:
    """Tallies of several tensors, kept by one thread."""

    def __init__(self, plan: QuantPlan, names: Sequence[str]) -> None:
        self.tallies = {name: _Tally(plan, name) for name in names}

    def __call__(self, name: str, values: npt.NDArray[np.float32]) -> None:
        self.tallies[name].count(values)


class _Tally:
    def __init__(self, plan: QuantPlan, name: str) -> None:
        self.name, self.n, self.clipped, self.unseen = name, 0, 0, 0
        self._clip = real_range(plan.tensors[name])
        self._seen = plan.ranges[name]["min"], plan.ranges[name]["max"]
        self.minimum, self.maximum = np.inf, -np.inf

    def count(self, values: npt.NDArray[np.float32]) -> None:
        self.n += values.size
        self.clipped += _outside(values, self._clip)
        self.unseen += _outside(values, self._seen)
        self.minimum = min(self.minimum, float(values.min(initial=np.inf)))
        self.maximum = max(self.maximum, float(values.max(initial=-np.inf)))

    def row(self) -> TensorShare:
        n = max(self.n, 1)
        return TensorShare(self.name, self.clipped / n, self.unseen / n, self.minimum, self.maximum)


def _total(tallies: Sequence[_Tally]) -> _Tally:
    """Take the others' counts into the first, and return it."""
    total, *others = tallies
    for other in others:
        total.n, total.clipped, total.unseen = (
            total.n + other.n,
            total.clipped + other.clipped,
            total.unseen + other.unseen,
        )
        total.minimum, total.maximum = min(total.minimum, other.minimum), max(total.maximum, other.maximum)
    return total


def _outside(values: npt.NDArray[np.float32], limits: tuple[float, float]) -> int:
    inside = (values >= np.float32(limits[0])) & (values <= np.float32(limits[1]))
    return int(values.size - np.count_nonzero(inside))


class _First:
    """The first samples of a source."""

    def __init__(self, samples: SampleSource, limit: int) -> None:
        self._samples = samples
        self.n = min(samples.n, limit)
        self.sha256, self.feedback = samples.sha256, samples.feedback

    def batches(self, batch: int, start: int = 0) -> Generator[dict[str, npt.NDArray[Any]], None, None]:
        """Yield batches until `n` samples have come."""
        left = self.n - start
        batches = self._samples.batches(batch, start)
        try:
            for arrays in batches:
                yield {name: array[:left] for name, array in arrays.items()}
                left -= min(len(array) for array in arrays.values())
                if left <= 0:
                    return
        finally:
            if isinstance(batches, Generator):
                batches.close()
