"""Measuring speed: the only place that times a session. Loops, found warm-up, 1-s windows, percentiles with floors.

Runs in workers (numpy only). Clock: `time.perf_counter_ns`. NOT aware of runtimes, samples, answers or files.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.measure import bootstrap
from workbench.measure.rates import Rates, Tell
from workbench.measure.statistics import quantile_ranks
from workbench.measure.steady import find_steady_start, is_steady

Nanoseconds = npt.NDArray[np.int64]
Label = Literal["SUSTAINED", "SHORT", "DISTURBED"]

WINDOW_S = 1.0
TRANSIENT_S = 0.25
SUSTAINED_S = 60.0
SPREAD_LIMIT = 0.05

# Smallest number of runs at which the percentile may be printed: the smallest n with P(Binomial(n, 1 - p) <= 1) <= 1 %,
# the rule behind LoadGen's early-stopping minimum of 64 queries for P90 and 662 for P99.
PERCENTILE_FLOORS: Mapping[str, tuple[float, int]] = {
    "p50": (0.50, 11),
    "p90": (0.90, 64),
    "p95": (0.95, 130),
    "p97": (0.97, 219),
    "p99": (0.99, 662),
    "p99_9": (0.999, 6636),
}

_UNTIL_DEADLINE = 1 << 62
_CHECK_NS = 250_000_000


@dataclass(frozen=True, eq=False)
class WarmUp:
    """The discarded runs before a measurement.

    Attributes:
        seconds: wall time of all warm-up runs.
        runs: their number.
        latencies_ns: int64 [runs], the first is the first run after load if nothing ran before.
        steady: the stability test passed before the bound; False means the bound ended it.
    """

    seconds: float
    runs: int
    latencies_ns: Nanoseconds
    steady: bool


@dataclass(frozen=True, eq=False)
class Block:
    """Runs back to back.

    Attributes:
        start_ns: `perf_counter_ns` at its start; comparable within one process only.
        latencies_ns: int64 [runs], each one call of `run_once`.
        wall_ns: time from the first run's start to the last run's end, without the time spent in `between`. What it
            exceeds the sum of latencies by is the loop's own overhead.
    """

    start_ns: int
    latencies_ns: Nanoseconds
    wall_ns: int


@dataclass(frozen=True)
class SpeedSummary:
    """Speed of one session at one batch size. Rates are samples per second, of the time spent in runs.

    Attributes:
        sustained: median rate over the steady windows; interval: 95 %, or None below 3 windows.
        first_5s: rate over the first 5 s of running, warm-up included, or None when there were not 5 s.
        peak: best window; never shown without `sustained`.
        label: SUSTAINED | SHORT | DISTURBED by the rule in `summarise`; label_reason says why, in words.
        rounds: per block the windows' rates, in time order.
        steady_from: index of the first steady window, counted over all blocks.
        latency_ms: p50 ... p99_9 per run of one batch; None below the percentile's floor, with an entry in reasons.
        latency_intervals_ms: 95 % interval per percentile, see `percentile_intervals_ms`.
        n: runs behind the percentiles.
        measured_s: wall time of all blocks. overhead: the loop's own share of it.
    """

    sustained: float
    interval: tuple[float, float] | None
    first_5s: float | None
    peak: float
    label: Label
    label_reason: str
    rounds: tuple[tuple[float, ...], ...]
    steady_from: int
    latency_ms: Mapping[str, float | None]
    n: int
    measured_s: float
    overhead: float
    warm_up_s: float
    warm_up_runs: int
    batch: int
    reasons: Mapping[str, str] = field(default_factory=dict)
    latency_intervals_ms: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)

    @property
    def steady_rounds(self) -> tuple[tuple[float, ...], ...]:
        """`rounds` without the windows before `steady_from`, some perhaps empty; what `sustained` and ratios are of."""
        ends = np.cumsum([len(part) for part in self.rounds])
        firsts = [self.steady_from - int(end) + len(part) for end, part in zip(ends, self.rounds, strict=True)]
        return tuple(part[max(0, first) :] for part, first in zip(self.rounds, firsts, strict=True))

    @property
    def windows_per_s(self) -> tuple[float, ...]:
        """All windows' rates in time order."""
        return tuple(rate for windows in self.rounds for rate in windows)


def warm_up(
    run_once: Callable[[], None],
    min_runs: int = 10,
    min_s: float = 2.0,
    max_s: float = 10.0,
    tell: Tell | None = None,
) -> WarmUp:
    """Run until the latency is steady: at least `min_runs` and `min_s`, then the stability test, at most `max_s`.

    `max_s` wins over `min_runs` (a run may take longer than all of it); at least one run is made. The test is repeated
    every quarter of a second, see `steady.is_steady`.

    Args:
        tell: told the rate about once a second, between two runs.

    Raises:
        ValueError: min_s > max_s.
    """
    if min_s > max_s:
        raise ValueError(f"min_s {min_s} exceeds max_s {max_s}")
    latencies: array[int] = array("q")
    start = now = perf_counter_ns()
    check, rates = start + int(min_s * 1e9), Rates(tell, start)
    steady = False
    while not steady and (not latencies or now < start + max_s * 1e9):
        before = perf_counter_ns()
        run_once()
        now = perf_counter_ns()
        latencies.append(now - before)
        if now >= min(check, rates.due_ns):
            rates.tell_due(len(latencies), now)
            if now >= check and len(latencies) >= min_runs:
                steady = is_steady(_int64(latencies))
                check = now + _CHECK_NS
            rates.leave_out(perf_counter_ns() - now)
    rates.tell_rest(len(latencies), now)
    return WarmUp((now - start) / 1e9, len(latencies), _int64(latencies), steady)


