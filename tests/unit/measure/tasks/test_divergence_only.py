"""Samples ranked by the largest error of any of their outputs."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from workbench.errors import ContractError
from workbench.measure.tasks import divergence_only
from workbench.measure.tasks.task import TaskOptions


def test_ranks_samples_over_all_outputs() -> None:
    rng = np.random.default_rng(0)
    f = {"boxes": rng.normal(size=(30, 8, 4)), "scores": rng.normal(size=(30, 8, 2))}
    q = {name: values.copy() for name, values in f.items()}
    q["scores"][4] *= 2
    q["boxes"][9] *= 1.5
    q["boxes"][11, 0, 0] = np.nan
    result = divergence_only.evaluate(f, q, None, TaskOptions())
    assert [(sample["index"], sample["output"]) for sample in result.worst[:3]] == [
        (11, "boxes"),
        (4, "scores"),
        (9, "boxes"),
    ]
    assert result.worst[0]["nmse"] is None
    assert [sample["nmse"] for sample in result.worst[1:4]] == pytest.approx([1.0, 0.25, 0.0])
    assert len(result.worst) == 20
    json.dumps(asdict(result), allow_nan=False)


def test_figures_that_need_answers_have_reasons() -> None:
    values = {"y": np.ones((3, 2))}
    result = divergence_only.evaluate(values, values, np.zeros(3, np.int64), TaskOptions())
    assert (result.n, result.metric, result.accuracy, result.kl) == (3, "none", None, None)
    assert {"accuracy", "top1_agreement", "answers_changed"} <= set(result.reasons)
    assert not divergence_only.TASK.has_answers


def test_shapes_must_agree() -> None:
    with pytest.raises(ContractError):
        divergence_only.evaluate({"y": np.ones((3, 2))}, {"y": np.ones((2, 2))}, None, TaskOptions())
