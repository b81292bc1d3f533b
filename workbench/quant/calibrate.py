"""One streaming pass over the calibration samples: a histogram for every tensor asked for.

The model always runs one sample at a time (or its own fixed batch). A kernel is free to add up in another order at
another batch size; with one size, floats, and with them a plan, cannot depend on how the samples were batched.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from workbench.errors import DataError, ModelError
from workbench.model.canonical import with_extra_outputs
from workbench.model.feedback import Carry, Feedback
from workbench.quant.observers import Histogram, Observer
from workbench.reference import ReferenceSession

Arrays = Mapping[str, npt.NDArray[Any]]
_CHUNK = 8


class SampleSource(Protocol):
    """What calibration needs of a set of samples; `workbench.model.data.Samples` is one."""

    @property
    def n(self) -> int:
        """Number of samples."""

    @property
    def sha256(self) -> str:
        """Hash of content, preprocessing and order."""

    @property
    def feedback(self) -> Feedback | None:
        """How a recurrent model's state goes from sample to sample; None for independent samples."""

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Yield input name -> array with the samples along axis 0; the last batch may be short."""


@dataclass(frozen=True)
class Watch:
    """Who watches a pass: told of every run, asked before every run.

    Attributes:
        progress: called with (samples done, samples in all, text).
        check_cancelled: raises JobCancelledError when the user asked to stop.
        text: what is being done.
    """

    progress: Callable[[int, int, str], None]
    check_cancelled: Callable[[], None]
    text: str = "Calibrating"


def observe(model: onnx.ModelProto, names: Sequence[str], samples: SampleSource, watch: Watch) -> dict[str, Histogram]:
    """Return the histogram of each named float32 tensor over all samples.

    Memory: 512 KB per tensor, the model, and one sample's tensors, whatever the number of samples.

    Raises:
        ModelError: a tensor holds NaN or infinity (named, with the count), or the model cannot be run.
        DataError: there are no samples.
    """
    observers = {name: Observer() for name in names}
    with closing(stream(model, names, samples, watch)) as values:
        for arrays in values:
            for name, observer in observers.items():
                observer.observe(arrays[name])
    histograms = {name: observer.histogram() for name, observer in observers.items()}
    _refuse_non_finite(histograms)
    return histograms


def stream(
    model: onnx.ModelProto, names: Sequence[str], samples: SampleSource, watch: Watch
) -> Generator[dict[str, npt.NDArray[Any]], None, None]:
    """Yield the values of the named tensors, sample by sample (graph inputs come from the feeds).

    A model with a fixed batch of k > 1 gets k samples at a time; a remainder of fewer than k is left out. A recurrent
    model gets back what it gave itself at the sample before.

    Raises:
        ModelError: the model cannot be run.  DataError: there are not enough samples for one run.
    """
    inputs = {value.name for value in model.graph.input}
    wanted = [name for name in names if name not in inputs]
    step = fixed_batch(model) or 1
    if samples.n < step:
        raise DataError(f"{samples.n} samples are too few", how=f"Give at least {step}.")
    data = with_extra_outputs(model, wanted).SerializeToString()
    with ReferenceSession(data, optimized=True) as session, closing(runs(samples, step)) as feeds_of_runs:
        done, carry = 0, Carry(samples.feedback)
        asked = list(dict.fromkeys((*wanted, *carry.outputs)))
        for inputs_of_run in feeds_of_runs:
            watch.check_cancelled()
            feeds = carry.feeds(done, inputs_of_run)
            values = session.run(feeds, asked)
            carry.keep(values)
            values.update({name: feeds[name] for name in names if name in inputs})
            yield values
            done += step
            watch.progress(done, samples.n, watch.text)


def used_samples(model: onnx.ModelProto, samples: SampleSource) -> int:
    """Return how many samples `stream` runs: all, or the multiple of a fixed batch."""
    step = fixed_batch(model) or 1
    return samples.n // step * step


def fixed_batch(model: onnx.ModelProto) -> int | None:
    """Return the first axis of the first input when it is a number, else None."""
    axes = model.graph.input[0].type.tensor_type.shape.dim
    return int(axes[0].dim_value) if len(axes) and axes[0].HasField("dim_value") else None


def runs(samples: SampleSource, step: int) -> Generator[dict[str, npt.NDArray[Any]], None, None]:
    """Yield contiguous feeds of exactly `step` samples each, in order; closing it closes the samples' iterator."""
    batches = samples.batches(_CHUNK if step == 1 else step)
    try:
        for arrays in batches:
            length = min((len(array) for array in arrays.values()), default=0)
            for start in range(0, length - step + 1, step):
                yield {name: np.ascontiguousarray(array[start : start + step]) for name, array in arrays.items()}
    finally:
        if isinstance(batches, Generator):
            batches.close()


def _refuse_non_finite(histograms: Mapping[str, Histogram]) -> None:
    for name, histogram in histograms.items():
        if histogram.non_finite:
            raise ModelError(
                f"Tensor {name} holds {histogram.non_finite} NaN or infinite values of {histogram.n}",
                why="they appear on the calibration samples in float32",
                how="Check the model and the preprocessing; a range cannot be found for such values.",
            )
