"""The registry of tasks."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import StudyError
from workbench.measure import tasks


def test_registry() -> None:
    assert set(tasks.TASKS) == {"classification", "divergence"}
    for kind, task in tasks.TASKS.items():
        assert tasks.find_task(kind) is task
        assert task.kind == kind
        assert task.title
        assert task.has_answers == (task.answers is not None)


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(StudyError, match='Did you mean "classification"'):
        tasks.find_task("clasification")
    with pytest.raises(StudyError, match="known are classification, divergence"):
        tasks.find_task("xyz")


def test_answers_read_the_first_output_and_the_offset() -> None:
    answers = tasks.TASKS["classification"].answers
    assert answers is not None
    outputs = {"logits": np.array([[9.0, 1.0, 2.0]]), "features": np.array([[1.0, 0.0]])}
    assert answers(outputs, tasks.TaskOptions(class_offset=1)).tolist() == [1]
    assert answers(outputs, tasks.TaskOptions()).tolist() == [0]


def test_exported_names_exist() -> None:
    assert sorted(tasks.__all__) == sorted(set(tasks.__all__))
    assert all(hasattr(tasks, name) for name in tasks.__all__)
