"""What does it cost that the rate is told while a session is timed? python tests/benchmarks/bench_rates.py [--quick].

Blocks of three kinds take turns in one process, on a session that does nothing and on one that works for about a
millisecond: nobody listens; the rate goes to another process once a second, through the channel of a worker; the
same a hundred times a second, which shows what the comparison can resolve. The ratio is of rates as a study prints.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns, thread_time_ns

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from helpers.benchmarks import print_conditions, print_table, ratio_text, say

from workbench.execution.worker import Channel
from workbench.measure import rates
from workbench.measure.latency import Block, ratio_interval, run_block, windows
from workbench.measure.rates import Rate, Tell

KINDS = {"silent": 0.0, "1 a second": 1.0, "100 a second": 0.01}
ROUNDS, BLOCK_S = 12, 3.0
LISTENER = "import sys\nfor line in sys.stdin: pass"


@dataclass
class Measured:
    """One kind of block: per round the windows' rates, and what telling took."""

    rounds: list[tuple[float, ...]] = field(default_factory=list)
    told: int = 0
    telling_ns: int = 0
    telling_cpu_ns: int = 0
    running_ns: int = 0
    after_ns: list[int] = field(default_factory=list)
    median_ns: list[float] = field(default_factory=list)

    def add(self, block: Block, told_after: list[int]) -> None:
        """Take one block; `told_after` holds the number of runs before each telling."""
        self.rounds.append(tuple(windows(block)[1]))
        self.running_ns += block.wall_ns
        self.told += len(told_after)
        self.after_ns += [int(block.latencies_ns[runs]) for runs in told_after if runs < block.latencies_ns.size]
        self.median_ns.append(float(np.median(block.latencies_ns)))


def one_millisecond() -> Callable[[], None]:
    """A session with a fixed amount of work on 2 MB, about a millisecond long on this machine."""
    left, right = np.ones((4, 1 << 16), np.float32), np.ones((1 << 16, 2), np.float32)

    def work(times: int) -> None:
        for _ in range(times):
            np.dot(left, right)

    start = perf_counter_ns()
    work(50)
    times = max(1, round(50 * 1e6 / (perf_counter_ns() - start)))
    return lambda: work(times)


def timed(run_once: Callable[[], None], every_s: float, channel: Channel, found: Measured) -> None:
    """Run one block of one kind and add it."""
    told_after: list[int] = []
    runs = [0]

    def counted() -> None:
        run_once()
        runs[0] += 1

    def tell(rate: Rate) -> None:
        before, cpu = perf_counter_ns(), thread_time_ns()
        channel.event("rate", start_s=rate.start_s, seconds=rate.seconds, per_s=rate.per_s, phase="block", block=0)
        found.telling_ns += perf_counter_ns() - before
        found.telling_cpu_ns += thread_time_ns() - cpu
        told_after.append(runs[0])

    listener: Tell | None = tell if every_s else None
    rates.TELL_S = every_s or 1.0
    found.add(run_block(counted, BLOCK_S, tell=listener), told_after)


def measure(run_once: Callable[[], None], channel: Channel, rounds: int) -> dict[str, Measured]:
    """Blocks of all kinds in turn; each round another kind begins."""
    found = {kind: Measured() for kind in KINDS}
    names = list(KINDS)
    for number in range(rounds):
        for kind in names[number % len(names) :] + names[: number % len(names)]:
            timed(run_once, KINDS[kind], channel, found[kind])
    return found


def row(session: str, kind: str, found: dict[str, Measured]) -> list[str]:
    """One line of the table."""
    this, silent = found[kind], found["silent"]
    ratio = "" if kind == "silent" else ratio_text(ratio_interval(this.rounds, silent.rounds), 4)
    each = f"{this.telling_ns / this.told / 1e3:.0f}" if this.told else ""
    cpu = f"{this.telling_cpu_ns / this.told / 1e3:.0f}" if this.told else ""
    share = f"{100 * this.telling_ns / this.running_ns:.4f}" if this.told else ""
    slower = f"{np.median(this.after_ns) / np.median(this.median_ns):.2f}" if this.after_ns else ""
    rate = f"{np.median([value for windows_ in this.rounds for value in windows_]):,.0f}"
    return [f"{session}, {kind}", rate, ratio, str(this.told), each, cpu, share, slower]


def main() -> None:
    """Print the table and the conditions."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="two rounds: only shows that it works")
    rounds = 2 if options.parse_args().quick else ROUNDS
    rows = []
    with tempfile.TemporaryDirectory() as folder, _listener() as listener:
        assert listener.stdin is not None
        channel = Channel(io.TextIOWrapper(listener.stdin, encoding="utf-8"), Path(folder))
        for session, run_once in (("no-op", lambda: None), ("1 ms", one_millisecond())):
            run_block(run_once, 1.0)
            found = measure(run_once, channel, rounds)
            rows += [row(session, kind, found) for kind in KINDS]
    headers = (
        "session, told",
        "runs per s",
        "rate / silent",
        "told",
        "us each",
        "CPU us",
        "% of block",
        "next run / median",
    )
    print_table("Telling the rate between timed runs", headers, rows)
    say("\n% of block: time spent telling, which is left out of rates and blocks.")
    print_conditions(rounds=rounds, block_s=BLOCK_S)


def _listener() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", LISTENER], stdin=subprocess.PIPE)


if __name__ == "__main__":
    main()
