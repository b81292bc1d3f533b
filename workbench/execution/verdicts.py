"""Gates judged on the INT8 runs of a study: on what a run is, and on how it differs from the baseline's run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from workbench.execution import result as records
from workbench.execution.baseline_record import BaselineComparison, ComparedRun
from workbench.measure.gates import find_gate
from workbench.measure.gates import judge as judge_gate

NO_BASELINE = "no baseline was given, run with --baseline DIR"
NOTHING_TO_LOSE_POINTS = 5.0
"""An FP32 accuracy below this and below the drop allowed says that labels or samples do not fit the model."""
Measured = tuple[float | None, tuple[float, float] | None, int | None, str]
"""Value, interval, n and reason of the figure that a gate limits, as `gates.judge` takes them."""


def verdicts_of(runs: Sequence[records.Run], gates: Mapping[str, float]) -> list[records.GateVerdict]:
    """Judge every gate that needs no baseline on every INT8 run, on the interval."""
    return [
        _verdict(run, gate, limit, _believed(run, gate, limit, _measured(run, gate)))
        for run in runs
        if run.precision == "int8"
        for gate, limit in gates.items()
        if not find_gate(gate).against_baseline
    ]


def baseline_verdicts(
    runs: Sequence[records.Run], gates: Mapping[str, float], comparison: BaselineComparison | None
) -> list[records.GateVerdict]:
    """Judge every gate against the baseline on every INT8 run that was compared; without one nothing can be told."""
    compared = {(item.label, item.candidate, item.precision): item for item in comparison.runs} if comparison else {}
    asked = [(gate, limit) for gate, limit in gates.items() if find_gate(gate).against_baseline]
    found = []
    for run in runs:
        item = compared.get((run.label, run.candidate, run.precision))
        if run.precision == "int8" and (item or comparison is None):
            found += [_verdict(run, gate, limit, _against(item, gate)) for gate, limit in asked]
    return found


def kept_baseline_verdicts(verdicts: Iterable[records.GateVerdict]) -> list[records.GateVerdict]:
    """Return the verdicts against the baseline, which stay when runs of other machines join a finished study."""
    return [item for item in verdicts if find_gate(item.gate).against_baseline]


def _verdict(run: records.Run, gate: str, limit: float, measured: Measured) -> records.GateVerdict:
    value, interval, n, reason = measured
    judged = judge_gate(gate, limit, value, interval=interval, n=n, reason=reason)
    return records.GateVerdict(
        gate=gate,
        label=run.label,
        candidate=run.candidate,
        verdict=judged.verdict,
        limit=limit,
        value=value,
        interval=interval if interval is None or all(map(math.isfinite, interval)) else None,
        text=judged.text,
        needs_n=judged.needs_n,
    )


def _believed(run: records.Run, gate: str, limit: float, measured: Measured) -> Measured:
    """Return what was measured; a drop that no run could fail is not believed: FP32 itself has no more to lose."""
    change = run.accuracy_change_points
    if gate != "max_accuracy_drop_points" or run.accuracy is None or change is None or measured[3]:
        return measured
    before = 100 * run.accuracy.value - change.value
    if before > min(limit, NOTHING_TO_LOSE_POINTS):
        return measured
    return (*measured[:3], f"FP32 itself is right in only {max(before, 0.0):.1f} %, there is no more to lose")


def _against(compared: ComparedRun | None, gate: str) -> Measured:
    """Return the figure of a gate against the baseline."""
    if compared is None:
        return None, None, None, NO_BASELINE
    missing = compared.reasons.get("baseline", "")
    changed = compared.answers_changed
    figures: dict[str, Measured] = {
        "max_baseline_accuracy_drop_points": _of(
            compared.accuracy_change_points, missing or compared.reasons.get("accuracy_change_points", "")
        ),
        "max_baseline_answers_changed": (
            changed.changed if changed else None,
            None,
            compared.n,
            missing or ("" if changed else "the task has no answers"),
        ),
        "max_baseline_sqnr_drop_db": _of(
            compared.sqnr_change_db, missing or compared.reasons.get("sqnr_change_db", "")
        ),
        "min_baseline_speed_ratio": (*_of(compared.speed_ratio, "")[:3], compared.reasons.get("speed_ratio", missing)),
    }
    return figures[gate]


def _measured(run: records.Run, gate: str) -> Measured:
    """Return the figure of a gate that needs no baseline."""
    if run.status != "ok":
        return None, None, None, run.problem.message if run.problem else run.status
    own = next((item for item in run.speedup if item.baseline == "own_fp32"), None)
    speed, windows = run.throughput_per_s, run.throughput_per_s.n if run.throughput_per_s else None
    disturbed = speed.label_reason if speed and speed.label == "DISTURBED" else ""
    untimed = run.reasons.get("throughput_per_s", "not timed")
    change, agreement = run.accuracy_change_points, run.top1_agreement
    timed = (None, None, None, untimed) if speed is None else (speed.sustained, speed.interval, windows, disturbed)
    pairs = min(own.windows) if own and own.windows else windows
    faster = (None, None, None, untimed) if own is None else (own.value, own.interval, pairs, disturbed)
    changed = run.answers_changed.changed if run.answers_changed else None
    figures: dict[str, Measured] = {
        "max_accuracy_drop_points": _of(change, run.reasons.get("accuracy_change_points", "")),
        "min_top1_agreement": _of(agreement, run.reasons.get("top1_agreement", "")),
        "min_sqnr_db": _sqnr(run),
        "max_answers_changed": (changed, None, run.n, run.reasons.get("answers_changed", "")),
        "min_speedup": faster,
        "min_throughput_per_s": timed,
        "max_latency_ms_p90": _latency(run, "p90", disturbed or untimed),
        "max_latency_ms_p99": _latency(run, "p99", disturbed or untimed),
        "min_int8_mac_share": (run.int8_mac_share, None, None, ""),
        "max_artifact_bytes": (run.artifact_bytes, None, None, ""),
    }
    return figures[gate]


def _of(estimate: records.Estimate | None, reason: str) -> Measured:
    """Return an estimate that is trusted, or why there is none."""
    return (None, None, None, reason) if estimate is None else (estimate.value, estimate.interval, estimate.n, "")


def _sqnr(run: records.Run) -> Measured:
    """Return the SQNR; where its upper end is infinite the lower one, from the NMSE, still decides a least SQNR."""
    if run.sqnr_db is None:
        return None, None, run.n, run.reasons.get("sqnr_db", "")
    if run.sqnr_db_interval is not None:
        return run.sqnr_db, run.sqnr_db_interval, run.n, ""
    if run.nmse_interval is not None:
        return run.sqnr_db, (-10 * math.log10(run.nmse_interval[1]), math.inf), run.n, ""
    return run.sqnr_db, None, run.n, run.reasons.get("sqnr_db_interval", "")


def _latency(run: records.Run, name: str, reason: str) -> Measured:
    value = getattr(run.latency_ms, name) if run.latency_ms else None
    disturbed = run.throughput_per_s is not None and run.throughput_per_s.label == "DISTURBED"
    if value is None:
        return None, None, None, run.reasons.get(name, reason)
    interval = getattr(run.latency_ms, f"{name}_interval")
    return value, interval, run.latency_ms.n if run.latency_ms else None, reason if disturbed else ""
