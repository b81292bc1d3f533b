"""One streaming pass over the calibration samples: a histogram for every tensor asked for.

The model always runs one sample at a time (or its own fixed batch). A kernel is free to add up in another order at
another batch size; with one size, floats, and with them a plan, cannot depend on how the samples were batched.
Several threads each run samples and count them; counts add up exactly, so neither their number nor the order matters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from workbench.errors import ContractError, DataError, ModelError
from workbench.model.feedback import Carry, Feedback
from workbench.quant.observers import Histogram, Observer, merge
from workbench.quant.pieces import PieceSession, Take, save_apart
from workbench.reference import ReferenceSession

Arrays = Mapping[str, npt.NDArray[Any]]
_CHUNK = 8
_PATIENCE_S = 0.1
"""How long a cancel request may go unseen while runs are under way."""


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


def observe(
    model: onnx.ModelProto, names: Sequence[str], samples: SampleSource, watch: Watch, threads: int | None = None
) -> dict[str, Histogram]:
    """Return the histogram of each named float32 tensor over all samples.

    Memory does not grow with the samples: the model's weights, per thread the tensors of one piece of it, and the
    counts, at most 1 MB per tensor and thread.

    Args:
        threads: how many run samples, each on one core; two at most unless said. The result does not depend on it.

    Raises:
        ModelError: a tensor holds NaN or infinity (named, with the count), or the model cannot be run.
        DataError: there are no samples.
    """
    counters = [_Counter(names) for _ in range(threads or default_threads())]
    spread(model, names, samples, watch, counters)
    histograms = merge_calibrations(counter.histograms() for counter in counters)
    _refuse_non_finite(histograms)
    return histograms


def merge_calibrations(parts: Iterable[Mapping[str, Histogram]]) -> dict[str, Histogram]:
    """Return what `observe` would have returned for the samples of all parts together, bit for bit, in any order.

    Raises:
        ContractError: the parts do not hold the same tensors.
    """
    together = list(parts)
    if len({frozenset(part) for part in together}) > 1:
        raise ContractError("calibrations of different tensors cannot be merged")
    return {name: merge(part[name] for part in together) for name in (together[0] if together else ())}


def default_threads() -> int:
    """Return 2, or 1 on a machine of one core: each thread needs memory of its own."""
    return min(2, os.cpu_count() or 1)


def spread(
    model: onnx.ModelProto, names: Sequence[str], samples: SampleSource, watch: Watch, takers: Sequence[Take]
) -> None:
    """Run all samples as `stream` does and hand every value of the named float32 tensors to some taker.

    Each taker is called by one thread at a time, with a tensor's name and its values of one run; the order of runs,
    of tensors and of the values in a tensor is not defined. A recurrent model runs in order, for the first taker.

    Raises:
        ModelError: the model cannot be run.  DataError: there are not enough samples for one run.
    """
    step = _step(model, samples)
    if samples.feedback is not None:
        _take_in_order(stream(model, names, samples, watch), names, takers[0])
        return
    with (
        PieceSession(model, names) as session,
        closing(runs(samples, step)) as feeds_of_runs,
        ThreadPoolExecutor(len(takers), "calibration") as pool,
    ):
        workers = _Workers(pool, session, list(takers), samples.n, step, watch)
        try:
            for feeds in feeds_of_runs:
                workers.start(feeds)
            workers.wait_for_all()
        except BaseException:
            session.stop()
            raise


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
    step = _step(model, samples)
    done, carry = 0, Carry(samples.feedback)
    asked = list(dict.fromkeys((*wanted, *carry.outputs)))
    with _whole_session(model, asked) as session, closing(runs(samples, step)) as feeds_of_runs:
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


class _Counter:
    """Counts the values of several tensors."""

    def __init__(self, names: Iterable[str]) -> None:
        self._observers = {name: Observer() for name in names}

    def __call__(self, name: str, values: npt.NDArray[Any]) -> None:
        self._observers[name].observe(values)

    def histograms(self) -> dict[str, Histogram]:
        return {name: observer.histogram() for name, observer in self._observers.items()}


class _Workers:
    """Runs under way: as many as there are takers, each with one of its own."""

    def __init__(
        self, pool: ThreadPoolExecutor, session: PieceSession, takers: list[Take], total: int, step: int, watch: Watch
    ) -> None:
        self._pool, self._session, self._free = pool, session, takers
        self._done, self._total, self._step, self._watch = 0, total, step, watch
        self._busy: dict[Future[None], Take] = {}

    def start(self, feeds: Arrays) -> None:
        """Begin a run as soon as a taker is free."""
        self._watch.check_cancelled()
        while not self._free:
            self._collect()
        taker = self._free.pop()
        self._busy[self._pool.submit(self._session.run, feeds, taker)] = taker

    def wait_for_all(self) -> None:
        while self._busy:
            self._collect()

    def _collect(self) -> None:
        """Wait a little for a run to end, and report those that have."""
        for run in wait(self._busy, _PATIENCE_S, FIRST_COMPLETED).done:
            self._free.append(self._busy.pop(run))
            run.result()
            self._done += self._step
            self._watch.progress(self._done, self._total, self._watch.text)
        self._watch.check_cancelled()


@contextmanager
def _whole_session(model: onnx.ModelProto, outputs: Sequence[str]) -> Iterator[ReferenceSession]:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.onnx"
        save_apart(model, outputs or [model.graph.node[-1].output[0]], path)
        with ReferenceSession(path) as session:
            yield session


def _take_in_order(runs: Generator[dict[str, npt.NDArray[Any]]], names: Sequence[str], taker: Take) -> None:
    with closing(runs):
        for values in runs:
            for name in names:
                taker(name, values[name])


def _step(model: onnx.ModelProto, samples: SampleSource) -> int:
    step = fixed_batch(model) or 1
    if samples.n < step:
        raise DataError(f"{samples.n} samples are too few", how=f"Give at least {step}.")
    return step


def _refuse_non_finite(histograms: Mapping[str, Histogram]) -> None:
    for name, histogram in histograms.items():
        if histogram.non_finite:
            raise ModelError(
                f"Tensor {name} holds {histogram.non_finite} NaN or infinite values of {histogram.n}",
                why="they appear on the calibration samples in float32",
                how="Check the model and the preprocessing; a range cannot be found for such values.",
            )
