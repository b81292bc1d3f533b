"""A study while it runs: the profile and the seconds per cell that follow from options, study and budget."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from helpers.studies import ECHO, document

from workbench.execution import result as records
from workbench.execution.run_parts import RunOptions, StudyRun
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import study_from_document


def run_of(tmp_path: Path, options: RunOptions, **measure: Any) -> StudyRun:
    """A study of one row, which has two cells, fp32 and int8."""
    study = study_from_document(document([ECHO], measure=measure), tmp_path, "study.toml")
    stages = Stages(Store(tmp_path), lambda event: None, threading.Event())
    return StudyRun(study, options, stages, records.Machine(id="m", facts={}), None, None)  # type: ignore[arg-type]


def test_the_options_profile_goes_before_the_studys(tmp_path: Path) -> None:
    assert run_of(tmp_path, RunOptions(), profile="standard").profile == "standard"
    assert run_of(tmp_path, RunOptions(profile="quick"), profile="standard").profile == "quick"


@pytest.mark.parametrize(("budget_s", "seconds"), [(None, 60.0), (1000.0, 60.0), (30.0, 15.0)])
def test_a_budget_is_shared_by_the_cells(tmp_path: Path, budget_s: float | None, seconds: float) -> None:
    measure = {"profile": "standard"} if budget_s is None else {"profile": "standard", "budget_s": budget_s}
    assert run_of(tmp_path, RunOptions(), **measure).seconds == seconds
