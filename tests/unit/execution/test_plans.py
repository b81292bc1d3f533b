"""Plans of candidates: kept while what went into them is the same, and only for their own model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import studies
from helpers.onnx_models import conv_relu_net, depthwise_net, random_feeds

from workbench.errors import PlanError
from workbench.execution.plans import check_plan_fits, plan_of, ranges_folder
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


def test_plans_of_one_tuning_share_ranges_on_the_same_samples_only(tmp_path: Path) -> None:
    layer = [node.name for node in depthwise_net().graph.node if node.op_type == "Conv"][1]
    path = studies.write_study(tmp_path, proto=depthwise_net())
    stages, _ = studies.stages(tmp_path / "run")

    def made(scheme: dict[str, Any]) -> tuple[str, Path]:
        study = load_study(studies.write_study_file(path, studies.document(scheme=scheme)))
        candidate, calibration = study.candidates[0], prepare_data(stages, study, "calibration")
        assert calibration is not None
        model = prepare_model(stages, study, candidate.source, False, None)
        folder = ranges_folder(stages, study, candidate, model, calibration)
        return plan_of(stages, study, candidate, model, calibration, None, ranges=folder)[0].sha256, folder

    first, folder = made({"name": "S1"})
    (kept,) = folder.iterdir()
    written = kept.stat().st_mtime_ns
    second, same = made({"name": "S1", "exclude_nodes": [layer]})
    assert (same, list(folder.iterdir()), kept.stat().st_mtime_ns) == (folder, [kept], written)
    assert second != first
    np.savez(tmp_path / "calibration.npz", **random_feeds(depthwise_net(), 8, seed=9))
    assert made({"name": "S1"})[1] != folder


def test_a_plan_belongs_to_its_model(finished: Any) -> None:
    plan = load_plan(finished.folder / "plans/S1/plan.json")
    check_plan_fits(plan, plan.model_sha256, "plan.json")
    with pytest.raises(PlanError, match="belongs to another model"):
        check_plan_fits(plan, "0" * 64, "plan.json")
