"""Speed records from raw samples: rates, ratios, and which ratios compare blocks side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.studies import document

from workbench.execution.cells import Cell, cells_of
from workbench.execution.speed import MeasuredSpeed, gpu_report, latency_record, speed_of, speedups, throughput_record
from workbench.execution.study import study_from_document


def _cells() -> list[Cell]:
    rows = [{"id": "echo", "name": name, "batch": 2} for name in ("one", "two")]
    return cells_of(study_from_document(document(rows), Path("x"), "s.toml"))


def _speed(
    cell: Cell,
    folder: Path,
    latency_ms: float,
    load: dict[str, Any],
    session: str = "a",
    rounds: int = 3,
    block: dict[str, Any] | None = None,
    **extra: Any,
) -> MeasuredSpeed:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = {
        f"block_{number}": (latency_ms * 1e6 * (1 + 0.001 * rng.standard_normal(1000))).astype(np.int64)
        for number in range(rounds)
    }
    np.savez(folder / "latencies.npz", warm_up=arrays["block_0"], **arrays)
    blocks = [
        {"start_ns": 0, "wall_ns": int(arrays[f"block_{number}"].sum()), "runs": 1000, "load": load, **(block or {})}
        for number in range(rounds)
    ]
    warm_up = {"seconds": 2.0, "runs": 1000, "steady": True}
    record = {"blocks": blocks, "warm_up": warm_up, "speed_session": session, **extra}
    speed = speed_of(cell, folder, record, 5.0)
    assert speed is not None
    return speed


@pytest.fixture
def quiet_load(finished: Any) -> dict[str, Any]:
    """A load report as the host writes it, of a quiet machine."""
    from dataclasses import asdict

    from workbench.measure.load import LoadMonitor

    with LoadMonitor() as monitor:
        pass
    return {**asdict(monitor.report()), "others_mean": 0.0, "others_peak": 0.0, "steal": 0.0}


def test_a_cell_without_timed_part_has_no_speed(tmp_path: Path) -> None:
    assert speed_of(_cells()[0], tmp_path, {"blocks": []}, 0.0) is None


@pytest.mark.parametrize(("precision", "evidence", "has_speed"), [
    ("fp32", "reference evaluator", False), ("int8", "simulated", False), ("fp32", "simulated", True),
])  # fmt: skip
def test_what_was_timed_of_an_evaluator_or_a_simulation_is_no_speed_and_no_baseline(
    precision: str, evidence: str, has_speed: bool, tmp_path: Path, quiet_load: dict[str, Any]
) -> None:
    cell = next(cell for cell in _cells() if cell.precision == precision)
    measured = _speed(cell, tmp_path, 2.0, quiet_load)
    block = {"start_ns": 0, "wall_ns": 2 * 10**9, "runs": 1000, "load": quiet_load}
    record = {"blocks": [block], "warm_up": {"seconds": 2.0, "runs": 1000, "steady": True}, "speed_session": "a"}
    found = speed_of(cell, tmp_path, {**record, "facts": {"evidence": evidence}}, 5.0)
    assert (found is not None) is has_speed
    assert measured.summary.sustained > 0


def test_rates_count_samples_and_latencies_count_runs(tmp_path: Path, quiet_load: dict[str, Any]) -> None:
    speed = _speed(_cells()[0], tmp_path, 2.0, quiet_load)
    record = {"answers_checked": 10, "answers_differing": 0}
    found = throughput_record(speed, record, "quick")
    assert found.sustained == pytest.approx(2 / 0.002, rel=0.01)
    assert found.conditions["batch"] == "2"
    assert found.conditions["profile"] == "quick"
    latency = latency_record(speed)
    assert latency.p50 == pytest.approx(2.0, rel=0.01)
    assert latency.n >= 2700
    low, high = latency.p99_interval or (0, 0)
    assert latency.p99 is not None
    assert latency.p50 < low < latency.p99 < high  # type: ignore[operator]
    assert found.n == len(found.windows_per_s) - speed.summary.steady_from


def test_what_slows_a_gpu_disturbs_the_cells_that_computed_on_it(tmp_path: Path, quiet_load: dict[str, Any]) -> None:
    sample = {"gpu": 0, "sm_mhz": 900, "reasons": 0x40, "is_ours": True, "others": 0}
    record = {"blocks": [{"load": quiet_load, "gpu": [sample]}], "placement": [{"device": "CUDA:0"}]}
    report = gpu_report(record)
    assert report is not None
    assert report.disturbance == "the GPU was slowed: hardware thermal slowdown in 100 % of the readings"
    assert gpu_report({**record, "placement": [{"device": "CPU"}]}) is None
    assert gpu_report({**record, "blocks": [{"load": quiet_load}]}) is None


def test_the_gpu_is_told_beside_the_speed_and_labels_it(tmp_path: Path, quiet_load: dict[str, Any]) -> None:
    on_gpu = {"gpu": [{"gpu": 0, "sm_mhz": 900, "reasons": 0x40, "is_ours": True, "others": 0}]}
    for device, label, told in (("CUDA:0", "DISTURBED", True), ("CPU", "SHORT", False)):
        extra = {"placement": [{"device": device}]}
        speed = _speed(_cells()[0], tmp_path, 2.0, quiet_load, block=on_gpu, **extra)
        assert speed.summary.label == label
        record = {"answers_checked": 1, "answers_differing": 0, "blocks": [{"load": quiet_load, **on_gpu}], **extra}
        assert ("gpu" in throughput_record(speed, record, "quick").conditions) is told


def test_ratios_are_of_the_steady_windows_on_both_sides(tmp_path: Path, quiet_load: dict[str, Any]) -> None:
    one, two = (_speed(cell, tmp_path / cell.precision, 4.0, quiet_load) for cell in _cells()[:2])
    fast = replace(two.summary, rounds=((250.0, 250.0), (500.0, 502.0), (501.0, 499.0)), steady_from=2, sustained=500.5)
    slow = replace(one.summary, rounds=((100.0, 250.0), (251.0, 249.0), (250.0, 250.0)), steady_from=1, sustained=250.0)
    speeds = {item.cell.name: item for item in (replace(one, summary=slow), replace(two, summary=fast))}
    own = speedups(speeds[two.cell.name], speeds)[0]
    assert (own.windows, own.value, own.interleaved) == ((4, 5), 500.5 / 250.0, True)
    assert own.interval is not None
    assert own.interval[0] > 1.98


def test_speedups_name_their_baseline(tmp_path: Path, quiet_load: dict[str, Any]) -> None:
    cells = {cell.name: cell for cell in _cells()}
    names = [("one", "S1", "fp32"), ("one", "S1", "int8"), ("two", "S1", "fp32"), ("two", "S1", "int8")]
    latencies, sessions = (4.0, 2.0, 3.0, 1.0), ("a", "a", "b", "b")
    speeds = {
        name: _speed(cells[name], tmp_path / str(number), ms, quiet_load, session)
        for number, (name, ms, session) in enumerate(zip(names, latencies, sessions, strict=True))
    }
    own, fastest = speedups(speeds[names[1]], speeds)
    assert (own.baseline, own.baseline_label, own.interleaved) == ("own_fp32", "one FP32", True)
    assert own.value == pytest.approx(2.0, rel=0.01)
    assert (fastest.baseline, fastest.baseline_label, fastest.interleaved) == ("fastest_float", "two FP32", False)
    assert fastest.value == pytest.approx(1.5, rel=0.01)
    (only,) = speedups(speeds[names[2]], speeds)
    assert only.baseline_label == "one FP32"  # a float run is not its own baseline
