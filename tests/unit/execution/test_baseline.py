"""An earlier study: opened or refused in one line, its runs found by row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.results import ordinary
from helpers.studies import document

from workbench.errors import StudyError
from workbench.execution.baseline import (
    DAMAGED,
    NOT_KEPT,
    Baseline,
    counterparts,
    model_of,
    open_baseline,
    refuse_incomparable,
)
from workbench.execution.result import Result, Run
from workbench.execution.study import Study, study_from_document

CELL = "cells/echo/S1/int8"


@pytest.fixture
def folder(finished: Any, tmp_path: Path) -> Path:
    """A copy of the finished study that a test may damage."""
    return Path(shutil.copytree(finished.folder, tmp_path / "then"))


def _int8(result: Result) -> Run:
    return next(run for run in result.runs if run.precision == "int8")


def _study(finished: Any, **tables: Any) -> Study:
    content = document(**tables)
    return study_from_document(content, finished.path.parent, "study.toml")


def _facts(result: Result) -> dict[str, Any]:
    return {"evaluation_sha256": result.data["evaluation"].sha256, "models": {result.model.sha256: "net"}}


def test_a_finished_study_opens_and_gives_its_outputs(finished: Any, tmp_path: Path) -> None:
    baseline = open_baseline(finished.folder, tmp_path / "now")
    assert baseline.result.model_dump(mode="json") == finished.result.model_dump(mode="json")
    outputs = baseline.outputs_of(_int8(finished.result))
    assert not isinstance(outputs, str)
    assert len(next(iter(outputs.values()))) == 24


def test_answers_that_are_gone_or_other_ones_are_not_used(folder: Path, tmp_path: Path) -> None:
    baseline = open_baseline(folder, tmp_path / "now")
    run = _int8(baseline.result)
    place = folder / CELL
    path = place / json.loads((place / "stage.json").read_text())["value"]["outputs"][0]["path"]
    values = np.load(path)
    np.save(path, values + 1)  # as many bytes, other ones
    assert baseline.outputs_of(run) == DAMAGED
    np.save(path, values[:-1])
    with pytest.raises(StudyError, match=r"then is damaged: the answers of echo S1 int8 are missing or cut off"):
        open_baseline(folder, tmp_path / "now")
    shutil.rmtree(folder / "cells")
    assert open_baseline(folder, tmp_path / "now").outputs_of(run) == NOT_KEPT


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "holds no result.json"), ("", "cut off"), ("{}", "no schema_version"), ('{"schema_version": 99}', "newer")],
)
def test_what_is_no_study_is_refused_in_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    (tmp_path / "then").mkdir()
    if content is not None:
        (tmp_path / "then" / "result.json").write_text(content)
    with pytest.raises(StudyError, match="The baseline then cannot be used") as caught:
        open_baseline(tmp_path / "then", tmp_path / "now")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_study_is_not_its_own_baseline(finished: Any) -> None:
    with pytest.raises(StudyError, match="cannot be its own baseline"):
        open_baseline(finished.folder, finished.folder / "." / "")


def test_what_asks_the_same_is_comparable(finished: Any) -> None:
    baseline = Baseline(finished.folder, finished.result)
    refuse_incomparable(baseline, _study(finished), **_facts(finished.result))
    other_scheme = _study(finished, scheme={"name": "S2"}, measure={"profile": "full"}, name="other")
    refuse_incomparable(baseline, other_scheme, **_facts(finished.result))


@pytest.mark.parametrize(
    ("tables", "facts", "what"),
    [
        ({}, {"evaluation_sha256": "0" * 64}, "evaluation set"),
        ({"task": {"kind": "divergence"}}, {}, "task"),
        ({"preprocess": {"resize": [8, 8], "color": "RGB"}}, {}, "preprocessing"),
        ({}, {"models": {"0" * 64: "another"}}, "model"),
    ],
)
def test_what_asks_something_else_is_refused(
    finished: Any, tables: dict[str, Any], facts: dict[str, Any], what: str
) -> None:
    baseline = Baseline(finished.folder, finished.result)
    with pytest.raises(StudyError, match=f"the {what} differs; the baseline's is: ") as caught:
        refuse_incomparable(baseline, _study(finished, **tables), **{**_facts(finished.result), **facts})
    assert f"Give a baseline with the same {what}" in str(caught.value)


def _found(then: Result, now: Result) -> dict[tuple[str, str], tuple[str, str]]:
    pairs = counterparts(Baseline(Path("then"), then), now)
    return {(now.runs[at].label, now.runs[at].precision): (run.label, run.precision) for at, run in pairs.items()}


def _renamed(result: Result, names: dict[str, str]) -> Result:
    runs = [run.model_copy(update={"label": names.get(run.label, run.label)}) for run in result.runs]
    return result.model_copy(update={"runs": runs})


def test_rows_are_found_by_name_then_by_runtime() -> None:
    result = ordinary()
    measured = [(run.label, run.precision) for run in result.runs if run.runtime != "reference"]
    assert _found(result, result) == {name: name for name in measured}
    found = _found(result, _renamed(result, {"OpenVINO": "OpenVINO 2027"}))
    assert found["OpenVINO 2027", "int8"] == ("OpenVINO", "int8")
    assert len(found) == len(measured)


def test_two_rows_of_one_runtime_with_new_names_are_not_guessed() -> None:
    result = ordinary()
    twice = result.model_copy(update={"runs": [*result.runs, *_renamed(result, {"OpenVINO": "second"}).runs]})
    found = _found(result, _renamed(twice, {"OpenVINO": "first"}))
    assert ("first", "int8") not in found
    assert ("second", "int8") not in found


def test_runs_of_another_model_do_not_stand_against_each_other() -> None:
    result = ordinary()
    other = [item.model_copy(update={"model_sha256": "0" * 64}) for item in result.candidates]
    assert _found(result.model_copy(update={"candidates": other}), result) == {}
    assert model_of(result, result.runs[2]) == result.candidates[0].model_sha256
    assert model_of(result.model_copy(update={"candidates": []}), result.runs[2]) == ""
