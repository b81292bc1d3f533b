"""Speed of finished cells: summaries from their raw samples, ratios between cells, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.execution import result as records
from workbench.execution.cells import FLOAT, Cell
from workbench.execution.evidence import why_no_speed
from workbench.measure.gpu import GpuReport, GpuSample, report_of
from workbench.measure.latency import Block, SpeedSummary, WarmUp, ratio_interval, summarise
from workbench.measure.load import LoadReport, combine_reports

CellName = tuple[str, str, str]
NVIDIA = "CUDA"
"""How the names of NVIDIA devices begin in a placement, such as "CUDA:0"."""


@dataclass(frozen=True, eq=False)
class MeasuredSpeed:
    """A cell's speed and the session of rounds it was measured in (cells of one session were interleaved)."""

    cell: Cell
    summary: SpeedSummary
    session: str


def speed_of(cell: Cell, folder: Path, record: Mapping[str, Any], profile_s: float) -> MeasuredSpeed | None:
    """Return a cell's speed from its raw samples, or None where none was measured, or what was timed is no speed."""
    if not record["blocks"] or why_no_speed(cell.precision, record.get("facts", {})):
        return None
    with np.load(folder / "latencies.npz") as arrays:
        warm_up = record["warm_up"]
        warm = WarmUp(warm_up["seconds"], warm_up["runs"], arrays["warm_up"], warm_up["steady"])
        blocks = [
            Block(block["start_ns"], arrays[f"block_{number}"], block["wall_ns"])
            for number, block in enumerate(record["blocks"])
        ]
    load, gpu = combine_reports([LoadReport(**block["load"]) for block in record["blocks"]]), gpu_report(record)
    disturbed = "; ".join(filter(None, (load.disturbance, gpu.disturbance if gpu else "")))
    return MeasuredSpeed(cell, summarise(blocks, warm, cell.row.batch, profile_s, disturbed), record["speed_session"])


def gpu_report(record: Mapping[str, Any]) -> GpuReport | None:
    """Return what the GPUs did during a cell's timed blocks; None where the cell computed on no NVIDIA GPU."""
    if not any(row["device"].startswith(NVIDIA) for row in record.get("placement", ())):
        return None
    return report_of([GpuSample(**sample) for block in record["blocks"] for sample in block.get("gpu", ())])


def throughput_record(speed: MeasuredSpeed, record: Mapping[str, Any], profile: str) -> records.Throughput:
    """Return the throughput with its interval, label and conditions."""
    summary, cell, gpu = speed.summary, speed.cell, gpu_report(record)
    return records.Throughput(
        sustained=summary.sustained,
        interval=summary.interval,
        first_5s=summary.first_5s,
        peak=summary.peak,
        label=summary.label,
        warm_up_s=summary.warm_up_s,
        warm_up_runs=summary.warm_up_runs,
        windows_per_s=list(summary.windows_per_s),
        answers_checked=record["answers_checked"],
        answers_differing=record["answers_differing"],
        conditions={
            "scenario": "single_stream",
            "batch": str(cell.row.batch),
            "threads": str(cell.row.threads),
            "profile": profile,
            "rounds": f"{len(summary.rounds)}, cells taking turns",
            **({"gpu": gpu.text} if gpu else {}),
        },
        label_reason=summary.label_reason,
        measured_s=summary.measured_s,
        steady_from=summary.steady_from,
    )


def latency_record(speed: MeasuredSpeed) -> records.Latency:
    """Return latency percentiles in ms per run of one batch."""
    values, intervals = speed.summary.latency_ms, speed.summary.latency_intervals_ms
    return records.Latency(
        p50=values["p50"],
        p90=values["p90"],
        p99=values["p99"],
        n=speed.summary.n,
        p50_interval=intervals["p50"],
        p90_interval=intervals["p90"],
        p99_interval=intervals["p99"],
    )


def speedups(speed: MeasuredSpeed, all_speeds: Mapping[CellName, MeasuredSpeed]) -> list[records.Speedup]:
    """Return how many times faster a cell is than its own float runs and than the fastest float run of the machine."""
    same_model = [item for item in all_speeds.values() if item.cell.candidate.source == speed.cell.candidate.source]
    floats = [item for item in same_model if item.cell.precision in FLOAT and item is not speed]
    found: list[records.Speedup] = []
    for precision in FLOAT:
        own = [item for item in floats if item.cell.precision == precision and item.cell.row is speed.cell.row]
        found += [_speedup(speed, own[0], f"own_{precision}")] if own else []
    if floats:
        fastest = max(floats, key=lambda item: item.summary.sustained)
        found.append(_speedup(speed, fastest, "fastest_float"))
    return found


def _speedup(speed: MeasuredSpeed, baseline: MeasuredSpeed, kind: Any) -> records.Speedup:
    interleaved = speed.session == baseline.session and len(speed.summary.rounds) == len(baseline.summary.rounds)
    own, other = speed.summary.steady_rounds, baseline.summary.steady_rounds
    value, low, high = ratio_interval(own, other, interleaved)
    return records.Speedup(
        baseline=kind,
        baseline_label=f"{baseline.cell.row.label} {baseline.cell.precision.upper()}",
        value=value,
        interval=None if low is None or high is None else (low, high),
        interleaved=interleaved,
        windows=(sum(map(len, own)), sum(map(len, other))),
    )