def run_block(
    run_once: Callable[[], None],
    seconds: float,
    between: Callable[[int], None] | None = None,
    every: int = 100,
    tell: Tell | None = None,
) -> Block:
    """Run back to back for `seconds`; at least one run.

    Args:
        run_once: one query (one batch).
        seconds: of running; time spent in `between` and `tell` does not count.
        between: called after every `every`-th run with the number of runs so far, outside the latency sample; for
            checking answers.
        every: at least 1.
        tell: told the rate about once a second, between two runs; of the last stretch after the last run.
    """
    stride = every if between is not None else _UNTIL_DEADLINE
    latencies: array[int] = array("q")
    start = perf_counter_ns()
    deadline, paused, rates = start + int(seconds * 1e9), 0, Rates(tell, start, seconds)
    while True:
        left = stride - len(latencies) % stride
        end = _run_until(run_once, min(deadline, rates.due_ns), left, latencies)
        if end >= deadline:
            break
        pause_start = perf_counter_ns()
        if between is not None and len(latencies) % stride == 0:
            between(len(latencies))
        rates.tell_due(len(latencies), end)
        pause = perf_counter_ns() - pause_start
        deadline, paused = deadline + pause, paused + pause
        rates.leave_out(pause)
    rates.tell_rest(len(latencies), end)
    return Block(start, _int64(latencies), end - start - paused)


def summarise(blocks: Sequence[Block], warm: WarmUp, batch: int, profile_s: float, disturbed: str = "") -> SpeedSummary:
    """Turn raw blocks into rates, a label and percentiles.

    Windows: the first 0.25 s of each block (at most a tenth of it) is dropped, since a block starts with cold caches
    after another runtime's turn; the rest is cut into equal windows of about 1 s (two runs, where a run takes longer
    than half a second). A run that crosses a border counts in each window by its share of time.

    Label, the first that holds:
        DISTURBED: `disturbed` is not empty; or the steady windows spread by more than 5 % (1.4826 * MAD / median); or
            the rate changed by more than 5 % so late that fewer than half of the windows come after it.
        SUSTAINED: 60 s or more were measured.
        SHORT: otherwise.
    Windows before the last change of rate are not steady and do not enter `sustained`.

    Args:
        blocks: in time order, one per round.
        warm: as returned by `warm_up`.
        batch: samples per run.
        profile_s: seconds asked for, for the reason of SHORT.
        disturbed: why the machine was not quiet (see machine.LoadMonitor), or "".

    Raises:
        ValueError: no runs.
    """
    if not blocks or not all(block.latencies_ns.size for block in blocks):
        raise ValueError("each block needs at least one run")
    rounds = tuple(tuple(float(rate) * batch for rate in windows(block)[1]) for block in blocks)
    rates = np.concatenate([np.asarray(part) for part in rounds])
    steady_from = find_steady_start(rates)
    steady = rates[steady_from:]
    measured_s = sum(block.wall_ns for block in blocks) / 1e9
    label, label_reason = _length_label(measured_s, profile_s, warm)
    if unstable := disturbed or _instability(rates, steady_from):
        label, label_reason = "DISTURBED", unstable
    kept = np.concatenate([kept_latencies(block) for block in blocks])
    latency_ms, reasons = percentiles_ms(kept)
    first_5s = _first_rate(warm, blocks, 5.0)
    interval = bootstrap.median_interval(steady)
    if first_5s is None:
        reasons["first_5s"] = "fewer than 5 s were run"
    if interval is None:
        reasons["interval"] = f"{steady.size} steady windows, an interval needs 3"
    return SpeedSummary(
        sustained=float(np.median(steady)),
        interval=interval,
        first_5s=None if first_5s is None else first_5s * batch,
        peak=float(rates.max()),
        label=label,
        label_reason=label_reason,
        rounds=rounds,
        steady_from=steady_from,
        latency_ms=latency_ms,
        n=kept.size,
        measured_s=measured_s,
        overhead=max(0.0, 1 - sum(int(block.latencies_ns.sum()) for block in blocks) / 1e9 / measured_s),
        warm_up_s=warm.seconds,
        warm_up_runs=warm.runs,
        batch=batch,
        reasons=reasons,
        latency_intervals_ms=percentile_intervals_ms(kept),
    )


