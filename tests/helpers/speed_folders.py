"""Results with many runtimes, and study folders with raw latency samples, made up with a fixed seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from helpers.results import ordinary_document

from workbench.execution.result import Result
from workbench.execution.store import Store

SIX = ("ONNX Runtime", "OpenVINO", "TensorRT 10", "LiteRT", "ExecuTorch XNNPACK", "onnxruntime-web")


def six_runtimes(labels: tuple[str, ...] = SIX, **speed: Any) -> Result:
    """Six runtimes measured in FP32 and INT8, some of them very close to each other; `speed` goes into each rate."""
    document = ordinary_document()
    reference = [run for run in document["runs"] if run["runtime"] == "reference"]
    floats = next(run for run in document["runs"] if run["precision"] == "fp32")
    int8 = next(run for run in document["runs"] if run["precision"] == "int8")
    runs = []
    for number, label in enumerate(labels):
        rate = 400.0 * 1.02**number if number < 4 else 900.0 * number
        change = -0.2 - 0.05 * number
        runs.append({**floats, "label": label, "throughput_per_s": _rate(floats, rate, speed)})
        estimate = {"value": change, "interval": [change - 0.4, change + 0.3], "n": 2000}
        rates = _rate(int8, 2.5 * rate, speed)
        runs.append({**int8, "label": label, "throughput_per_s": rates, "accuracy_change_points": estimate})
    document["runs"] = [*reference, *runs]
    document["verdicts"], document["disagreements"] = [], []
    return Result.model_validate(document)


def _rate(run: dict[str, Any], rate: float, speed: dict[str, Any]) -> dict[str, Any]:
    made = {**run["throughput_per_s"], "sustained": rate, "interval": [0.97 * rate, 1.02 * rate]}
    return {**made, "first_5s": 1.03 * rate, "peak": 1.05 * rate, "windows_per_s": [rate] * 12, **speed}


def write_cells(root: Path, result: Result, rounds: int = 5, round_s: float = 1.0, warm_s: float = 2.0) -> Path:
    """Write raw samples of every timed run of a result into a study folder; returns the folder."""
    generator = np.random.default_rng(0)
    for run in result.runs:
        if run.throughput_per_s is None:
            continue
        mean_ns = 1e9 / run.throughput_per_s.sustained
        folder = Store(root).folder("cells", run.label, run.candidate, run.precision)
        folder.mkdir(parents=True)
        arrays = {f"block_{number}": _latencies(generator, mean_ns, round_s) for number in range(rounds)}
        arrays["warm_up"] = _latencies(generator, 1.1 * mean_ns, warm_s)
        np.savez(folder / "latencies.npz", **arrays)
        blocks = [{"start_ns": 0, "wall_ns": int(arrays[f"block_{n}"].sum())} for n in range(rounds)]
        (folder / "stage.json").write_text(json.dumps({"value": {"blocks": blocks}}))
    return root


def _latencies(generator: np.random.Generator, mean_ns: float, seconds: float) -> Any:
    count = max(int(seconds * 1e9 / mean_ns), 2)
    tail = np.where(generator.random(count) < 0.01, 3.0, 1.0)
    return (mean_ns * generator.lognormal(0.0, 0.05, count) * tail).astype(np.int64)
