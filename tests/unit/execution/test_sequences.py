"""What a study of a recurrent model must say, and may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.studies import document

from workbench.errors import StudyError
from workbench.execution.study import Study, study_from_document

MODEL = {"path": "net.onnx", "state": {"h": "h_next"}}
PLAIN = {"path": "net.onnx"}


def _study(**tables: Any) -> Study:
    content = document(model=MODEL, task={"kind": "divergence"})
    return study_from_document({**content, **tables}, Path("base"), "study.toml")


def test_a_model_with_state_and_sequences_is_accepted() -> None:
    study = _study(data={"evaluation": {"kind": "arrays", "path": "x.npz", "frames": 100}})
    assert study.state_of(study.candidates[0].source) == {"h": "h_next"}
    assert study.state_of("another.onnx") == {}
    spec = study.data_spec("evaluation")
    assert spec is not None
    assert spec.frames == 100


def test_candidates_with_their_own_models_bring_their_own_state() -> None:
    other = {"path": "other.onnx", "state": {"c": "c_next"}}
    study = _study(candidates=[{"name": "a"}, {"name": "b", "model": other}])
    assert [study.state_of(item.source) for item in study.candidates] == [{"h": "h_next"}, {"c": "c_next"}]


ARRAYS = {"kind": "arrays", "path": "x.npz"}


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"model": PLAIN, "data": {"evaluation": {**ARRAYS, "frames": 9}}}, "frames is for models with state"),
        ({"data": {"evaluation": {"path": "images"}}}, "needs sequences. Use kind"),
        ({"task": {"kind": "classification"}}, "has no classification task yet"),
        ({"runtimes": [{"id": "echo", "batch": 4}]}, "row 'echo' asks for batch 4"),
        ({"candidates": [{"name": "a"}, {"name": "b", "model": {"path": "b.onnx"}}]}, "some have none"),
        ({"candidates": [{"name": "a"}, {"name": "b", "model": PLAIN}]}, "'b' feeds back other outputs"),
        ({"data": {"evaluation": {**ARRAYS, "frames": 0}}}, "frames"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tables: dict[str, Any], text: str) -> None:
    with pytest.raises(StudyError) as caught:
        _study(**tables)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
