"""The streaming pass: equal results however samples are batched, progress, cancel, non-finite findings."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
from collections.abc import Iterator, Mapping
from random import Random
from time import perf_counter

import numpy as np
import onnx
import pytest
from helpers.onnx_models import Builder, conv_relu_net, multi_io_net, nan_net, random_feeds, resnet_like
from helpers.recurrent import LSTM_STATE, lstm_net
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import ContractError, DataError, JobCancelledError, ModelError
from workbench.model.canonical import with_extra_outputs
from workbench.model.feedback import Feedback
from workbench.quant.calibrate import Watch, fixed_batch, merge_calibrations, observe, runs, stream, used_samples
from workbench.quant.observers import Histogram, Observer
from workbench.reference import ReferenceSession


class Samples:
    """Arrays in memory, handed out in batches of any size."""

    sha256 = "0" * 64
    feedback = None

    def __init__(self, arrays: dict[str, np.ndarray], forced_batch: int = 0) -> None:
        self.arrays, self.forced = arrays, forced_batch
        self.n = len(next(iter(arrays.values()))) if arrays else 0

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        size = self.forced or batch
        for at in range(start, self.n, size):
            yield {name: array[at : at + size] for name, array in self.arrays.items()}


def watch(log: list[tuple[int, int, str]] | None = None) -> Watch:
    return Watch(lambda *event: log.append(event) if log is not None else None, lambda: None)


def samples_for(model: onnx.ModelProto, n: int, forced: int = 0, seed: int = 0) -> Samples:
    return Samples(random_feeds(model, n, seed), forced)


def tensors_of(model: onnx.ModelProto) -> list[str]:
    return [node.output[0] for node in model.graph.node if node.op_type in ("Conv", "Relu", "Gemm", "Add")]


@pytest.mark.parametrize("forced", [1, 3, 16])
def test_the_batch_size_of_the_source_changes_no_bit(forced: int) -> None:
    model = resnet_like()
    names = ["input", *tensors_of(model)]
    whole = observe(model, names, samples_for(model, 7), watch())
    other = observe(model, names, samples_for(model, 7, forced), watch())
    for name in names:
        np.testing.assert_array_equal(whole[name].counts, other[name].counts)
        assert (whole[name].minimum, whole[name].maximum) == (other[name].minimum, other[name].maximum)


def test_the_order_of_the_samples_changes_no_bit() -> None:
    model = conv_relu_net()
    forward = samples_for(model, 5)
    backward = Samples({name: array[::-1] for name, array in forward.arrays.items()})
    first, second = (observe(model, tensors_of(model), data, watch()) for data in (forward, backward))
    for name, histogram in first.items():
        np.testing.assert_array_equal(histogram.counts, second[name].counts)


def test_histograms_hold_the_models_own_values() -> None:
    model = conv_relu_net()
    data = samples_for(model, 4)
    output = model.graph.output[0].name
    got = observe(model, [output, "input"], data, watch())
    expected = {name: Observer() for name in got}
    with ReferenceSession(model.SerializeToString()) as session:
        for index in range(4):
            feeds = {name: array[index : index + 1] for name, array in data.arrays.items()}
            expected[output].observe(session.run(feeds)[output])
            expected["input"].observe(feeds["input"])
    for name, observer in expected.items():
        np.testing.assert_array_equal(got[name].counts, observer.histogram().counts)


def test_a_model_of_fixed_batch_1_runs_sample_by_sample() -> None:
    model = conv_relu_net(batch=1)
    free = conv_relu_net()
    name = model.graph.output[0].name
    data = samples_for(free, 5, 5)
    assert fixed_batch(model) == 1
    assert fixed_batch(free) is None
    fixed, symbolic = (observe(one, [name], data, watch())[name] for one in (model, free))
    np.testing.assert_array_equal(fixed.counts, symbolic.counts)


def test_a_fixed_batch_above_1_takes_whole_batches_and_says_how_many_samples() -> None:
    model = conv_relu_net(batch=4)
    data = samples_for(conv_relu_net(), 10)
    assert used_samples(model, data) == 8
    name = model.graph.output[0].name
    assert observe(model, [name], data, watch())[name].n == 8 * data_width(model)
    with pytest.raises(DataError, match="too few"):
        observe(model, [name], samples_for(conv_relu_net(), 3), watch())


def data_width(model: onnx.ModelProto) -> int:
    return int(model.graph.output[0].type.tensor_type.shape.dim[1].dim_value)


def test_several_inputs_advance_together() -> None:
    model = multi_io_net()
    got = observe(model, ["image", "features", "embedding"], samples_for(model, 3), watch())
    assert got["features"].n == 18
    assert got["embedding"].n == 36


def test_runs_are_contiguous_single_samples() -> None:
    data = Samples({"x": np.arange(40, dtype=np.float32).reshape(10, 2, 2).transpose(0, 2, 1)})
    got = [feeds["x"] for feeds in runs(data, 1)]
    assert [array.shape for array in got] == [(1, 2, 2)] * 10
    assert all(array.flags["C_CONTIGUOUS"] for array in got)
    np.testing.assert_array_equal(np.concatenate(got), data.arrays["x"])


def test_non_finite_values_are_named_and_counted() -> None:
    model = nan_net()
    with pytest.raises(ModelError, match=r"Tensor log holds (\d+) NaN or infinite values of 768") as caught:
        observe(model, ["conv", "log"], samples_for(model, 3), watch())
    data = samples_for(model, 3)
    values = [arrays["log"] for arrays in stream(model, ["log"], data, watch())]
    assert str(np.count_nonzero(~np.isfinite(np.stack(values)))) in str(caught.value)


def test_no_samples_are_an_error() -> None:
    with pytest.raises(DataError, match="too few"):
        observe(conv_relu_net(), ["input"], Samples({}), watch())


def test_progress_counts_samples_and_cancelling_stops_before_the_next_run() -> None:
    model = conv_relu_net()
    log: list[tuple[int, int, str]] = []
    observe(model, ["input", "relu1"], samples_for(model, 4), watch(log))
    assert log == [(done, 4, "Calibrating") for done in (1, 2, 3, 4)]
    seen: list[int] = []

    def check() -> None:
        if len(seen) >= 2:
            raise JobCancelledError("stop")

    with pytest.raises(JobCancelledError):
        observe(model, ["relu1"], samples_for(model, 40), Watch(lambda done, *_: seen.append(done), check), threads=2)
    assert seen in ([1, 2], [1, 2, 3])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_bit(threads: int) -> None:
    model = resnet_like()
    names = ["input", *tensors_of(model)]
    data = samples_for(model, 9, seed=5)
    assert_same(observe(model, names, data, watch(), threads), observe(model, names, data, watch()))


def assert_same(first: Mapping[str, Histogram], second: Mapping[str, Histogram]) -> None:
    assert first.keys() == second.keys()
    for name, histogram in first.items():
        np.testing.assert_array_equal(histogram.counts, second[name].counts)
        assert (histogram.minimum, histogram.maximum) == (second[name].minimum, second[name].maximum)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 7), unique=True, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_parts_calibrated_apart_merge_to_the_whole(places: list[int], random: Random) -> None:
    model = resnet_like()
    names = ["input", *tensors_of(model)]
    data = samples_for(model, 8).arrays["input"]
    borders = sorted({0, *places, 8})
    parts = [
        observe(model, names, Samples({"input": data[start:stop]}), watch())
        for start, stop in itertools.pairwise(borders)
    ]
    random.shuffle(parts)
    assert_same(merge_calibrations(parts), observe(model, names, Samples({"input": data}), watch()))


def test_parts_of_other_tensors_are_not_merged() -> None:
    model = conv_relu_net()
    one, other = (observe(model, [name], samples_for(model, 1), watch()) for name in ("relu1", "relu2"))
    with pytest.raises(ContractError, match="different tensors"):
        merge_calibrations([one, other])
    assert merge_calibrations([]) == {}


class Endless(Samples):
    """Gives the same sample again and again."""

    n = 1_000_000

    def batches(self, batch: int, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        for _ in range(self.n):
            yield {name: array[:1] for name, array in self.arrays.items()}


def test_cancelling_takes_less_than_a_second_and_leaves_no_thread() -> None:
    """One run takes seconds here: it is ended at its next node, not waited for."""
    b = Builder(0)
    x = "input"
    for layer in range(40):
        x = b.node("Relu", [b.conv(f"conv{layer}", x, 16 if layer else 3, 16)], f"relu{layer}")
    model = b.model({"input": ["N", 3, 512, 512]}, {x: ["N", 16, 512, 512]})
    asked = threading.Event()
    cancelled_at: list[float] = []

    def check() -> None:
        if asked.is_set():
            cancelled_at.append(perf_counter())
            raise JobCancelledError("stop")

    names = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    before = set(threading.enumerate())
    data = Endless({"input": np.ones((1, 3, 512, 512), np.float32)})
    timer = threading.Timer(1.0, asked.set)
    timer.start()
    with pytest.raises(JobCancelledError):
        observe(model, names, data, Watch(lambda *_: None, check))
    assert perf_counter() - cancelled_at[0] < 1.0
    timer.join()
    assert set(threading.enumerate()) <= before


def test_an_error_while_running_reaches_the_caller_and_leaves_no_thread() -> None:
    model = conv_relu_net()
    wrong = Samples({"input": np.zeros((6, 3, 16, 17), np.float32)})
    broken = Samples({"input": np.zeros((6, 4, 16, 16), np.float32)})
    before = set(threading.enumerate())
    for data in (wrong, broken):
        with pytest.raises(ModelError, match="cannot be run"):
            observe(model, ["relu1"], data, watch())
    assert set(threading.enumerate()) <= before


def test_memory_does_not_grow_with_the_samples() -> None:
    model = conv_relu_net()
    names = ["input", *tensors_of(model)]
    peaks = []
    for n in (100, 600):
        data = Endless(random_feeds(model, 1, 0))
        data.n = n
        tracemalloc.start()
        observe(model, names, data, watch())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]


class Frames(Samples):
    """Sequences of frames, one after another, whose state is fed back."""

    def __init__(self, frames: np.ndarray, feedback: Feedback) -> None:
        super().__init__({"frame": frames})
        self.feedback = feedback


def test_a_recurrent_model_is_counted_in_order_whatever_the_threads() -> None:
    model = lstm_net()
    frames = np.random.default_rng(0).standard_normal((6, 1, 8)).astype(np.float32)
    samples = Frames(
        frames, Feedback(LSTM_STATE, 3, {name: np.zeros((1, 1, 1, 16), np.float32) for name in LSTM_STATE})
    )
    expected = {name: Observer() for name in ("scores", "h", "frame")}
    for arrays in stream(model, list(expected), samples, watch()):
        for name, observer in expected.items():
            observer.observe(arrays[name])
    got = observe(model, list(expected), samples, watch(), threads=3)
    assert_same(got, {name: observer.histogram() for name, observer in expected.items()})


def test_a_recurrent_model_gets_its_own_state_back_and_starts_anew_with_every_sequence() -> None:
    model = lstm_net()
    frames = np.random.default_rng(0).standard_normal((6, 1, 8)).astype(np.float32)
    zeros = {name: np.zeros((1, 1, 1, 16), np.float32) for name in LSTM_STATE}
    samples = Frames(frames, Feedback(LSTM_STATE, 3, zeros))
    got = [(arrays["scores"], arrays["h"]) for arrays in stream(model, ["scores", "h"], samples, watch())]
    with ReferenceSession(with_extra_outputs(model, ["scores"]).SerializeToString()) as session:
        state: dict[str, np.ndarray] = {}
        for number, (scores, h) in enumerate(got):
            state = {name: values[0] for name, values in zeros.items()} if number % 3 == 0 else state
            outputs = session.run({"frame": frames[number : number + 1], **state})
            np.testing.assert_array_equal(scores, outputs["scores"])
            np.testing.assert_array_equal(h, state["h"])
            state = {name: outputs[output] for name, output in LSTM_STATE.items()}
