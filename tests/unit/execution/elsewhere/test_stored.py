"""A finished study opened again: all that a returned job is compared with, and what has changed since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import StudyError
from workbench.execution.elsewhere.stored import open_stored
from workbench.model.data import sample_index_from_json


def test_everything_of_the_result_is_there(finished: Any) -> None:
    stored = open_stored(finished.folder, finished.result)
    (candidate,) = stored.study.candidates
    model, plan = stored.model_of(candidate), stored.plans[candidate.name]
    assert plan.plan.sha256 == finished.result.candidates[0].plan_sha256
    assert model.prepared.sha256 == finished.result.model.sha256
    assert list(model.judge.reference) == finished.result.model.compared_outputs
    assert model.judge.n == finished.result.data["evaluation"].n == len(next(iter(model.judge.reference.values())))
    assert plan.simulated is not None
    here = stored.outputs_of("echo", candidate.name, "int8")
    assert here is not None
    assert {name: values.shape for name, values in here.items()} == {
        name: values.shape for name, values in model.judge.reference.items()
    }
    assert stored.outputs_of("nobody", candidate.name, "int8") is None


def _other_samples(folder: Path) -> None:
    path = folder / "data/evaluation/index.json"
    document = json.loads(path.read_text())
    document["sha256"] = "0" * 64
    path.write_text(json.dumps(document))


def _other_labels(folder: Path) -> None:
    path = folder / "data/evaluation/index.json"
    index = sample_index_from_json(json.loads(path.read_text()))
    assert index.labels
    path.write_text(json.dumps(replace(index, labels=tuple(1 - label for label in index.labels)).to_json()))


def _other_plan(folder: Path) -> None:
    path = folder / "plans/S1/plan.json"
    document = json.loads(path.read_text())
    next(iter(document["tensors"].values()))["scale"] *= 2
    path.write_text(json.dumps(document))


def _no_reference(folder: Path) -> None:
    shutil.rmtree(folder / "reference")


def _no_models(folder: Path) -> None:
    shutil.rmtree(folder / "models")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_other_samples, "samples"),
        (_other_labels, "labels of the evaluation samples are not those"),
        (_other_plan, "plan"),
        (_no_reference, "reference"),
        (_no_models, "model of the result"),
    ],
)
def test_a_folder_that_changed_is_refused(
    finished: Any, tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    assert open_stored(folder, finished.result).models
    change(folder)
    with pytest.raises(StudyError, match=words):
        open_stored(folder, finished.result)
