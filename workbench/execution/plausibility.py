"""Mistakes of set-up that give figures which look fine: wrong pixel scale, class offset, label order, swapped data.

Each is judged from evidence in the study itself and said in one sentence; nothing is corrected silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.execution.evaluate import Judge
from workbench.measure.statistics import wilson
from workbench.measure.tasks import TaskOptions

Labels = npt.NDArray[np.int64]
MIN_N = 20
OFFSETS = (0, 1, 2)
LOWERED = (1, 2)
"""How much too high labels may be that count from 1 where outputs count from 0."""
LOW_ACCURACY = 0.1
CLEAR_GAIN = 0.2
MIN_PER_LABEL = 5
"""Samples of a label, in the mean, from which the answer that most of them get is told."""
MOST = 0.5
SHOWN = 3


def plausibility_findings(judge: Judge, preprocess: Mapping[str, Any], calibration_n: int | None) -> list[str]:
    """Return sentences about what is probably a mistake in the study, the most likely cause first.

    Args:
        judge: the float32 reference's outputs with labels and task options.
        preprocess: the declared preprocessing as JSON.
        calibration_n: number of calibration samples; None without any.
    """
    found = _pixel_scale(preprocess) if judge.index.kind == "images" else []
    found += _labels(judge) + _unlabelled(judge)
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
    here = _share(judge, judge.options.class_offset)
    return _numbering(judge, labels, here) or _order(judge, labels, here) or _low(judge, labels, here)


def _unlabelled(judge: Judge) -> list[str]:
    """Accuracy was asked for, and what the scan noted says why there is none."""
    notes = [note for note in judge.index.notes if "label" in note]
    if not judge.task.has_answers or judge.labels is not None or not notes:
        return []
    return [f"the evaluation samples have no labels, so that accuracy is not measured: {'; '.join(notes)}"]


def _numbering(judge: Judge, labels: Labels, here: float) -> list[str]:
    """Labels and outputs that count from different numbers: another class_offset, or labels that begin at 1."""
    offset = judge.options.class_offset
    tried = [
        (_share(judge, other), f"class_offset = {other}", _offset_cause(other - offset))
        for other in OFFSETS
        if other != offset and other < _classes(judge)
    ]
    tried += [
        (_share(judge, offset, labels - by), f"labels lowered by {by}", f"they count from {by}, outputs from 0")
        for by in LOWERED
        if by > offset
    ]
    best, words, cause = max(tried)
    if best < here + CLEAR_GAIN or best + CLEAR_GAIN <= _usual_answers(judge, labels)[0]:
        return []
    return [f"{_right(here)}; with {words} it would be {100 * best:.1f} %: {cause}"]


def _offset_cause(more: int) -> str:
    return f"mend class_offset in [task], or the labels if they are {abs(more)} too {'low' if more > 0 else 'high'}"


def _order(judge: Judge, labels: Labels, here: float) -> list[str]:
    """Labels in another order than the outputs: most samples of each label get one and the same other answer."""
    share, answer_of = _usual_answers(judge, labels)
    if share < max(MOST, here + 2 * CLEAR_GAIN):
        return []
    other = [f"{_name(judge, label)} as {answer}" for label, answer in answer_of.items() if label != answer]
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    return [
        f"{_right(here)}, yet {100 * share:.1f} % get the one answer that is usual for their label: the labels are in "
        f"another order than the outputs; answered are label {', '.join(other[:SHOWN])}{more}"
    ]


def _usual_answers(judge: Judge, labels: Labels) -> tuple[float, dict[int, int]]:
    """Return the share of samples that get their label's most frequent answer, and label -> that answer.

    0 and nothing where labels have too few samples each, or share an answer: that would be no other order.
    """
    kinds = np.unique(labels)
    if judge.task.answers is None or len(labels) < MIN_PER_LABEL * len(kinds):
        return 0.0, {}
    given = judge.task.answers(judge.reference, judge.options)
    answer_of, hits = {}, 0
    for label in kinds:
        answers, counts = np.unique(given[labels == label], return_counts=True)
        answer_of[int(label)] = int(answers[np.argmax(counts)])
        hits += int(counts.max())
    is_order = len(set(answer_of.values())) == len(kinds)
    return (hits / len(labels), answer_of) if is_order else (0.0, {})


def _low(judge: Judge, labels: Labels, here: float) -> list[str]:
    classes = _classes(judge)
    hardly = min(2.0, max(1.0, classes / 5)) / classes
    is_chance = wilson(round(here * len(labels)), len(labels))[0] <= hardly
    if not is_chance and here >= min(LOW_ACCURACY, 100 / classes):
        return []
    guess = f", hardly better than guessing among {classes:,} classes" if is_chance else ""
    causes = [*_other_data(judge, labels), *_fed(judge), "and whether labels are in the order of the outputs"]
    return [f"{_right(here, 'only ')}{guess}: before reading anything else check {', '.join(causes)}"]


def _other_data(judge: Judge, labels: Labels) -> list[str]:
    """Far fewer labels than outputs: a model for other data, or sub-folders that are some of its classes only."""
    used, classes = max(len(judge.index.label_names), int(labels.max()) + 1), _classes(judge)
    if 2 * used > classes:
        return []
    names = judge.index.label_names[:SHOWN]
    numbered = f" ({', '.join(names)}, ... numbered by their order)" if names else ""
    return [f"whether the model is for these data: labels are {used:,}{numbered}, its outputs {classes:,}"]


def _fed(judge: Judge) -> list[str]:
    """What reaches the model: the scan's notes on arrays; of images what [preprocess] says."""
    if judge.index.kind == "images":
        return ["mean, std, color and size in [preprocess]"]
    fed = "; ".join(note for note in judge.index.notes if "label" not in note)
    return [f"the scale of the arrays ({fed})" if fed else "the scale of the arrays"]


def _share(judge: Judge, offset: int, labels: Labels | None = None) -> float:
    """Return the share of right answers of the reference with another class_offset, or other labels."""
    given = labels if labels is not None else judge.labels
    assert judge.task.answers is not None
    options = TaskOptions(offset, judge.options.probabilities)
    return float(np.mean(judge.task.answers(judge.reference, options) == given))


def _right(share: float, only: str = "") -> str:
    return f"the FP32 reference is right in {only}{100 * share:.1f} % of the samples"


def _name(judge: Judge, label: int) -> str:
    names = judge.index.label_names
    return f"{label} ({names[label]})" if 0 <= label < len(names) else str(label)


def _classes(judge: Judge) -> int:
    first = next(iter(judge.reference.values()))
    return int(np.prod(first.shape[1:])) if first.ndim > 1 else 1
