"""Classification: one class per sample. Answers, accuracy, agreement, changed answers, worst samples.

The compared output is the first one; [N, C, 1, 1] and the like are read as [N, C].
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.measure import statistics
from workbench.measure.divergence import Floats, kl_per_sample, summarise_kl
from workbench.measure.tasks.task import (
    WORST_SAMPLES,
    AnswerChanges,
    AnyArray,
    Figure,
    Outputs,
    Task,
    TaskOptions,
    TaskOutcome,
)

Answers = npt.NDArray[np.int64]
NO_ANSWER = -1
CHUNK_VALUES = 1 << 20


def answers(logits: AnyArray, class_offset: int = 0) -> Answers:
    """Return int64 [N]: the index of the largest value after dropping `class_offset` outputs.

    Ties: the first index. A sample with a NaN has no answer (NO_ANSWER), which is never right and agrees with nothing.

    Args:
        logits: [N, ...], flattened per sample to classes; probabilities give the same answers.
        class_offset: outputs before the first label.

    Raises:
        DataError: no class is left after the offset.
    """
    parts = [np.empty(0, np.int64)]
    for rows in _row_chunks(logits, class_offset):
        best = np.argmax(rows, axis=1).astype(np.int64)
        best[np.isnan(rows).any(axis=1)] = NO_ANSWER
        parts.append(best)
    return np.concatenate(parts)


def top1_accuracy(given: Answers, labels: Answers) -> Figure:
    """Share of answers that equal their label, with the Wilson interval."""
    return _share(int(np.sum(given == labels)), len(labels))


def top1_agreement(reference: Answers, given: Answers) -> Figure:
    """Share of equal answers, with the Wilson interval; two samples without an answer do not agree."""
    return _share(len(given) - int(differs(reference, given).sum()), len(given))


def top5_overlap(reference: AnyArray, outputs: AnyArray, class_offset: int = 0) -> float:
    """Mean over samples of the shared part of the five (or all, if fewer) best classes, 0..1; ties: first index.

    A sample with a NaN on either side counts 0.
    """
    shared = 0.0
    pairs = zip(_row_chunks(reference, class_offset), _row_chunks(outputs, class_offset), strict=True)
    for f, q in pairs:
        count = min(5, f.shape[1])
        usable = ~(np.isnan(f).any(axis=1) | np.isnan(q).any(axis=1))
        best_f, best_q = _best(f[usable], count), _best(q[usable], count)
        shared += float((best_f[:, :, None] == best_q[:, None, :]).sum()) / count
    return shared / len(reference)


def differs(reference: Answers, given: Answers) -> npt.NDArray[np.bool_]:
    """Return bool [N]: where answers are not the same; no answer agrees with nothing, not with another one either."""
    return np.asarray((reference != given) | (reference == NO_ANSWER), np.bool_)


def answers_changed(reference: Answers, given: Answers, labels: Answers | None) -> AnswerChanges:
    """Count the answers that differ from the reference's, and with labels how they differ."""
    changed = differs(reference, given)
    if labels is None:
        return AnswerChanges(int(changed.sum()))
    was_right, is_right = reference == labels, given == labels
    return AnswerChanges(
        changed=int(changed.sum()),
        right_to_wrong=int((was_right & ~is_right).sum()),
        wrong_to_right=int((~was_right & is_right).sum()),
        wrong_to_other=int((~was_right & ~is_right & changed).sum()),
    )


def margin_loss(reference: AnyArray, outputs: AnyArray, class_offset: int = 0) -> Floats:
    """[N] of how much the reference's answer lost of its lead over the best other class, in output units.

    Lead = value of the reference's answer - largest other value, taken in each run; a loss above the reference's own
    lead is a changed answer. NaN where a sample has one, 0 for a single class.
    """
    parts = [np.empty(0, np.float64)]
    pairs = zip(_row_chunks(reference, class_offset), _row_chunks(outputs, class_offset), strict=True)
    for f, q in pairs:
        best = np.argmax(f, axis=1)
        with np.errstate(invalid="ignore"):
            parts.append(_lead(f, best) - _lead(q, best))
    return np.concatenate(parts)


def evaluate(reference: Outputs, outputs: Outputs, labels: AnyArray | None, options: TaskOptions) -> TaskOutcome:
    """Compare one run with the reference, see TaskOutcome.

    Raises:
        DataError: a label does not fit the classes, or the number of labels is not the number of samples.
    """
    f, q = next(iter(reference.values())), next(iter(outputs.values()))
    before, now = answers(f, options.class_offset), answers(q, options.class_offset)
    checked = None if labels is None else _checked_labels(labels, f, options.class_offset)
    kl = kl_per_sample(f, q, options.probabilities)
    agreement = top1_agreement(before, now)
    return TaskOutcome(
        metric="top1",
        n=len(now),
        top1_agreement=agreement,
        top5_overlap=top5_overlap(f, q, options.class_offset),
        answers_changed=answers_changed(before, now, checked),
        kl=summarise_kl(kl),
        worst=_worst(kl, margin_loss(f, q, options.class_offset), before, now, checked),
        findings=_findings(now),
        **_labelled(before, now, checked),
    )


