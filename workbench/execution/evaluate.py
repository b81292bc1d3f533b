"""Figures of one run from its stored outputs: divergence, task metrics, where the error comes from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.execution import result as records
from workbench.measure.divergence import (
    Divergence,
    divergence,
    looks_like_probabilities,
    nmse_per_sample,
    sums_per_sample,
)
from workbench.measure.positions import position_errors
from workbench.measure.statistics import RATIO_FLOOR, ratio_of_sums_interval
from workbench.measure.tasks import Figure, Task, TaskOptions, TaskOutcome, find_task
from workbench.measure.tasks.classification import differs
from workbench.model.sample_index import SampleIndex

Outputs = Mapping[str, npt.NDArray[Any]]
WORST_IN_RESULT = 10


@dataclass(frozen=True, eq=False)
class Judge:
    """What every run of one model is compared with.

    Attributes:
        task, options: from the study; reference: compared outputs of the float32 reference, [n, ...] each.
        index: the evaluation samples; labels: int64 [n] or None.
        frames: of a recurrent model, frames per sample of the index, which then is a sequence; outputs have one row per
            frame. state_outputs: those fed back, which are compared but never the headline.
    """

    task: Task
    options: TaskOptions
    reference: Outputs
    index: SampleIndex
    labels: npt.NDArray[np.int64] | None
    frames: int = 1
    state_outputs: frozenset[str] = frozenset()
    _known: dict[tuple[Any, ...], Divergence] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Rows that an output per sample has."""
        return self.index.n * self.frames

    def distance(self, reference: npt.NDArray[Any], output: npt.NDArray[Any]) -> Divergence:
        """Return `divergence` of two outputs; of two stored ones once, since several runs ask for the same pair."""
        files = [getattr(values, "filename", None) for values in (reference, output)]
        if None in files:
            return divergence(reference, output)
        key = (*files, reference.shape, output.shape)
        if key not in self._known:
            self._known[key] = divergence(reference, output)
        return self._known[key]

    def name_of(self, row: int) -> str:
        """Return what a row of the outputs is called."""
        sample, frame = divmod(row, self.frames)
        return self.index.files[sample] + (f" frame {frame}" if self.frames > 1 else "")


@dataclass(frozen=True)
class ErrorIntervals:
    """95 % intervals of a headline's SQNR and NMSE; None with a reason, or without one where nothing differs."""

    sqnr_db: tuple[float, float] | None = None
    nmse: tuple[float, float] | None = None
    reason: str = ""