def ratio_interval(
    windows_a: bootstrap.Rounds, windows_b: bootstrap.Rounds, paired_by_round: bool = True
) -> tuple[float, float | None, float | None]:
    """How many times faster a is than b: (value, low, high) at 95 %; see bootstrap.ratio_of_medians.

    Args:
        windows_a, windows_b: `SpeedSummary.steady_rounds` of two runs on one machine, so that the value is the ratio of
            their `sustained`. A round without steady windows leaves no pair: neighbors are then drawn independently.
        paired_by_round: the blocks were interleaved.
    """
    return bootstrap.ratio_of_medians(windows_a, windows_b, paired_by_round)


def percentiles_ms(latencies_ns: Nanoseconds) -> tuple[dict[str, float | None], dict[str, str]]:
    """Nearest-rank percentiles in ms, and per percentile below its floor the reason why it is None."""
    ordered = np.sort(latencies_ns)
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, (share, floor) in PERCENTILE_FLOORS.items():
        if ordered.size >= floor:
            values[name] = float(ordered[math.ceil(share * ordered.size) - 1]) / 1e6
        else:
            values[name] = None
            reasons[name] = f"{ordered.size} runs, {name.replace('_', '.').upper()} needs {floor}"
    return values, reasons


def percentile_intervals_ms(latencies_ns: Nanoseconds) -> dict[str, tuple[float, float] | None]:
    """95 % intervals of the percentiles in ms, distribution-free; None below the floor or where n is too small.

    Ends are measured latencies at the ranks of `quantile_ranks` (David and Nagaraja, "Order Statistics", 2003, 7.1).
    """
    ordered = np.sort(latencies_ns)
    found: dict[str, tuple[float, float] | None] = {}
    for name, (share, floor) in PERCENTILE_FLOORS.items():
        ranks = quantile_ranks(ordered.size, share) if ordered.size >= floor else None
        found[name] = ranks and (float(ordered[ranks[0] - 1]) / 1e6, float(ordered[ranks[1] - 1]) / 1e6)
    return found


def _instability(windows: npt.NDArray[np.float64], steady_from: int) -> str:
    """Why the windows are not stable, or ""."""
    steady = windows[steady_from:]
    middle = float(np.median(steady))
    spread = 1.4826 * float(np.median(np.abs(steady - middle))) / middle
    if spread > SPREAD_LIMIT:
        return f"the windows spread by {100 * spread:.0f} %, more than {100 * SPREAD_LIMIT:.0f} %"
    if steady.size * 2 < windows.size:
        return f"the rate still changed after {steady_from} of {windows.size} windows, cause not known"
    return ""


def _length_label(measured_s: float, profile_s: float, warm: WarmUp) -> tuple[Label, str]:
    if measured_s >= SUSTAINED_S - 0.05:
        return "SUSTAINED", f"{measured_s:.0f} s measured, windows stable"
    settled = "" if warm.steady else f"; the warm-up did not settle in {warm.seconds:.1f} s"
    return "SHORT", f"{measured_s:.1f} s measured (profile of {profile_s:g} s), sustained needs 60 s{settled}"


def windows(block: Block) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the windows of `summarise`: their middles in s of running after the block's start, and runs per second."""
    borders_ns = np.concatenate([[0], np.cumsum(block.latencies_ns)])
    start = float(borders_ns[_transient_runs(block)])
    kept_s = (float(borders_ns[-1]) - start) / 1e9
    window_s = max(WINDOW_S, 2 * float(np.median(block.latencies_ns)) / 1e9)
    count = max(1, round(kept_s / window_s))
    edges = np.linspace(start, float(borders_ns[-1]), count + 1)
    runs_before = np.interp(edges, borders_ns, np.arange(borders_ns.size))
    return (edges[:-1] + edges[1:]) / 2e9, np.diff(runs_before) / (kept_s / count)


def kept_latencies(block: Block) -> Nanoseconds:
    """Return a block's latencies without its transient: the runs that the percentiles of `summarise` are made of."""
    return block.latencies_ns[_transient_runs(block) :]


def _transient_runs(block: Block) -> int:
    """Number of runs dropped at the start; at least one run is kept."""
    elapsed = np.cumsum(block.latencies_ns)
    limit = min(TRANSIENT_S * 1e9, float(elapsed[-1]) / 10)
    return min(int(np.searchsorted(elapsed, limit, side="right")), block.latencies_ns.size - 1)


def _first_rate(warm: WarmUp, blocks: Sequence[Block], seconds: float) -> float | None:
    """Runs per second over the first `seconds` of running, or None when it ran for less."""
    latencies = np.concatenate([warm.latencies_ns, *(block.latencies_ns for block in blocks)])
    borders = np.concatenate([[0], np.cumsum(latencies)]) / 1e9
    if borders[-1] < seconds:
        return None
    return float(np.interp(seconds, borders, np.arange(borders.size))) / seconds


def _run_until(run_once: Callable[[], None], deadline: int, stride: int, latencies: array[int]) -> int:
    """Run until the deadline or `stride` runs; append latencies; return the last end. The timed loop: keep it bare."""
    clock, store = perf_counter_ns, latencies.append
    end = 0
    for _ in range(stride):
        start = clock()
        run_once()
        end = clock()
        store(end - start)
        if end >= deadline:
            break
    return end


def _int64(values: array[int]) -> Nanoseconds:
    return np.array(values, dtype=np.int64)
