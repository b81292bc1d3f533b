"""Plans of candidates: kept while what went into them is the same, and only for their own model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net, random_feeds

from workbench.errors import PlanError
from workbench.execution.plans import check_plan_fits, plan_of
from workbench.execution.preparation import prepare_data, prepare_model
from workbench.execution.study import load_study
from workbench.quant.plan import load_plan


def test_a_plan_of_another_compare_or_calibration_set_is_not_kept(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, proto=conv_relu_net(softmax=True))
    stages, events = studies.stages(tmp_path / "run")

    def plan(compare: str = "logits") -> str:
        task = {"kind": "classification", "compare": compare}
        study = load_study(studies.write_study_file(path, studies.document(task=task)))
        candidate = study.candidates[0]
        calibration = prepare_data(stages, study, "calibration")
        model = prepare_model(stages, study, candidate.source, False, None)
        return plan_of(stages, study, candidate, model, calibration, None)[0].sha256

    first = plan()
    assert plan() == first
    np.savez(tmp_path / "calibration.npz", **random_feeds(conv_relu_net(), 8, seed=9))
    assert plan() != first
    assert studies.states(events, "Plan") == ["start", "done", "kept", "start", "done"]
    plan("outputs")
    assert studies.states(events, "Plan")[-2:] == ["start", "done"]


def test_a_plan_belongs_to_its_model(finished: Any) -> None:
    plan = load_plan(finished.folder / "plans/S1/plan.json")
    check_plan_fits(plan, plan.model_sha256, "plan.json")
    with pytest.raises(PlanError, match="belongs to another model"):
        check_plan_fits(plan, "0" * 64, "plan.json")
