"""Task metrics: one file per task, and the registry of them. A new task is one file and one line here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from workbench.errors import StudyError
from workbench.measure.tasks import classification, divergence_only
from workbench.measure.tasks.task import (
    AnswerChanges,
    Figure,
    Outputs,
    Task,
    TaskOptions,
    TaskOutcome,
)

__all__ = ["TASKS", "AnswerChanges", "Figure", "Outputs", "Task", "TaskOptions", "TaskOutcome", "find_task"]

TASKS: Mapping[str, Task] = MappingProxyType({task.kind: task for task in (classification.TASK, divergence_only.TASK)})


def find_task(kind: str) -> Task:
    """Return the task of the study file's `[task] kind`. Raises StudyError naming the known kinds and the nearest."""
    if kind in TASKS:
        return TASKS[kind]
    nearest = difflib.get_close_matches(kind, TASKS, n=1)
    hint = f'Did you mean "{nearest[0]}"?' if nearest else ""
    raise StudyError(f'unknown task kind "{kind}"', why=f"known are {', '.join(TASKS)}", how=hint)
