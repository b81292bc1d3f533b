"""Loops, warm-up, windows, labels and percentiles, on a clock that the tests move."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from workbench.measure import latency
from workbench.measure.latency import Block, SpeedSummary, WarmUp
from workbench.measure.rates import Rate

MS = 1_000_000


class Clock:
    """A clock that only runs when told to; each reading costs `step` ns."""

    def __init__(self, step: int = 0) -> None:
        self.ns, self.step = 1_000, step

    def __call__(self) -> int:
        self.ns += self.step
        return self.ns

    def runs(self, *latencies: int) -> Callable[[], None]:
        """A run_once that takes the given latencies in turn, the last one for ever."""
        left = list(latencies)

        def run_once() -> None:
            self.ns += left.pop(0) if len(left) > 1 else left[0]

        return run_once


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(latency, "perf_counter_ns", made)
    return made


def block(latencies: list[int] | np.ndarray, start: int = 0) -> Block:
    values = np.asarray(latencies, np.int64)
    return Block(start, values, int(values.sum()))


def warm(seconds: float = 2.0, each: int = 10 * MS, steady: bool = True) -> WarmUp:
    runs = int(seconds * 1e9 / each)
    return WarmUp(seconds, runs, np.full(runs, each, np.int64), steady)


def summary(*blocks: Block, batch: int = 1, disturbed: str = "") -> SpeedSummary:
    return latency.summarise(blocks, warm(), batch, 5, disturbed)


def test_warm_up_lasts_two_seconds_and_ten_runs_when_steady_at_once(clock: Clock) -> None:
    result = latency.warm_up(clock.runs(10 * MS))
    assert result.steady
    assert result.seconds == pytest.approx(2.0)
    assert result.runs == 200 == result.latencies_ns.size
    assert latency.warm_up(clock.runs(400 * MS)).runs == 10


def test_warm_up_goes_on_while_the_latency_still_falls(clock: Clock) -> None:
    falling = [int(20 * MS * 0.985**i + 5 * MS) for i in range(600)]
    result = latency.warm_up(clock.runs(*falling), max_s=60)
    assert result.steady
    assert result.seconds > 3
    assert result.latencies_ns[-1] < 1.1 * 5 * MS


def test_warm_up_is_bounded_and_says_that_it_did_not_settle(clock: Clock) -> None:
    rising = [MS * (i + 1) for i in range(1000)]
    result = latency.warm_up(clock.runs(*rising), max_s=5)
    assert not result.steady
    assert 5 <= result.seconds < 5.2
    slow = latency.warm_up(clock.runs(30_000 * MS), max_s=10)
    assert (slow.runs, slow.steady) == (1, False)
    with pytest.raises(ValueError, match="exceeds"):
        latency.warm_up(clock.runs(MS), min_s=3, max_s=2)


def test_block_runs_for_its_time_and_ends_after_the_deadline(clock: Clock) -> None:
    result = latency.run_block(clock.runs(300 * MS), 1.0)
    assert result.latencies_ns.tolist() == [300 * MS] * 4
    assert result.latencies_ns.dtype == np.int64
    assert result.wall_ns == 1200 * MS
    assert result.start_ns == 1_000
    assert latency.run_block(clock.runs(5000 * MS), 1.0).latencies_ns.size == 1


def test_between_is_outside_the_sample_and_does_not_shorten_the_block(clock: Clock) -> None:
    seen = []

    def between(done: int) -> None:
        seen.append(done)
        clock.ns += 7000 * MS

    result = latency.run_block(clock.runs(100 * MS), 1.0, between, every=4)
    assert seen == [4, 8]
    assert result.latencies_ns.tolist() == [100 * MS] * 10
    assert result.wall_ns == 1000 * MS


def test_loop_reads_the_clock_twice_per_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking = Clock(step=50)
    monkeypatch.setattr(latency, "perf_counter_ns", ticking)
    result = latency.run_block(ticking.runs(100_000), 0.01)
    runs = result.latencies_ns.size
    assert result.wall_ns == runs * (100_000 + 2 * 50)
    assert set(result.latencies_ns.tolist()) == {100_050}


class Watch:
    """Notes every rate told, and fails where one is told inside a run."""

    def __init__(self, clock: Clock, cost: int = 0) -> None:
        self.clock, self.cost, self.inside = clock, cost, False
        self.rates: list[Rate] = []

    def runs(self, *latencies: int) -> Callable[[], None]:
        timed = self.clock.runs(*latencies)

        def run_once() -> None:
            self.inside = True
            timed()
            self.inside = False

        return run_once

    def tell(self, rate: Rate) -> None:
        assert not self.inside
        self.clock.ns += self.cost
        self.rates.append(rate)


def test_rates_are_told_about_once_a_second_and_cost_the_block_nothing(clock: Clock) -> None:
    plain = latency.run_block(clock.runs(30 * MS), 10.0)
    watch = Watch(clock, cost=500 * MS)
    watched = latency.run_block(watch.runs(30 * MS), 10.0, tell=watch.tell)
    assert watched.latencies_ns.tolist() == plain.latencies_ns.tolist()
    assert watched.wall_ns == plain.wall_ns
    assert len(watch.rates) == 10
    assert [rate.per_s for rate in watch.rates] == pytest.approx([1000 / 30] * 10)
    assert watch.rates[0].start_s == 0
    ends = [rate.start_s + rate.seconds for rate in watch.rates]
    assert [rate.start_s for rate in watch.rates[1:]] == pytest.approx(ends[:-1])
    assert ends[-1] == pytest.approx(plain.wall_ns / 1e9)


def test_rates_and_checks_share_a_block(clock: Clock) -> None:
    checked: list[int] = []

    def between(done: int) -> None:
        checked.append(done)
        clock.ns += 4000 * MS

    watch = Watch(clock)
    result = latency.run_block(watch.runs(100 * MS), 3.0, between, every=7, tell=watch.tell)
    assert checked == [7, 14, 21, 28]
    assert result.wall_ns == 3000 * MS
    assert [(rate.seconds, rate.per_s) for rate in watch.rates] == [(1.0, 10.0)] * 3


@pytest.mark.parametrize(("seconds", "told"), [(0.2, 1), (1.0, 1), (1.9, 1), (2.0, 2), (60.0, 60)])
def test_a_block_of_any_length_tells_a_rate_and_at_most_one_a_second(clock: Clock, seconds: float, told: int) -> None:
    watch = Watch(clock)
    latency.run_block(watch.runs(10 * MS), seconds, tell=watch.tell)
    assert len(watch.rates) == told


def test_runs_of_several_seconds_are_told_one_by_one(clock: Clock) -> None:
    watch = Watch(clock)
    latency.run_block(watch.runs(3000 * MS), 9.0, tell=watch.tell)
    assert [(rate.start_s, rate.seconds) for rate in watch.rates] == [(0.0, 3.0), (3.0, 3.0), (6.0, 3.0)]


def test_the_warm_up_tells_its_rates_too(clock: Clock) -> None:
    watch = Watch(clock, cost=200 * MS)
    result = latency.warm_up(watch.runs(10 * MS), tell=watch.tell)
    assert [(rate.start_s, rate.per_s) for rate in watch.rates] == [(0.0, 100.0), (1.0, 100.0)]
    assert set(result.latencies_ns.tolist()) == {10 * MS}


def test_an_error_of_the_run_reaches_the_caller() -> None:
    def run_once() -> None:
        raise RuntimeError("kernel failed")

    with pytest.raises(RuntimeError, match="kernel failed"):
        latency.run_block(run_once, 1.0)
    with pytest.raises(RuntimeError, match="kernel failed"):
        latency.warm_up(run_once)


def test_constant_latency_gives_its_exact_rate_in_every_window() -> None:
    result = summary(block([7 * MS] * 700), batch=4)
    assert result.windows_per_s == pytest.approx([4000 / 7] * 5)
    assert result.sustained == result.peak == pytest.approx(4000 / 7)
    assert result.interval == pytest.approx((4000 / 7, 4000 / 7))
    assert result.first_5s == pytest.approx((200 + 3000 / 7) * 4 / 5)
    assert result.overhead == 0


@given(st.lists(st.integers(MS, 900 * MS), min_size=1, max_size=300))
def test_windows_lose_and_invent_no_run(latencies: list[int]) -> None:
    one = block(latencies)
    dropped = latency._transient_runs(one)
    rates = latency.windows(one)[1]
    kept_s = sum(latencies[dropped:]) / 1e9
    assert rates.mean() * kept_s == pytest.approx(len(latencies) - dropped)
    assert sum(latencies[:dropped]) <= min(0.25e9, sum(latencies) / 10)


def test_the_start_of_each_block_is_dropped() -> None:
    cold = [50 * MS] * 4 + [10 * MS] * 480
    result = summary(block(cold), block(cold, start=10**12))
    assert result.sustained == pytest.approx(100)
    assert [len(part) for part in result.rounds] == [5, 5]
    assert result.peak == pytest.approx(100)
    assert min(result.windows_per_s) == pytest.approx(100)
    assert result.n == 2 * (484 - 9)


def test_slow_runs_get_windows_of_two_runs() -> None:
    result = summary(block([2000 * MS] * 10))
    assert len(result.windows_per_s) == 5
    assert result.sustained == pytest.approx(0.5)


def test_sustained_is_the_rate_after_a_slow_down() -> None:
    result = summary(block([10 * MS] * 2000 + [12 * MS] * 4000))
    assert result.steady_from == 20
    assert result.sustained == pytest.approx(1e3 / 12, rel=0.01)
    assert result.peak == pytest.approx(100)
    assert result.label == "SUSTAINED"


def test_labels() -> None:
    steady = block([10 * MS] * 6000)
    assert summary(steady).label == "SUSTAINED"
    assert summary(block([10 * MS] * 500)).label == "SHORT"
    disturbed = summary(steady, disturbed="other processes took 40%")
    assert (disturbed.label, disturbed.label_reason) == ("DISTURBED", "other processes took 40%")
    late = summary(block([10 * MS] * 4500 + [13 * MS] * 1200))
    assert late.label == "DISTURBED"
    assert "cause not known" in late.label_reason
    shaky = summary(block(([10 * MS] * 100 + [13 * MS] * 77) * 30))
    assert shaky.label == "DISTURBED"
    assert "spread" in shaky.label_reason


def test_short_says_when_the_warm_up_did_not_settle() -> None:
    result = latency.summarise([block([10 * MS] * 500)], warm(10.0, steady=False), 1, 5)
    assert result.label == "SHORT"
    assert "did not settle in 10.0 s" in result.label_reason


def test_a_short_measurement_has_reasons_for_what_it_lacks() -> None:
    result = latency.summarise([block([10 * MS] * 100)], warm(), 1, 1)
    assert result.first_5s is None
    assert result.interval is None
    assert result.reasons["first_5s"] == "fewer than 5 s were run"
    assert result.reasons["interval"] == "1 steady windows, an interval needs 3"
    with pytest.raises(ValueError, match="at least one run"):
        latency.summarise([], warm(), 1, 1)


@pytest.mark.parametrize("name", latency.PERCENTILE_FLOORS)
def test_floors_are_the_smallest_n_of_the_rule(name: str) -> None:
    share, floor = latency.PERCENTILE_FLOORS[name]
    assert binom.cdf(1, floor, 1 - share) <= 0.01 < binom.cdf(1, floor - 1, 1 - share)


def test_percentiles_appear_at_their_floor_and_are_nearest_rank() -> None:
    below, reasons = latency.percentiles_ms(np.arange(1, 64) * MS)
    assert below["p90"] is None
    assert reasons["p90"] == "63 runs, P90 needs 64"
    at, reasons = latency.percentiles_ms(np.arange(64, 0, -1) * MS)
    assert (at["p50"], at["p90"], at["p99_9"]) == (32.0, 58.0, None)
    assert set(reasons) == {"p95", "p97", "p99", "p99_9"}
    assert reasons["p99_9"] == "64 runs, P99.9 needs 6636"


@settings(max_examples=10)
@given(st.lists(st.integers(1, 10**9), min_size=662, max_size=700))
def test_percentiles_are_ordered_and_observed(latencies: list[int]) -> None:
    values, _ = latency.percentiles_ms(np.asarray(latencies, np.int64))
    shown = [value for value in values.values() if value is not None]
    assert len(shown) == 5
    assert shown == sorted(shown)
    assert {round(value * 1e6) for value in shown} <= set(latencies)


def test_ratio_of_interleaved_rounds() -> None:
    value, low, high = latency.ratio_interval(((10.0, 11.0), (10.0, 12.0), (11.0, 10.0)), ((5.0,), (5.5,), (5.0,)))
    assert value == pytest.approx(10.5 / 5.0)
    assert low is not None
    assert high is not None
    assert low <= value <= high


def test_real_clock_round_trip() -> None:
    result = latency.run_block(lambda: None, 0.01)
    assert result.latencies_ns.size > 10
    assert result.latencies_ns.min() >= 0
    assert result.latencies_ns.sum() <= result.wall_ns
    assert result.wall_ns >= 10 * MS
    assert math.isfinite(latency.summarise([result], warm(), 1, 0.01).sustained)


def test_worker_side_needs_numpy_only() -> None:
    code = (
        "import sys, workbench.measure.latency, workbench.measure.divergence, workbench.measure.tasks; "
        "print([m for m in ('scipy', 'psutil', 'onnx', 'pydantic', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_windows_are_those_of_the_summary_and_lie_within_the_block() -> None:
    latencies = np.full(3000, MS, dtype=np.int64)
    found = Block(0, latencies, int(latencies.sum()))
    middles_s, rates = latency.windows(found)
    assert latency.summarise([found], warm(), 1, 3.0).rounds[0] == pytest.approx(tuple(rates))
    assert np.all(np.diff(middles_s) > 0)
    assert middles_s[0] > latency.TRANSIENT_S
    assert middles_s[-1] < 3.0


def test_kept_latencies_are_those_behind_the_percentiles() -> None:
    latencies = np.full(3000, MS, dtype=np.int64)
    found = Block(0, latencies, int(latencies.sum()))
    assert latency.kept_latencies(found).size == latency.summarise([found], warm(), 1, 3.0).n < 3000


def test_every_percentile_shown_has_an_interval_around_it() -> None:
    latencies = np.random.default_rng(0).integers(MS, 9 * MS, 700)
    values, _ = latency.percentiles_ms(latencies)
    found = latency.percentile_intervals_ms(latencies)
    for name, value in values.items():
        pair = found[name]
        assert (value is None) == (pair is None), name
        if value is not None and pair is not None:
            assert pair[0] <= value <= pair[1]
            assert {round(end * 1e6) for end in pair} <= set(latencies.tolist())
    ordered = np.sort(latencies)
    assert found["p50"] == (
        ordered[int(binom.ppf(0.025, 700, 0.5)) - 1] / 1e6,
        ordered[int(binom.ppf(0.975, 700, 0.5))] / 1e6,
    )


@pytest.mark.parametrize("name", latency.PERCENTILE_FLOORS)
def test_a_percentile_at_its_floor_has_an_interval(name: str) -> None:
    floor = latency.PERCENTILE_FLOORS[name][1]
    assert latency.percentile_intervals_ms(np.arange(1, floor + 1))[name] is not None
    assert latency.percentile_intervals_ms(np.arange(1, floor))[name] is None


def test_percentile_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        low, high = latency.percentile_intervals_ms(rng.exponential(1e6, 200).astype(np.int64))["p90"] or (0, 0)
        held += low <= math.log(10) <= high
    assert 278 <= held <= 298


def test_steady_rounds_leave_out_what_the_sustained_rate_leaves_out() -> None:
    slow, fast = np.full(600, 10 * MS), np.full(1200, 5 * MS)
    blocks = [Block(0, part.astype(np.int64), int(part.sum())) for part in (slow, fast, fast, fast)]
    found = latency.summarise(blocks, warm(), 1, 24.0)
    assert found.steady_from == len(found.rounds[0])
    assert found.steady_rounds == ((), *found.rounds[1:])
    assert found.sustained == np.median(np.concatenate(found.steady_rounds))
    assert latency.ratio_interval(found.steady_rounds, found.steady_rounds)[0] == 1.0


def test_windows_are_told_by_their_middles() -> None:
    latencies = np.full(3000, MS, dtype=np.int64)
    middles_s, rates = latency.windows(Block(0, latencies, int(latencies.sum())))
    assert middles_s == pytest.approx([0.25 + 2.75 * part / 6 for part in (1, 3, 5)])
    assert rates == pytest.approx([1000.0] * 3)


def test_overhead_is_the_share_of_wall_time_outside_of_runs() -> None:
    latencies = np.full(500, 10 * MS, dtype=np.int64)
    found = latency.summarise([Block(0, latencies, 6_250 * MS)] * 2, warm(), 1, 12.5)
    assert (found.measured_s, found.overhead) == (pytest.approx(12.5), pytest.approx(0.2))


def test_the_warm_up_makes_one_run_whatever_its_bound(clock: Clock) -> None:
    clock.ns = 10**15
    result = latency.warm_up(clock.runs(3000 * MS), min_s=0, max_s=0)
    assert (result.runs, result.seconds, result.steady) == (1, pytest.approx(3.0), False)
    with pytest.raises(ValueError, match="exceeds"):
        latency.warm_up(clock.runs(MS), min_s=2, max_s=1)


def test_a_full_measurement_lacks_nothing() -> None:
    found = summary(block([7 * MS] * 7000))
    assert dict(found.reasons) == {}
    assert None not in found.latency_ms.values()
    assert found.interval is not None


def test_windows_of_a_run_with_one_long_pause_are_about_a_second() -> None:
    rates = latency.windows(block([100 * MS] * 40 + [60_000 * MS]))[1]
    assert rates.size == round(64 - 0.2)
