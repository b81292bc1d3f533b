"""What else kept the machine busy during a measurement: CPU time of other processes, sampled from the program."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

from workbench.measure.periodic import Periodic

MEAN_LIMIT = 0.10
PEAK_LIMIT = 0.30
STEAL_LIMIT = 0.02
SAMPLE_S = 1.0
_SHORTEST_S = 0.5


@dataclass(frozen=True)
class Usage:
    """CPU seconds since boot or since start.

    Attributes:
        busy: of all processes on all cores. steal: taken by the hypervisor for other machines.
        own: of this program's process tree, dead children included.
    """

    time_s: float
    busy: float
    steal: float
    own: float


@dataclass(frozen=True)
class LoadReport:
    """Shares of the whole CPU capacity (all cores), 0..1.

    Attributes:
        others_mean: other processes over the whole measurement. others_peak: in the worst second.
        steal: taken by the hypervisor for other machines.
        seconds: measured; cores: threads counted as capacity.
    """

    others_mean: float
    others_peak: float
    steal: float
    seconds: float
    cores: int

    @property
    def disturbance(self) -> str:
        """Why the machine was not quiet, in words, or "".

        Rule: others took more than 10 % of the capacity on average or more than 30 % in any second, or the hypervisor
        took more than 2 %.
        """
        parts = []
        if self.others_mean > MEAN_LIMIT or self.others_peak > PEAK_LIMIT:
            figures = (
                f"{100 * self.others_mean:.0f} % of {self.cores} CPU threads, {100 * self.others_peak:.0f} % at most"
            )
            parts.append(f"other processes took {figures}")
        if self.steal > STEAL_LIMIT:
            parts.append(f"the hypervisor took {100 * self.steal:.0f} %")
        return "; ".join(parts)

    @property
    def disturbed(self) -> bool:
        """Whether figures of this time carry the label DISTURBED."""
        return bool(self.disturbance)


@dataclass(frozen=True)
class _Spent:
    """CPU seconds of one process (pid, start time), and of its children that have ended and were waited for."""

    key: tuple[int, float]
    own: float
    ended_children: float


class LoadMonitor:
    """Context manager around a measurement; `report()` afterwards, or while it runs.

    Samples once a second in a thread (a few ms of CPU time a second). Own is this process, its descendants as found at
    each sample, and children that have ended: by what the system books to their parent, or, where it books nothing
    (macOS, Windows: untested), by what was seen last.
    """

    def __init__(self, sample_s: float = SAMPLE_S) -> None:
        self._usages: list[Usage] = []
        self._seen: dict[tuple[int, float], float] = {}
        self._thread = Periodic("load-monitor", self._sample, sample_s, sample_s)

    def __enter__(self) -> LoadMonitor:
        self._sample()
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.__exit__(kind, error, trace)
        self._sample()

    def report(self) -> LoadReport:
        """Shares so far."""
        return report_of(tuple(self._usages), _capacity())

    def _sample(self) -> None:
        self._usages.append(self._usage())

    def _usage(self) -> Usage:
        import psutil  # noqa: PLC0415  (host side only)

        booked = 0.0
        for process in _tree(psutil):
            if (spent := _spent(psutil, process)) is not None:
                self._seen[spent.key] = max(self._seen.get(spent.key, 0.0), spent.own)
                booked += spent.own + spent.ended_children
        times = psutil.cpu_times()._asdict()
        own = max(booked, sum(self._seen.values()))
        return Usage(time.monotonic(), _busy(times), times.get("steal", 0.0), own)


def report_of(usages: tuple[Usage, ...], cores: int) -> LoadReport:
    """Turn samples in time order into shares; spans shorter than half a second do not count for the peak."""
    if len(usages) < 2 or usages[-1].time_s <= usages[0].time_s:
        return LoadReport(0.0, 0.0, 0.0, 0.0, cores)
    first, last = usages[0], usages[-1]
    seconds = last.time_s - first.time_s
    spans = [
        _others(before, after, cores)
        for before, after in pairwise(usages)
        if after.time_s - before.time_s >= _SHORTEST_S
    ]
    mean = _others(first, last, cores)
    steal = max(0.0, (last.steal - first.steal) / (seconds * cores))
    return LoadReport(mean, max([mean, *spans]), steal, seconds, cores)


def combine_reports(reports: Sequence[LoadReport]) -> LoadReport:
    """One report over several blocks of one measurement: means weighted by time, the worst peak.

    The rule of `LoadReport.disturbance` speaks of a whole measurement; judge the blocks of one cell together.

    Raises:
        ValueError: no reports.
    """
    if not reports:
        raise ValueError("no reports to combine")
    seconds = sum(report.seconds for report in reports)
    weights = [report.seconds / seconds if seconds > 0 else 1 / len(reports) for report in reports]
    return LoadReport(
        others_mean=sum(weight * report.others_mean for weight, report in zip(weights, reports, strict=True)),
        others_peak=max(report.others_peak for report in reports),
        steal=sum(weight * report.steal for weight, report in zip(weights, reports, strict=True)),
        seconds=seconds,
        cores=max(report.cores for report in reports),
    )


def _others(before: Usage, after: Usage, cores: int) -> float:
    used = (after.busy - before.busy) - (after.own - before.own)
    return min(1.0, max(0.0, used / ((after.time_s - before.time_s) * cores)))


def _busy(times: Mapping[str, float]) -> float:
    """User, nice, system and interrupts; guest time is part of user, idle, iowait and steal are not busy."""
    return sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc"))


def _tree(psutil: Any) -> list[Any]:
    own = psutil.Process(os.getpid())
    try:
        return [own, *own.children(recursive=True)]
    except psutil.Error:
        return [own]


def _spent(psutil: Any, process: Any) -> _Spent | None:
    try:
        times = process.cpu_times()
        key = (process.pid, process.create_time())
    except psutil.Error:
        return None
    return _Spent(key, times.user + times.system, times.children_user + times.children_system)


def _capacity() -> int:
    return os.cpu_count() or 1
