"""Plans of a study's candidates: calibrated once and kept, or taken as they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import PlanError, StudyError
from workbench.execution.origin import program_origin
from workbench.execution.preparation import PreparedData, PreparedModel
from workbench.execution.stages import Stages
from workbench.execution.store import key_sha256
from workbench.execution.study import Candidate, Study
from workbench.files import sha256_of_file
from workbench.quant.plan import QuantPlan, load_plan, save_plan


def plan_of(
    stages: Stages,
    study: Study,
    candidate: Candidate,
    model: PreparedModel,
    calibration: PreparedData | None,
    evaluation: PreparedData | None,
    given: Path | None = None,
    ranges: Path | None = None,
) -> tuple[QuantPlan, Path, dict[str, Any]]:
    """Return a candidate's plan, its path in the store, and the record (simulated graph, representation).

    Args:
        given: a ready plan that is used as it is, never recalibrated.
        ranges: folder that keeps ranges for further plans of this model, on these samples, by this program.

    Raises:
        PlanError: the given plan belongs to another model.
        StudyError: calibration data are needed and none are named.
    """
    scheme = candidate.scheme
    ready = given or candidate.plan
    if ready is None and scheme.quantizes_activations and calibration is None:
        raise StudyError(
            f"Scheme {scheme.name} needs calibration data", how="Add [data.calibration], or run with --plan plan.json."
        )
    folder = stages.store.folder("plans", candidate.name)
    key = _key(study, candidate, model, (calibration, evaluation), ready)
    arguments = _arguments(study, candidate, model, calibration, evaluation)

    def work(place: Path) -> dict[str, Any]:
        given_plan = _copy_plan(ready, model, place) if ready else False
        here = {"out": str(place / "plan.json"), "ready": given_plan, "ranges": str(ranges) if ranges else None}
        return stages.core_job("calibrate", {**arguments, **here}, place)

    record = stages.keep(f"Plan {candidate.name}", folder, key, work)
    return load_plan(folder / "plan.json"), folder / "plan.json", record


def ranges_folder(
    stages: Stages, study: Study, candidate: Candidate, model: PreparedModel, calibration: PreparedData
) -> Path:
    """Return the folder of the ranges that a tuned candidate's plans share, named after all that ranges depend on."""
    key = {
        "graphs": model.graphs_sha256,
        "calibration": calibration.index.sha256,
        "preprocess": study.preprocess.to_json(),
        "state": model.state,
        "program": program_origin(),
    }
    return stages.store.folder("tune", candidate.name, f"ranges-{key_sha256(key)[:16]}")


def check_plan_fits(plan: QuantPlan, model_sha256: str, name: str) -> None:
    """Raise PlanError when a plan was made for another model."""
    if plan.model_sha256 != model_sha256:
        raise PlanError(
            f"{name} belongs to another model",
            why=f"it was made for model {plan.model_sha256[:12]}, this one is {model_sha256[:12]}",
            how="Calibrate this model, or give the plan's own model.",
        )


def _key(
    study: Study,
    candidate: Candidate,
    model: PreparedModel,
    data: tuple[PreparedData | None, PreparedData | None],
    ready: Path | None,
) -> dict[str, Any]:
    """Return everything that goes into a plan and its record."""
    calibration, evaluation = (part.index.sha256 if part else None for part in data)
    return {
        "model": model.sha256,
        "graphs": model.graphs_sha256,
        "scheme": candidate.scheme.to_json(),
        "plan": sha256_of_file(ready) if ready and ready.is_file() else None,
        "calibration": calibration,
        "evaluation": evaluation,
        "preprocess": study.preprocess.to_json(),
        "state": model.state,
    }


def _arguments(
    study: Study,
    candidate: Candidate,
    model: PreparedModel,
    calibration: PreparedData | None,
    evaluation: PreparedData | None,
) -> dict[str, Any]:
    """Return the arguments of the job "calibrate" but for where it writes."""
    needs_data = candidate.scheme.quantizes_activations

    def bundle(part: PreparedData | None) -> dict[str, Any] | None:
        return part.bundle(study, model.inputs, model.state) if part and needs_data else None

    return {
        "canonical": str(model.canonical),
        "model_sha256": model.sha256,
        "transforms": model.facts["transforms"],
        "scheme": candidate.scheme.to_json(),
        "calibration": bundle(calibration),
        "evaluation": bundle(evaluation),
    }


def _copy_plan(path: Path, model: PreparedModel, place: Path) -> bool:
    """Copy a ready plan into the store after checking that it belongs to the model."""
    plan = load_plan(path)
    check_plan_fits(plan, model.sha256, path.name)
    save_plan(plan, place / "plan.json")
    return True
