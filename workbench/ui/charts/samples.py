"""Raw speed samples of a study folder, ready to draw: windows over time, and sorted latencies."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.execution.result import Result, Run
from workbench.execution.store import Store
from workbench.measure.latency import Block, kept_latencies, windows
from workbench.report import names, numbers
from workbench.ui.charts.figure import Values

Stretch = tuple[Values, Values]
"""(middles of windows in s, samples per second)."""

FLOATS = ("fp32", "fp16")


@dataclass(frozen=True, eq=False)
class CellSamples:
    """One run's samples.

    Attributes:
        name: full name; label: short name for direct labels; series: colour and shape of its row.
        warm_up: windows before second 0, None where unknown. rounds: windows of each round from second 0 on, without
            the time in which other runs had their turn.
        ends_s: end of each round. latencies_ms: sorted, float64; empty where the raw samples are not there.
    """

    run: Run
    name: str
    label: str
    series: int
    warm_up: Stretch | None
    rounds: tuple[Stretch, ...]
    ends_s: tuple[float, ...]
    latencies_ms: Values

    @property
    def is_float(self) -> bool:
        """Whether it is drawn dashed, as a baseline."""
        return self.run.precision in FLOATS


def series_numbers(result: Result) -> dict[tuple[str, str], int]:
    """Return the number of each row's colour and marker by (label, candidate), the same as on the sheet."""
    rows = dict.fromkeys((run.label, run.candidate) for run in result.runs if run.runtime != "reference")
    return {row: number for number, row in enumerate(rows)}


def timed_runs(result: Result) -> list[Run]:
    """Return the measured runs that have a speed, INT8 before the float runs of a row, rows in their order."""
    order = series_numbers(result)
    found = [run for run in result.runs if run.throughput_per_s is not None and not names.word_of(run)]
    return sorted(found, key=lambda run: (order[(run.label, run.candidate)], run.precision in FLOATS))


def run_name(run: Run, result: Result, limit: int = 0) -> str:
    """Return "ONNX Runtime INT8", with the candidate and the machine where there are several; 0: not shortened."""
    parts = [run.label]
    parts += [run.candidate] if names.several_candidates(result) else []
    parts += [run.machine] if len({entry.machine for entry in result.runs}) > 1 else []
    name = " \N{MIDDLE DOT} ".join(parts)
    return f"{numbers.shorten(name, limit) if limit else name} {names.PRECISION_TITLES[run.precision]}"


def read_samples(run: Run, result: Result, folder: Path | None) -> CellSamples:
    """Read one run's samples; without a folder, or where they cannot be read, only the result's windows are there."""
    raw = None if folder is None else _raw(folder, run)
    if raw is None:
        return _from_result(run, result)
    blocks, warm = raw
    stretches = [windows(block) for block in blocks]
    lengths = [float(block.latencies_ns.sum()) / 1e9 for block in blocks]
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    rounds = tuple((times + start, rates * run.batch) for (times, rates), start in zip(stretches, starts, strict=False))
    latencies = np.sort(np.concatenate([kept_latencies(block) for block in blocks])) / 1e6
    return _samples(run, result, _warm_up(warm, run.batch), rounds, tuple(map(float, starts[1:])), latencies)


def _warm_up(latencies_ns: Any, batch: int) -> Stretch | None:
    if latencies_ns is None or not latencies_ns.size:
        return None
    total_s = float(latencies_ns.sum()) / 1e9
    times, rates = windows(Block(0, latencies_ns, round(total_s * 1e9)))
    return times - total_s, rates * batch


def _from_result(run: Run, result: Result) -> CellSamples:
    assert run.throughput_per_s is not None
    rates = np.asarray(run.throughput_per_s.windows_per_s, dtype=np.float64)
    if not rates.size:
        return _samples(run, result, None, (), (), np.empty(0))
    measured_s = run.throughput_per_s.measured_s or float(rates.size)
    times = (np.arange(rates.size) + 0.5) * measured_s / rates.size
    return _samples(run, result, None, ((times, rates),), (measured_s,), np.empty(0))


def _samples(
    run: Run,
    result: Result,
    warm_up: Stretch | None,
    rounds: Sequence[Stretch],
    ends_s: tuple[float, ...],
    latencies_ms: Values,
) -> CellSamples:
    series = series_numbers(result).get((run.label, run.candidate), 0)
    name, label = run_name(run, result), run_name(run, result, 22)
    return CellSamples(run, name, label, series, warm_up, tuple(rounds), ends_s, latencies_ms)


def _raw(folder: Path, run: Run) -> tuple[list[Block], Any] | None:
    """Return blocks and warm-up latencies of a cell, None where they are absent or damaged."""
    cell = Store(folder).folder("cells", run.label, run.candidate, run.precision)
    try:
        record: Mapping[str, Any] = json.loads((cell / "stage.json").read_text(encoding="utf-8"))["value"]
        with (cell / "latencies.npz").open("rb") as stream, np.load(stream) as arrays:
            blocks = [
                Block(int(block["start_ns"]), arrays[f"block_{number}"], int(block["wall_ns"]))
                for number, block in enumerate(record["blocks"])
            ]
            warm = arrays.get("warm_up")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return (blocks, warm) if blocks and all(block.latencies_ns.size for block in blocks) else None
