"""Gates: limits a study sets on its results, judged on the interval, not on the figure.

Non-inferiority: PASS only when the whole interval is on the good side of the limit, FAIL only when it is wholly on the
bad side, otherwise CANNOT TELL with the number of samples it would need. A limit itself is on the good side.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from workbench.errors import StudyError
from workbench.measure.divergence import IDENTICAL
from workbench.measure.statistics import needed_n_from_interval

Verdict = Literal["PASS", "FAIL", "CANNOT TELL"]
WIDTH_DIGITS = 3
"""Significant digits of an interval's width that its figures show."""


@dataclass(frozen=True)
class Gate:
    """One known gate.

    Attributes:
        name: key under [gates].
        measures: what the value is, in words, and which field of a run holds it.
        noun: what a sentence calls the value.
        direction: "max": good is at most the limit; "min": good is at least the limit.
        unit: printed after figures.
        low, high: range of a sensible limit. whole: the limit is a count. share: a fraction, told in percent.
        negated: the value is a change whose negative is limited (a drop).
        counted: what the interval's n counts, for "needs about n ...".
        against_baseline: the value compares a run with the same run of an earlier study.
    """

    name: str
    measures: str
    noun: str
    direction: Literal["max", "min"]
    unit: str = ""
    low: float = 0.0
    high: float = math.inf
    whole: bool = False
    share: bool = False
    negated: bool = False
    counted: str = "samples"
    against_baseline: bool = False


@dataclass(frozen=True)
class Judgement:
    """How one gate was judged.

    Attributes:
        text: one sentence with the figure, its interval and the limit.
        needs_n: samples (or windows) CANNOT TELL would need at the observed value; None when it cannot be estimated.
    """

    verdict: Verdict
    text: str
    needs_n: int | None = None


GATES: Mapping[str, Gate] = {
    gate.name: gate
    for gate in (
        Gate(
            "max_accuracy_drop_points",
            "accuracy change against the FP32 reference (accuracy_change_points)",
            "accuracy change",
            "max",
            unit=" points",
            high=100,
            negated=True,
        ),
        Gate(
            "min_top1_agreement",
            "share of answers equal to the reference's (top1_agreement)",
            "same answer as FP32",
            "min",
            unit=" %",
            high=1,
            share=True,
        ),
        Gate("min_sqnr_db", "signal to quantization noise ratio (sqnr_db)", "SQNR", "min", unit=" dB", low=-math.inf),
        Gate(
            "max_answers_changed",
            "number of answers changed in the set (answers_changed.changed)",
            "answers changed",
            "max",
            whole=True,
        ),
        Gate(
            "min_speedup",
            "ratio to its own FP32 (speedup, own_fp32)",
            "speed against its own FP32",
            "min",
            unit="x",
            counted="1-s windows",
        ),
        Gate(
            "max_latency_ms_p90",
            "P90 latency of one run (latency_ms.p90)",
            "P90 latency",
            "max",
            unit=" ms",
            counted="runs",
        ),
        Gate(
            "max_latency_ms_p99",
            "P99 latency of one run (latency_ms.p99)",
            "P99 latency",
            "max",
            unit=" ms",
            counted="runs",
        ),
        Gate(
            "min_throughput_per_s",
            "sustained samples per second (throughput_per_s.sustained)",
            "sustained rate",
            "min",
            unit=" per s",
            counted="1-s windows",
        ),
        Gate(
            "min_int8_mac_share",
            "share of MACs that ran in INT8 (int8_mac_share)",
            "MACs in INT8",
            "min",
            unit=" %",
            high=1,
            share=True,
        ),
        Gate("max_artifact_bytes", "size of the artifact (artifact_bytes)", "size", "max", unit=" bytes", whole=True),
        Gate(
            "max_baseline_accuracy_drop_points",
            "accuracy change against the baseline",
            "accuracy change against the baseline",
            "max",
            unit=" points",
            high=100,
            negated=True,
            against_baseline=True,
        ),
        Gate(
            "max_baseline_answers_changed",
            "number of answers that differ from the baseline's",
            "answers that differ from the baseline's",
            "max",
            whole=True,
            against_baseline=True,
        ),
        Gate(
            "max_baseline_sqnr_drop_db",
            "change of the signal to quantization noise ratio against the baseline",
            "SQNR change against the baseline",
            "max",
            unit=" dB",
            negated=True,
            against_baseline=True,
        ),
        Gate(
            "min_baseline_speed_ratio",
            "ratio of sustained rate to the baseline's on the same machine",
            "speed against the baseline",
            "min",
            unit="x",
            counted="1-s windows",
            against_baseline=True,
        ),
    )
}


def find_gate(name: str, limit: float | None = None) -> Gate:
    """Return a gate by name, checking the limit's range when one is given.

    Raises:
        StudyError: no such gate (names the nearest), or the limit is out of range or no whole number where one is due.
    """
    if name not in GATES:
        nearest = difflib.get_close_matches(name, GATES, n=1)
        raise StudyError(
            f'unknown gate "{name}"',
            why=f"known are {', '.join(GATES)}",
            how=f'Did you mean "{nearest[0]}"?' if nearest else "",
        )
    gate = GATES[name]
    if limit is not None and not _is_sensible(gate, limit):
        raise StudyError(
            f"{name} = {limit:g} is not a limit", why=f"it limits the {gate.measures}", how=f"Give {_range_text(gate)}."
        )
    return gate


