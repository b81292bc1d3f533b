"""What a task is: functions from outputs to answers and to figures, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from workbench.measure.divergence import KlSummary

AnyArray = npt.NDArray[Any]
Outputs = Mapping[str, AnyArray]
WORST_SAMPLES = 20


@dataclass(frozen=True)
class TaskOptions:
    """The [task] table.

    Attributes:
        class_offset: outputs before the first label (a background class), dropped before the answer.
        probabilities: the compared output holds probabilities, not logits.
    """

    class_offset: int = 0
    probabilities: bool = False


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval and the number of samples."""

    value: float
    interval: tuple[float, float]
    n: int


@dataclass(frozen=True)
class AnswerChanges:
    """Counts of answers that differ from the reference; the three kinds are None without labels.

    `wrong_to_other` counts samples wrong before and after, with another answer.
    """

    changed: int
    right_to_wrong: int | None = None
    wrong_to_right: int | None = None
    wrong_to_other: int | None = None


@dataclass(frozen=True)
class TaskOutcome:
    """Figures of one run against the reference; what does not apply is None and `reasons` says why.

    Attributes:
        accuracy: share of right answers, Wilson interval. metric: its name, such as "top1".
        accuracy_change_points: (n01 - n10) / N * 100, Newcombe's paired interval.
        mcnemar_p: mid-p of the paired change.
        discordant_share: (n10 + n01) / N, what `statistics.resolution_points` needs.
        top1_agreement: share of equal answers, Wilson interval. top5_overlap: mean shared part of the five best.
        kl: over samples, in nats.
        worst: most changed samples first, JSON values; keys index, and what the task ranks by.
        findings: sentences for a person.
    """

    metric: str
    n: int
    accuracy: Figure | None = None
    accuracy_change_points: Figure | None = None
    mcnemar_p: float | None = None
    discordant_share: float | None = None
    top1_agreement: Figure | None = None
    top5_overlap: float | None = None
    answers_changed: AnswerChanges | None = None
    kl: KlSummary | None = None
    worst: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One kind of task.

    Attributes:
        kind: the study file's name of it. title: for a person.
        has_answers: each sample has one answer that can be compared and checked.
        answers: (outputs, options) -> int64 [N]; used in workers too, numpy only. None without answers.
        evaluate: (reference outputs, outputs, labels int64 [N] or None, options) -> TaskOutcome. Both output mappings
            hold the compared outputs in one order, [N, ...] each.
    """

    kind: str
    title: str
    has_answers: bool
    answers: Callable[[Outputs, TaskOptions], AnyArray] | None
    evaluate: Callable[[Outputs, Outputs, AnyArray | None, TaskOptions], TaskOutcome]
