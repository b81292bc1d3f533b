"""A study run against an earlier one through the engine, on a runtime that needs no library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from helpers import studies

from workbench.errors import StudyError
from workbench.execution.baseline import open_baseline
from workbench.execution.baseline_compare import NOT_IN_BASELINE, study_differences
from workbench.execution.baseline_record import BaselineComparison, load_comparison
from workbench.execution.labels import LABELS_FACT
from workbench.execution.result import Result
from workbench.execution.schemas import schema_of

GATES = {"max_baseline_answers_changed": 0.0, "max_baseline_sqnr_drop_db": 0.5}
Again = Callable[..., tuple[Result, BaselineComparison]]


@pytest.fixture
def place(finished: Any, tmp_path: Path, known_plugins: Path) -> Path:
    """A copy of the finished study's files and folder, for another run to be made against."""
    shutil.copytree(finished.path.parent, tmp_path / "study")
    shutil.copytree(finished.folder, tmp_path / "then")
    return tmp_path


@pytest.fixture
def again(place: Path) -> Again:
    """Run the study anew with other tables, against the copy."""

    def run(**tables: Any) -> tuple[Result, BaselineComparison]:
        path = studies.write_study_file(place / "study" / "now.toml", studies.document(gates=GATES, **tables))
        baseline = open_baseline(place / "then", place / "now")
        result, _ = studies.run(path, place / "now", baseline=baseline)
        jsonschema.validate(json.loads((place / "now/baseline.json").read_text()), schema_of("baseline"))
        return result, load_comparison(place / "now" / "baseline.json")

    return run


def test_the_same_study_is_the_same_bit_for_bit(again: Again, place: Path) -> None:
    result, comparison = again()
    assert [run.identical for run in comparison.runs] == [True, True]
    assert [run.differs for run in comparison.runs] == [[], []]
    assert comparison.differs == ["the measuring profile"]
    assert [item.verdict for item in result.verdicts] == ["PASS", "PASS"]
    assert comparison.plans == []
    assert comparison.gone == []
    path = studies.write_study_file(place / "study" / "now.toml", studies.document())
    studies.run(path, place / "now")  # the same folder without a baseline
    assert not (place / "now" / "baseline.json").exists()


def test_other_calibration_samples_move_the_plan_and_are_told(again: Again, place: Path) -> None:
    with np.load(place / "study" / "calibration.npz") as arrays:
        wider = {name: values * 3 if values.dtype.kind == "f" else values for name, values in arrays.items()}
    np.savez(place / "study" / "calibration.npz", **wider)
    result, comparison = again()
    assert "the calibration set" in comparison.differs
    fp32, int8 = comparison.runs
    assert (fp32.identical, int8.identical) == (True, False)
    assert int8.differs[:2] == ["the plan", "the artifact"]
    assert int8.sqnr_change_db is not None
    now, then = (next(run for run in part.runs if run.precision == "int8") for part in (result, _then(place)))
    assert int8.sqnr_change_db.value == pytest.approx(now.sqnr_db - then.sqnr_db)  # type: ignore[operator]
    (move,) = comparison.plans
    assert move.tensors_changed > 0
    assert move.weights_changed == 0
    assert all(item.now > item.then for item in move.scales)
    assert [item.verdict for item in result.verdicts][1] == "FAIL"


def _then(place: Path) -> Result:
    return open_baseline(place / "then", place / "now").result


def test_a_row_that_was_not_there_cannot_be_told_and_one_that_is_gone_is(again: Again) -> None:
    rows = [{"id": "echo", "name": "echo", "precisions": ["int8"]}, {"id": "echo", "name": "second"}]
    result, comparison = again(runtimes=rows)
    reasons = {(run.label, run.precision): run.reasons.get("baseline") for run in comparison.runs}
    assert reasons["second", "int8"] == NOT_IN_BASELINE
    assert reasons["echo", "int8"] is None
    verdicts = {(item.label, item.gate): item.verdict for item in result.verdicts}
    assert verdicts["echo", "max_baseline_answers_changed"] == "PASS"
    assert verdicts["second", "max_baseline_answers_changed"] == "CANNOT TELL"
    # the float run has a new name: the runtime's only one of that precision, now as then
    assert reasons["second", "fp32"] is None
    assert comparison.gone == []


def test_answers_not_kept_leave_the_hash_to_tell(again: Again, place: Path) -> None:
    shutil.rmtree(place / "then" / "cells")
    result, comparison = again(scheme={"name": "S1", "method": "minmax"})
    fp32, int8 = comparison.runs
    assert (fp32.identical, int8.identical) == (True, False)
    assert "not kept" in int8.reasons["baseline"]
    assert {item.verdict for item in result.verdicts} == {"CANNOT TELL"}


def test_another_evaluation_set_is_refused_before_anything_is_run(again: Again, place: Path) -> None:
    with np.load(place / "study" / "evaluation.npz") as arrays:
        np.savez(place / "study" / "evaluation.npz", **{name: values[::-1] for name, values in arrays.items()})
    with pytest.raises(StudyError, match="the evaluation set differs"):
        again()
    assert not (place / "now" / "reference").exists()
    assert not (place / "now" / "result.json").exists()


def test_what_differs_as_a_whole_is_named(finished: Any) -> None:
    result: Result = finished.result
    assert study_differences(result, result) == []
    runs = [
        run.model_copy(update={"outputs_sha256": "0" * 64}) if run.precision == "reference" else run
        for run in result.runs
    ]
    other = result.model_copy(update={"profile": "full", "program_version": "9", "runs": runs})
    assert study_differences(result, other) == [
        "the measuring profile",
        "the float32 reference itself",
        f"int8-workbench {result.program_version} -> 9",
    ]
    unlabelled = [run.model_copy(update={"accuracy": None}) for run in result.runs]
    assert study_differences(result, result.model_copy(update={"runs": unlabelled})) == []
    untold = [run.model_copy(update={"facts": {}}) for run in unlabelled]  # as an older program wrote it
    assert study_differences(result, result.model_copy(update={"runs": untold})) == ["the labels"]
    relabelled = [run.model_copy(update={"facts": {**run.facts, LABELS_FACT: "0" * 64}}) for run in result.runs]
    assert study_differences(result, result.model_copy(update={"runs": relabelled})) == ["the labels"]
