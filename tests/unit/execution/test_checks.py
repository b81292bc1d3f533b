"""Mistakes found before the long work."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net

from workbench.errors import DataError, ModelError, PlanError, StudyError
from workbench.execution.cells import cells_of
from workbench.execution.checks import (
    can_verify,
    check_labels,
    check_model,
    check_outputs,
    check_study,
    needs_plan,
    why_not_run,
)
from workbench.execution.preparation import PreparedData, PreparedModel, prepare_data, prepare_model
from workbench.execution.probing import RuntimeState
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import Study, TaskSection, load_study
from workbench.model.sample_index import SampleIndex


def _index(labels: tuple[int, ...] | None) -> SampleIndex:
    n = len(labels or (0, 1))
    return SampleIndex("arrays", ("x",) * n, tuple(range(n)), (1,), (1,), labels, (), ("a",) * n)


def _study(folder: Path, **tables: Any) -> Study:
    return load_study(studies.write_study(folder, studies.document(**tables)))


@pytest.mark.parametrize(
    ("labels", "offset", "text"),
    [((0, 9), 0, ""), ((0, 10), 0, "label 10"), ((-1, 3), 0, "label -1"), ((0, 9), 1, "label 9"), (None, 0, ""),
     (None, 10, "leaves no class")],
)  # fmt: skip
def test_labels_are_tried_on_an_output_of_the_models_shape(
    labels: tuple[int, ...] | None, offset: int, text: str
) -> None:
    task = TaskSection(kind="classification", class_offset=offset)
    if not text:
        check_labels(task, (10,), _index(labels))
        return
    with pytest.raises(DataError, match=text):
        check_labels(task, (10,), _index(labels))


def test_a_task_without_answers_takes_any_label() -> None:
    check_labels(TaskSection(kind="divergence"), (10,), _index((0, 99)))


def test_outputs_without_values_are_refused_before_runtimes_are_run() -> None:
    check_outputs({"boxes": np.zeros((3, 4))})
    with pytest.raises(ModelError, match=r"Output 'scores' of the model holds no values: .* \[3, 0, 4\]"):
        check_outputs({"boxes": np.zeros((3, 4)), "scores": np.zeros((3, 0, 4))})


def test_a_given_plan_is_for_one_quantized_candidate(tmp_path: Path, finished: Any) -> None:
    plan = finished.folder / "plans/S1/plan.json"
    one, two = [{"name": "a"}], [{"name": "a"}, {"name": "b"}]
    study = _study(tmp_path, candidates=one)
    check_study(study, cells_of(study), plan)
    study = _study(tmp_path, candidates=two)
    with pytest.raises(StudyError, match="one quantized candidate, study has 2"):
        check_study(study, cells_of(study), plan)
    study = _study(tmp_path, scheme={"name": "fp32"})
    with pytest.raises(StudyError, match="has 0"):
        check_study(study, cells_of(study), plan)


def test_calibration_is_asked_for_only_where_it_is_needed(tmp_path: Path) -> None:
    content = studies.document()
    del content["data"]["calibration"]
    for scheme, rows, is_needed in (
        ("S1", [studies.ECHO], True),
        ("S3", [studies.ECHO], False),
        ("S1", [{"id": "echo", "precisions": ["fp32"]}], False),
    ):
        changed = {**content, "scheme": {"name": scheme}, "runtimes": [dict(row) for row in rows]}
        study = load_study(studies.write_study(tmp_path, changed))
        cells = cells_of(study)
        if is_needed:
            with pytest.raises(StudyError, match="needs calibration data"):
                check_study(study, cells, None)
        else:
            check_study(study, cells, None)
        assert needs_plan(study.candidates[0], cells) == ("precisions" not in rows[0])


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    study = _study(tmp_path, model={"path": "absent.onnx"})
    with pytest.raises(ModelError, match=r"absent\.onnx does not exist"):
        check_study(study, cells_of(study), None)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("net.tflite", b"\x1c\0\0\0TFL3", "TensorFlow Lite.*tf2onnx"),
        ("net.pth", b"\x80\x02}q\x00.", "net.pth is a pickle"),
        ("absent.pt2", b"", "neither a file nor a factory"),
        ("folder.onnx", None, "is a folder"),
    ],
)
def test_a_model_of_another_kind_is_named_before_any_work(
    name: str, content: bytes | None, text: str, tmp_path: Path
) -> None:
    study = _study(tmp_path, model={"path": name})
    if content:
        (tmp_path / name).write_bytes(content)
    elif content is None:
        (tmp_path / name).mkdir()
    with pytest.raises(ModelError, match=text):
        check_study(study, cells_of(study), None)


def _prepared(study: Study, root: Path) -> tuple[PreparedModel, PreparedData, PreparedData | None]:
    store = Store(root)
    store.open()
    stages = Stages(store, lambda event: None, threading.Event())
    evaluation, calibration = prepare_data(stages, study, "evaluation"), prepare_data(stages, study, "calibration")
    assert evaluation is not None
    return prepare_model(stages, study, study.candidates[0].source, False, evaluation), evaluation, calibration


def test_a_model_meets_its_samples_and_its_plan(tmp_path: Path, finished: Any) -> None:
    study = load_study(studies.write_study(tmp_path, proto=conv_relu_net(seed=3)))
    model, evaluation, calibration = _prepared(study, tmp_path / "run")
    check_model(study, model, evaluation, calibration, [])
    with pytest.raises(PlanError, match="another model"):
        check_model(study, model, evaluation, calibration, [finished.folder / "plans/S1/plan.json"])


def test_a_model_for_other_data_is_told_by_its_samples_before_its_labels(tmp_path: Path) -> None:
    study = _study(tmp_path)
    for part in ("calibration", "evaluation"):
        samples = np.zeros((8, 1, 49, 10), np.float32)
        np.savez(tmp_path / f"{part}.npz", input=samples, labels=np.full(8, 11_000))
    model, evaluation, calibration = _prepared(study, tmp_path / "run")
    with pytest.raises(DataError, match=r"gives samples of \[1, 49, 10\]"):
        check_model(study, model, evaluation, calibration, [])


def test_a_cell_that_cannot_run_says_why(tmp_path: Path) -> None:
    study = _study(tmp_path)
    cell = cells_of(study)[0]
    store = Store(tmp_path / "run")
    store.open()
    stages = Stages(store, lambda event: None, threading.Event())
    model = prepare_model(stages, study, study.candidates[0].source, False, None)
    good = RuntimeState("echo", "Echo", ok=True, precisions=("fp32", "int8"))
    assert why_not_run(cell, model, good) == ("", "")
    absent = RuntimeState("echo", "Echo", ok=False, reason="no device", remedy="plug it in")
    assert why_not_run(cell, model, absent) == ("no device", "plug it in")
    narrow = RuntimeState("echo", "Echo", ok=True, precisions=("int8",))
    assert why_not_run(cell, model, narrow)[0] == "fp32 is not real on this device; real are int8"


@pytest.mark.parametrize(
    ("ok", "precisions", "precision", "expected"),
    [
        (False, ("fp32", "int8"), "int8", True),
        (False, ("fp32", "int8"), "fp32", False),
        (False, (), "int8", False),
        (True, ("fp32", "int8"), "int8", False),
    ],
)
def test_an_artifact_is_verified_where_only_the_device_is_missing(
    tmp_path: Path, ok: bool, precisions: tuple[str, ...], precision: str, expected: bool
) -> None:
    cell = next(cell for cell in cells_of(_study(tmp_path)) if cell.precision == precision)
    assert can_verify(cell, RuntimeState("x", "X", ok, precisions=precisions)) is expected
