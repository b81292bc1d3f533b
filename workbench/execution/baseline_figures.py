"""Figures of a run against the baseline's run of the same row: answers, error, speed, placement, what was different."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.execution import result as records
from workbench.execution.baseline_record import NodeMove
from workbench.execution.evaluate import Judge, Outputs, estimate, headline
from workbench.measure.divergence import IDENTICAL, divergence, nmse_per_sample, sums_per_sample
from workbench.measure.latency import ratio_interval
from workbench.measure.statistics import RATIO_FLOOR, ratio_of_sums_interval
from workbench.measure.tasks.classification import differs

MOST_SAMPLES, MOST_MOVED, MOST_NODES = 100, 10, 50


def answer_figures(judge: Judge, then: Outputs, now: Outputs) -> dict[str, Any]:
    """Return the ComparedRun fields about answers and distances; `then` and `now` differ somewhere.

    Raises:
        DataError: labels do not fit.
    """
    outcome = judge.task.evaluate(then, now, judge.labels, judge.options)
    distances = {name: divergence(judge.reference[name], now[name]) for name in judge.reference}
    name = headline(judge, distances)
    sqnr, missing = sqnr_change(judge, name, then, now)
    changes = outcome.answers_changed
    return {
        "n": judge.n,
        "answers_changed": None if changes is None else records.AnswersChanged(**vars(changes)),
        "accuracy_change_points": estimate(outcome.accuracy_change_points),
        "sqnr_change_db": sqnr,
        "nmse": divergence(then[name], now[name]).nmse,
        "samples": changed_samples(judge, name, then, now),
        "reasons": {**outcome.reasons, **({"sqnr_change_db": missing} if missing else {})},
    }


def same_figures(judge: Judge) -> dict[str, Any]:
    """Return the ComparedRun fields of two runs whose outputs are equal bit for bit: nothing moved, no interval."""
    nothing = records.Estimate(value=0.0, n=judge.n)
    kinds = ("right_to_wrong", "wrong_to_right", "wrong_to_other")
    counts = dict.fromkeys(kinds, None if judge.labels is None else 0)
    has_answers = judge.task.answers is not None
    return {
        "n": judge.n,
        "answers_changed": records.AnswersChanged(changed=0, **counts) if has_answers else None,
        "accuracy_change_points": nothing if has_answers and judge.labels is not None else None,
        "sqnr_change_db": nothing,
        "nmse": 0.0,
    }


def sqnr_change(judge: Judge, name: str, then: Outputs, now: Outputs) -> tuple[records.Estimate | None, str]:
    """Return the change of one output's SQNR in dB, then to now, both against today's reference; or None and why.

    -10 log10(sum of now's squared errors / sum of then's): the power of the reference cancels. Paired bootstrap over
    samples, over sequences for a recurrent model; no interval below RATIO_FLOOR of them.
    """
    reference = judge.reference[name]
    errors = [sums_per_sample(reference, outputs[name])[1] for outputs in (now, then)]
    if not all(np.isfinite(error).all() for error in errors):
        return None, "an output holds NaN or infinite values"
    now_sum, then_sum = (math.fsum(error) for error in errors)
    if now_sum == 0:
        return None, IDENTICAL
    if then_sum == 0:
        return None, "the baseline's answers were those of the reference, these are not"
    interval = None
    if len(reference) == judge.n and judge.index.n >= RATIO_FLOOR:
        per_unit = [error.reshape(-1, judge.frames).sum(axis=1) for error in errors]
        interval = ratio_of_sums_interval(per_unit[0], per_unit[1])
    has_ends = interval is not None and interval[0] > 0
    ends = (_decibels(interval[1]), _decibels(interval[0])) if interval is not None and has_ends else None
    return records.Estimate(value=_decibels(now_sum / then_sum), interval=ends, n=judge.index.n), ""


def changed_samples(judge: Judge, name: str, then: Outputs, now: Outputs) -> list[dict[str, Any]]:
    """Return the samples whose answers differ, in their order; without answers those whose output moved most."""
    if judge.task.answers is None:
        moved = nmse_per_sample(then[name], now[name])
        order = np.argsort(-np.nan_to_num(moved, nan=np.inf, posinf=np.inf), kind="stable")[:MOST_MOVED]
        return [_moved(judge, int(row), float(moved[row])) for row in order if moved[row] != 0]
    answers = [judge.task.answers(outputs, judge.options) for outputs in (then, now)]
    where = np.flatnonzero(differs(*answers))[:MOST_SAMPLES]
    return [_changed(judge, int(row), int(answers[0][row]), int(answers[1][row])) for row in where]


def speed_figures(then: records.Run, now: records.Run) -> dict[str, Any]:
    """Return speed_ratio, and under `reasons` why it is null or must not be trusted."""
    a, b = now.throughput_per_s, then.throughput_per_s
    problem = ""
    if a is None or b is None:
        problem = "not timed now" if a is None else "not timed in the baseline"
    elif then.machine != now.machine:
        problem = "the baseline was timed on another machine"
    elif (then.threads, then.batch) != (now.threads, now.batch):
        problem = "threads or batch differ"
    if a is None or b is None or problem:
        return {"reasons": {"speed_ratio": problem}}
    own, other = a.windows_per_s[a.steady_from :], b.windows_per_s[b.steady_from :]
    value, low, high = ratio_interval([own], [other], paired_by_round=False)
    interval = None if low is None or high is None else (low, high)
    both = (("now", a), ("then", b))
    disturbed = [f"{when}: {part.label_reason}" for when, part in both if part.label == "DISTURBED"]
    return {
        "speed_ratio": records.Estimate(value=value, interval=interval, n=min(len(own), len(other))),
        "reasons": {"speed_ratio": "; ".join(disturbed)} if disturbed else {},
    }


def moved_nodes(then: records.Run, now: records.Run) -> list[NodeMove]:
    """Return the nodes whose device or precision is another than in the baseline, in the order of now."""
    before, after = _placements(then), _placements(now)
    names = [*after, *(node for node in before if node not in after)]
    return [
        NodeMove(
            node=node,
            op_type=(after.get(node) or before[node])[0],
            then=before[node][1] if node in before else "",
            now=after[node][1] if node in after else "",
        )
        for node in names
        if before.get(node, ("", ""))[1] != after.get(node, ("", ""))[1]
    ]


def run_differences(then: records.Run, now: records.Run) -> list[str]:
    """Return in words what is another than in the baseline, of what a run was made of."""
    pairs: Sequence[tuple[str, Any, Any]] = (
        ("label", then.label, now.label),
        ("candidate", then.candidate, now.candidate),
        ("runtime", then.runtime, now.runtime),
        ("threads", then.threads, now.threads),
        ("batch", then.batch, now.batch),
    )
    found = [f"{what} {before} -> {after}" for what, before, after in pairs if before != after]
    found += _version_differences(then.versions, now.versions)
    found += ["the plan"] if then.plan_sha256 != now.plan_sha256 else []
    found += ["the artifact"] if then.artifact_sha256 != now.artifact_sha256 else []
    found += ["what was realised"] if then.deviations != now.deviations else []
    return found + (["the machine"] if then.machine != now.machine else [])


def _version_differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = [name for name in dict.fromkeys([*now, *then]) if then.get(name) != now.get(name)]
    return [f"{name} {then.get(name, 'none')} -> {now.get(name, 'none')}" for name in names]


def _placements(run: records.Run) -> dict[str, tuple[str, str]]:
    """Return node -> op type and where it ran; what has no node is the runtime's own."""
    return {item.node: (item.op_type, f"{item.device} {item.precision}") for item in run.placement if item.node}


def _changed(judge: Judge, row: int, then: int, now: int) -> dict[str, Any]:
    label = None if judge.labels is None else int(judge.labels[row])
    return {"index": row, "file": judge.name_of(row), "answer_then": then, "answer": now, "label": label}


def _moved(judge: Judge, row: int, nmse: float) -> dict[str, Any]:
    return {"index": row, "file": judge.name_of(row), "nmse": nmse if math.isfinite(nmse) else None}


def _decibels(ratio: float | npt.NDArray[np.float64]) -> float:
    return -10 * math.log10(float(ratio))
