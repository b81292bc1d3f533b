"""Divergence only: a model whose outputs have no single answer, or samples without labels. Ranks samples by NMSE."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.measure.divergence import nmse_per_sample
from workbench.measure.tasks.task import WORST_SAMPLES, AnyArray, Outputs, Task, TaskOptions, TaskOutcome

NO_ANSWERS = "the task compares outputs only"


def evaluate(reference: Outputs, outputs: Outputs, labels: AnyArray | None, options: TaskOptions) -> TaskOutcome:
    """Rank samples by the largest NMSE of their compared outputs; labels and options are not used.

    Worst samples: index, nmse (None where not finite) and the output's name. NaN and infinity rank first.
    """
    del labels, options
    names = tuple(reference)
    per_output = np.stack([nmse_per_sample(reference[name], outputs[name]) for name in names])
    ranked = np.where(np.isnan(per_output), np.inf, per_output)
    worst_output, worst_nmse = ranked.argmax(axis=0), ranked.max(axis=0)
    order = np.argsort(-worst_nmse, kind="stable")[:WORST_SAMPLES]
    return TaskOutcome(
        metric="none",
        n=per_output.shape[1],
        worst=tuple(_sample(int(i), float(worst_nmse[i]), names[worst_output[i]]) for i in order),
        reasons=dict.fromkeys(
            ("accuracy", "accuracy_change_points", "top1_agreement", "top5_overlap", "answers_changed", "kl"),
            NO_ANSWERS,
        ),
    )


TASK = Task(kind="divergence", title="Divergence only", has_answers=False, answers=None, evaluate=evaluate)


def _sample(index: int, nmse: float, output: str) -> dict[str, Any]:
    return {"index": index, "nmse": nmse if np.isfinite(nmse) else None, "output": output}