def judge(
    name: str,
    limit: float,
    value: float | None,
    interval: tuple[float, float] | None = None,
    n: int | None = None,
    *,
    reason: str = "",
) -> Judgement:
    """Judge one figure against its limit.

    Args:
        name: of the gate.
        limit: as in the study file; for max_accuracy_drop_points the largest drop, 0 or more.
        value: the figure as the result holds it (the accuracy change is negative for a drop), None when there is none.
        interval: its 95 % interval (low, high) in the value's own sign, or None.
        n: samples behind the interval.
        reason: why value is None, or, beside a value, why it must not be trusted (a DISTURBED measurement).

    Returns:
        CANNOT TELL for no value and for one that must not be trusted; an SQNR without value because the outputs are
        identical passes; a figure without interval is judged on the value, and the text says so.

    Raises:
        StudyError: unknown gate, or a limit out of range.
    """
    gate = find_gate(name, limit)
    if value is None and reason == IDENTICAL and name in ("min_sqnr_db", "max_baseline_sqnr_drop_db"):
        return Judgement("PASS", f"identical outputs, {_limit_text(limit, gate)}")
    if value is None:
        return Judgement("CANNOT TELL", f"no figure: {reason or 'not measured'}")
    figure = f"{_figure_text(value, interval, gate)}, {_limit_text(limit, gate)}"
    if reason:
        return Judgement("CANNOT TELL", f"{figure}: {reason}")
    return _judge_bounds(gate, -limit if gate.negated else limit, value, interval, n, figure)


def _judge_bounds(
    gate: Gate, boundary: float, value: float, interval: tuple[float, float] | None, n: int | None, figure: str
) -> Judgement:
    low, high = interval if interval is not None else (value, value)
    worst, best = (low, high) if _more_is_better(gate) else (high, low)
    suffix = " (judged on the value, it has no interval)" if interval is None else ""
    if _is_good(worst, boundary, gate):
        return Judgement("PASS", figure + suffix)
    if not _is_good(best, boundary, gate):
        return Judgement("FAIL", figure + suffix)
    if n is None:
        return Judgement("CANNOT TELL", f"{figure}: the limit lies inside the interval")
    bound = worst if _is_good(value, boundary, gate) else best
    needs_n = needed_n_from_interval(n, value, bound, boundary)
    return Judgement("CANNOT TELL", f"{figure}: {_needs_text(needs_n, n, gate.counted)}", needs_n)


def _needs_text(needs_n: int | None, n: int, counted: str) -> str:
    if needs_n is None:
        return f"the figure lies on the limit, no number of {counted} decides"
    return f"needs about {needs_n:,} {counted}, has {n:,}"


def _is_good(value: float, boundary: float, gate: Gate) -> bool:
    return value >= boundary if _more_is_better(gate) else value <= boundary


def _more_is_better(gate: Gate) -> bool:
    return (gate.direction == "min") != gate.negated


def _is_sensible(gate: Gate, limit: float) -> bool:
    in_range = math.isfinite(limit) and gate.low <= limit <= gate.high
    return in_range and (not gate.whole or float(limit).is_integer())


def _range_text(gate: Gate) -> str:
    kind = "a whole number" if gate.whole else "a number"
    if math.isinf(gate.low):
        return kind
    return f"{kind} of {gate.low:g} or more" if math.isinf(gate.high) else f"{kind} from {gate.low:g} to {gate.high:g}"


def _limit_text(limit: float, gate: Gate) -> str:
    if gate.negated:
        return f"a drop of at most {_number(limit, gate)} allowed"
    word = "at most" if gate.direction == "max" else "at least"
    return f"{word} {_number(limit, gate)} asked"


def _figure_text(value: float, interval: tuple[float, float] | None, gate: Gate) -> str:
    """Return a figure with its interval and unit, rounded alike: to what the interval's width earns."""
    sign, width = "+" if gate.negated else "", 0.0 if interval is None else interval[1] - interval[0]
    decimals = WIDTH_DIGITS - 1 - math.floor(math.log10(width)) if 0 < width < math.inf else None
    figures = [value, *(interval or ())]
    rounded = figures if decimals is None else [round(item, decimals) for item in figures]
    first, *bounds = (_digits(item, gate, sign) for item in rounded)
    return f"{first}{f' [{bounds[0]}, {bounds[1]}]' if bounds else ''}{gate.unit}"


def _number(value: float, gate: Gate) -> str:
    digits = _digits(value, gate)
    return digits + (" point" if (digits, gate.unit) == ("1", " points") else gate.unit)


def _digits(value: float, gate: Gate, sign: str = "") -> str:
    if gate.whole:
        return f"{value:,.0f}"
    return format(100 * value if gate.share else value, f"{sign}.4g")
