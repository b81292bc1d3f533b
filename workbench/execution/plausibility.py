"""Mistakes of set-up that give figures which look fine: wrong pixel scale, class offset, label order, swapped data.

Each is judged from evidence in the study itself and said in one sentence; nothing is corrected silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.execution.evaluate import Judge
from workbench.measure.statistics import wilson
from workbench.measure.tasks import TaskOptions

MIN_N = 20
OFFSETS = (0, 1, 2)
LOW_ACCURACY = 0.1
CLEAR_GAIN = 0.2


def plausibility_findings(judge: Judge, preprocess: Mapping[str, Any], calibration_n: int | None) -> list[str]:
    """Return sentences about what is probably a mistake in the study, the most likely cause first.

    Args:
        judge: the float32 reference's outputs with labels and task options.
        preprocess: the declared preprocessing as JSON.
        calibration_n: number of calibration samples; None without any.
    """
    found = _pixel_scale(preprocess) if judge.index.kind == "images" else []
    found += _labels(judge)
    if calibration_n is not None and calibration_n > 2 * judge.index.n:
        found.append(
            f"calibration has {calibration_n:,} samples and evaluation only {judge.index.n:,}: are the two swapped?"
        )
    return found


def _pixel_scale(preprocess: Mapping[str, Any]) -> list[str]:
    """Mean and std of 0..1 training code on pixels 0..255 give inputs of some hundreds."""
    mean, std = preprocess.get("mean") or [0.0], preprocess.get("std") or [1.0]
    if max(std) >= 1.0 or max(mean) > 1.0:
        return []
    return ["mean and std look like those for pixels 0..1, but pixels are 0..255 here: multiply both by 255"]


def _labels(judge: Judge) -> list[str]:
    answers, labels = judge.task.answers, judge.labels
    if answers is None or labels is None or len(labels) < MIN_N:
        return []
    if len(np.unique(labels)) == 1:
        name = judge.index.label_names[int(labels[0])] if judge.index.label_names else str(labels[0])
        return [f"all {len(labels):,} evaluation samples have the label {name!r}: is `labels` missing, or path wrong?"]
    shares = {
        offset: float(np.mean(answers(judge.reference, TaskOptions(offset, judge.options.probabilities)) == labels))
        for offset in {*OFFSETS, judge.options.class_offset}
        if offset < _classes(judge)
    }
    here = shares[judge.options.class_offset]
    best = max(shares, key=lambda offset: shares[offset])
    if shares[best] >= here + CLEAR_GAIN:
        return [
            f"the FP32 reference is right in {100 * here:.1f} % of the samples; with class_offset = {best} it would be "
            f"{100 * shares[best]:.1f} %: mend class_offset in [task]"
        ]
    is_chance = wilson(round(here * len(labels)), len(labels))[0] <= 1 / _classes(judge)
    if is_chance or here < min(LOW_ACCURACY, 20 / _classes(judge)):
        guess = f", no better than guessing among {_classes(judge):,} classes" if is_chance else ""
        return [
            f"the FP32 reference itself is right in only {100 * here:.1f} % of the samples{guess}: check mean, std and "
            "color, and whether labels are in the order of the outputs, before reading anything else"
        ]
    return []


def _classes(judge: Judge) -> int:
    first = next(iter(judge.reference.values()))
    return int(np.prod(first.shape[1:])) if first.ndim > 1 else 1