TASK = Task(
    kind="classification",
    title="Classification",
    has_answers=True,
    answers=lambda outputs, options: answers(next(iter(outputs.values())), options.class_offset),
    evaluate=evaluate,
)


def _labelled(before: Answers, now: Answers, labels: Answers | None) -> dict[str, Any]:
    """The figures that need labels."""
    names = ("accuracy", "accuracy_change_points", "mcnemar_p")
    if labels is None:
        return {"reasons": dict.fromkeys(names, "the samples have no labels")}
    was_right, is_right = before == labels, now == labels
    n10, n01 = int((was_right & ~is_right).sum()), int((~was_right & is_right).sum())
    n11, n00 = int((was_right & is_right).sum()), int((~was_right & ~is_right).sum())
    value, low, high = statistics.newcombe_paired(n11, n10, n01, n00)
    return {
        "accuracy": top1_accuracy(now, labels),
        "accuracy_change_points": Figure(100 * value, (100 * low, 100 * high), len(labels)),
        "mcnemar_p": statistics.mcnemar_mid_p(n10, n01),
        "discordant_share": (n10 + n01) / len(labels),
    }


def _findings(now: Answers) -> tuple[str, ...]:
    """Sentences about samples without an answer."""
    missing = int((now == NO_ANSWER).sum())
    return (f"{missing} of {len(now)} samples have no answer: their outputs contain NaN",) if missing else ()


def _worst(
    kl: Floats, lost: Floats, before: Answers, now: Answers, labels: Answers | None
) -> tuple[dict[str, Any], ...]:
    """Samples by KL, then by margin loss, largest first; NaN ranks first, equal ones by index."""
    keys = [np.where(np.isnan(values), -np.inf, -values) for values in (lost, kl)]
    order = np.lexsort(keys)[:WORST_SAMPLES]
    return tuple(
        {
            "index": int(i),
            "reference_answer": int(before[i]),
            "answer": int(now[i]),
            "label": None if labels is None else int(labels[i]),
            "kl": float(kl[i]) if np.isfinite(kl[i]) else None,
            "margin_loss": float(lost[i]) if np.isfinite(lost[i]) else None,
        }
        for i in order
    )


def _checked_labels(labels: AnyArray, logits: AnyArray, class_offset: int) -> Answers:
    classes = _classes(logits, class_offset)
    if len(labels) != len(logits):
        raise DataError("labels do not fit the samples", why=f"{len(labels)} labels for {len(logits)} samples")
    low, high = int(np.min(labels)), int(np.max(labels))
    if low < 0 or high >= classes:
        raise DataError(
            f"label {low if low < 0 else high} is out of range",
            why=f"the model has {classes} classes, 0 to {classes - 1}, after class_offset {class_offset}",
            how=_label_remedy(low, high, classes),
        )
    return np.asarray(labels, np.int64)


def _label_remedy(low: int, high: int, classes: int) -> str:
    """Return what labels out of range most likely come from, and what mends it."""
    if low < 0:
        return "Labels are whole numbers from 0: correct them."
    if high == classes:
        return "Labels that count from 1 are one too high: lower each by 1, or correct class_offset under [task]."
    return "Give the labels of the set that the model was trained for, or the model for these data."


def _classes(logits: AnyArray, class_offset: int) -> int:
    classes = int(np.prod(logits.shape[1:], dtype=np.int64)) - class_offset
    if class_offset < 0 or classes < 1:
        raise DataError(
            f"class_offset {class_offset} leaves no class",
            why=f"an output of shape {list(logits.shape)} has {classes + class_offset} values per sample",
        )
    return classes


def _row_chunks(logits: AnyArray, class_offset: int) -> list[AnyArray]:
    """[rows, C] views, a few MB each, without the offset."""
    width = _classes(logits, class_offset) + class_offset
    rows = max(1, CHUNK_VALUES // width)
    flat = logits.reshape(len(logits), width)[:, class_offset:]
    return [flat[start : start + rows] for start in range(0, len(flat), rows)]


def _best(rows: AnyArray, count: int) -> Answers:
    """[N, count] indices of the largest values, best first; rows hold no NaN."""
    floor = np.finfo(np.float64).min
    left = np.maximum(rows.astype(np.float64), floor)
    picked = np.empty((len(rows), count), np.int64)
    every = np.arange(len(rows))
    for place in range(count):
        picked[:, place] = left.argmax(axis=1)
        left[every, picked[:, place]] = -np.inf
    return picked


def _lead(rows: AnyArray, best: Answers) -> Floats:
    values = rows.astype(np.float64)
    every = np.arange(len(values))
    own = values[every, best]
    values[every, best] = -np.inf
    return np.asarray(own - values.max(axis=1), np.float64) if values.shape[1] > 1 else np.zeros(len(values))


def _share(k: int, n: int) -> Figure:
    return Figure(k / n, statistics.wilson(k, n), n)