def open_outputs(folder: Path, record: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """Return the stored outputs of a record as memory maps, by name, in the compared order."""
    return {item["name"]: np.load(folder / item["path"], mmap_mode="r") for item in record["outputs"]}


def judge_of(
    task_kind: str,
    class_offset: int,
    reference: Outputs,
    index: SampleIndex,
    frames: int = 1,
    state_outputs: Iterable[str] = (),
) -> Judge:
    """Return what runs are compared with. Raises StudyError for an unknown task."""
    first = next(iter(reference.values()))
    probabilities = bool(first.size) and first.ndim > 1 and looks_like_probabilities(first[:256])
    labels = np.asarray(index.labels, np.int64) if index.labels is not None else None
    options = TaskOptions(class_offset, probabilities)
    return Judge(find_task(task_kind), options, reference, index, labels, frames, frozenset(state_outputs))


def task_figures(judge: Judge, outputs: Outputs) -> dict[str, Any]:
    """Return the Run fields that the task gives. Raises DataError when labels do not fit."""
    outcome = judge.task.evaluate(judge.reference, outputs, judge.labels, judge.options)
    kl = outcome.kl
    return {
        "n": outcome.n,
        "accuracy": _accuracy(outcome),
        "accuracy_change_points": estimate(outcome.accuracy_change_points),
        "mcnemar_p": outcome.mcnemar_p,
        "top1_agreement": estimate(outcome.top1_agreement),
        "top5_overlap": outcome.top5_overlap,
        "answers_changed": _changes(outcome),
        "kl_mean": kl.mean if kl else None,
        "kl_median": kl.median if kl else None,
        "kl_p99": kl.p99 if kl else None,
        "kl_max": kl.max if kl else None,
        "worst_samples": [{**item, "file": judge.name_of(item["index"])} for item in outcome.worst[:WORST_IN_RESULT]],
        "findings": list(outcome.findings),
        "reasons": dict(outcome.reasons),
        "discordant_share": outcome.discordant_share,
    }


def output_figures(judge: Judge, outputs: Outputs) -> dict[str, Any]:
    """Return the Run fields about distances: per compared output, and the headline of the worst one.

    Classification takes the headline from its first output, other tasks from the output with the least SQNR.
    """
    distances = {name: judge.distance(judge.reference[name], outputs[name]) for name in judge.reference}
    name = headline(judge, distances)
    head = distances[name]
    intervals = error_intervals(judge, head, judge.reference[name], outputs[name])
    findings = [text for key, value in distances.items() for text in _findings(key, value)]
    return {
        "sqnr_db": head.sqnr_db,
        "sqnr_db_interval": intervals.sqnr_db,
        "nmse": head.nmse,
        "nmse_interval": intervals.nmse,
        "outputs": [_tensor_divergence(key, value) for key, value in distances.items()],
        "error_by_position": _by_position(judge, name, outputs),
        "findings": findings,
        "reasons": {
            **{key: reason for key, reason in head.reasons.items() if key in ("sqnr_db", "nmse")},
            **({"sqnr_db_interval": intervals.reason} if intervals.reason else {}),
        },
        "headline": name,
    }


def error_intervals(
    judge: Judge, found: Divergence, reference: npt.NDArray[Any], output: npt.NDArray[Any]
) -> ErrorIntervals:
    """Return the intervals of an output's SQNR and NMSE: paired bootstrap over samples, ratio of resampled sums.

    SQNR is -10 log10(NMSE), so that one interval is the other's image. Frames of a sequence are not independent: what
    is resampled then are sequences.
    """
    if found.sqnr_db is None:
        return ErrorIntervals()
    unit = "sequences" if judge.frames > 1 else "samples"
    if len(reference) != judge.n:
        return ErrorIntervals(reason="the output has no value per sample to resample")
    if judge.index.n < RATIO_FLOOR:
        return ErrorIntervals(reason=f"{judge.index.n} {unit}, an interval needs {RATIO_FLOOR}")
    power, error = (sums.reshape(-1, judge.frames).sum(axis=1) for sums in sums_per_sample(reference, output))
    nmse = ratio_of_sums_interval(error, power)
    if nmse is None:
        return ErrorIntervals(reason="too few samples whose reference is not all zeros")
    if nmse[0] <= 0:
        differing = int(np.count_nonzero(error))
        return ErrorIntervals(
            None, nmse, f"only {differing} of {judge.index.n} {unit} differ, its upper end is infinite"
        )
    return ErrorIntervals((_decibels(nmse[1]), _decibels(nmse[0])), nmse)


def _by_position(judge: Judge, name: str, outputs: Outputs) -> records.PositionErrors | None:
    """Return the headline output's error against the position in the sequence; None for independent samples."""
    if judge.frames == 1 or len(judge.reference[name]) != judge.n:
        return None
    found = position_errors(judge.reference[name], outputs[name], judge.frames)
    return records.PositionErrors(
        output=name,
        sequences=found.sequences,
        frames=found.frames,
        first_frames=list(found.first_frames),
        nmse=list(found.nmse),
        sqnr_db=list(found.sqnr_db),
    )


def _decibels(nmse: float) -> float:
    return -10 * math.log10(nmse)


def headline(judge: Judge, distances: Mapping[str, Divergence]) -> str:
    """Return the output whose distance stands for the run: never a state that goes back into the model."""
    names = [name for name in distances if name not in judge.state_outputs] or list(distances)
    if judge.task.has_answers:
        return names[0]
    return min(names, key=lambda name: _order(distances[name]))


def error_split(
    judge: Judge, name: str, run: Outputs, simulated: Outputs | None, own_float: Outputs | None
) -> records.Divergence:
    """Return the NMSE of scheme, execution, platform and total on one output; they do not add up.

    scheme d(F, S), execution d(S, R), platform d(F, R_float), total d(F, R) with F the float32 reference, S the plan
    simulated in float, R this run, R_float the same runtime without quantization.
    """
    reference = judge.reference[name]
    return records.Divergence(
        scheme_nmse=judge.distance(reference, simulated[name]).nmse if simulated else None,
        execution_nmse=judge.distance(simulated[name], run[name]).nmse if simulated else None,
        platform_nmse=judge.distance(reference, own_float[name]).nmse if own_float else None,
        total_nmse=judge.distance(reference, run[name]).nmse,
    )


def disagreement(
    judge: Judge, candidate: str, precision: records.Precision, a: tuple[str, Outputs], b: tuple[str, Outputs]
) -> records.Disagreement:
    """Compare two runtimes on the same candidate: how far apart, and on which samples the answers differ."""
    (label_a, outputs_a), (label_b, outputs_b) = a, b
    name = next(iter(judge.reference))
    distance = divergence(outputs_a[name], outputs_b[name])
    differ: int | None = None
    samples: list[dict[str, Any]] = []
    if judge.task.answers is not None:
        answers_a = judge.task.answers(outputs_a, judge.options)
        answers_b = judge.task.answers(outputs_b, judge.options)
        where = np.flatnonzero(differs(answers_a, answers_b))
        differ = int(where.size)
        samples = [_pair(judge, int(i), int(answers_a[i]), int(answers_b[i])) for i in where[:WORST_IN_RESULT]]
    else:
        order = np.argsort(-np.nan_to_num(nmse_per_sample(outputs_a[name], outputs_b[name]), nan=np.inf), kind="stable")
        samples = [{"index": int(i), "file": judge.name_of(int(i))} for i in order[:WORST_IN_RESULT]]
    return records.Disagreement(
        candidate=candidate,
        precision=precision,
        label_a=label_a,
        label_b=label_b,
        n=len(outputs_a[name]),
        answers_differ=differ,
        nmse=distance.nmse,
        sqnr_db=distance.sqnr_db,
        samples=samples,
    )


def exchange(judge: Judge, label: str, ours: tuple[str, Outputs], native: tuple[str, Outputs]) -> records.Exchange:
    """Compare a native candidate's run with one of a plan on the same row: the tool-chain is all that differs."""
    (instead_of, outputs_a), (candidate, outputs_b) = ours, native
    distances = {name: divergence(outputs_a[name], outputs_b[name]) for name in judge.reference}
    distance = distances[headline(judge, distances)]
    outcome = judge.task.evaluate(outputs_a, outputs_b, judge.labels, judge.options)
    changed = outcome.answers_changed
    return records.Exchange(
        label=label,
        instead_of=instead_of,
        candidate=candidate,
        n=judge.n,
        answers_differ=changed.changed if changed else None,
        accuracy_change_points=estimate(outcome.accuracy_change_points),
        sqnr_db=distance.sqnr_db,
        nmse=distance.nmse,
    )


def misfit(judge: Judge, outputs: Outputs) -> str:
    """Return how stored outputs differ in name or shape from the reference's, "" when they can be compared."""
    for name, reference in judge.reference.items():
        if name not in outputs:
            return f"output {name!r} is missing"
        if outputs[name].shape != reference.shape:
            found, wanted = list(outputs[name].shape), list(reference.shape)
            return f"output {name!r} is {found} over all samples, the reference's is {wanted}"
    return ""


def estimate(figure: Figure | None) -> records.Estimate | None:
    """Return a task's figure as a record."""
    return None if figure is None else records.Estimate(value=figure.value, interval=figure.interval, n=figure.n)


def _pair(judge: Judge, index: int, a: int, b: int) -> dict[str, Any]:
    label = None if judge.labels is None else int(judge.labels[index])
    return {"index": index, "file": judge.name_of(index), "answer_a": a, "answer_b": b, "label": label}


def _accuracy(outcome: TaskOutcome) -> records.Accuracy | None:
    if outcome.accuracy is None:
        return None
    return records.Accuracy(metric=outcome.metric, value=outcome.accuracy.value, interval=outcome.accuracy.interval)


def _changes(outcome: TaskOutcome) -> records.AnswersChanged | None:
    changes = outcome.answers_changed
    if changes is None:
        return None
    return records.AnswersChanged(
        changed=changes.changed,
        right_to_wrong=changes.right_to_wrong,
        wrong_to_right=changes.wrong_to_right,
        wrong_to_other=changes.wrong_to_other,
    )


def _tensor_divergence(name: str, value: Divergence) -> records.TensorDivergence:
    return records.TensorDivergence(
        output=name,
        sqnr_db=value.sqnr_db,
        nmse=value.nmse,
        cosine_similarity=value.cosine_similarity,
        max_abs_error=value.max_abs_error,
        mean_abs_error=value.mean_abs_error,
        nonfinite=value.nonfinite,
        constant=any(value.constant_slices),
    )


def _findings(name: str, value: Divergence) -> list[str]:
    found = []
    if value.nonfinite:
        found.append(f"output {name} holds {value.nonfinite} NaN or infinite values of {value.n_values}")
    for axis, indices in enumerate(value.constant_slices, 1):
        if indices:
            first = ", ".join(map(str, indices[:5])) + (f" and {len(indices) - 5} more" if len(indices) > 5 else "")
            where = f"column {first}" if axis == len(value.constant_slices) else f"slice {first} of axis {axis}"
            found.append(f"output {name} is constant in {where} although the FP32 reference is not")
    return found


def _order(value: Divergence) -> float:
    """Sort key: runs with non-finite values first, then by SQNR, identical last."""
    if value.nmse is None:
        return -np.inf
    return np.inf if value.sqnr_db is None else value.sqnr_db
