"""A finished study opened again from its folder, without running, scanning or probing anything.

Everything is compared with what `result.json` says; a folder that has changed since is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from workbench.errors import FileFormatError, StudyError
from workbench.execution.evaluate import Judge, Outputs, judge_of, open_outputs
from workbench.execution.labels import labels_sha256
from workbench.execution.preparation import PreparedData, PreparedModel
from workbench.execution.result import Result
from workbench.execution.store import safe_name
from workbench.execution.study import Candidate, Study, load_study
from workbench.model.data import sample_index_from_json
from workbench.model.graph import GraphSummary
from workbench.model.summary import graph_summary
from workbench.quant.plan import QuantPlan, load_plan

RUN_AGAIN = "Run the study again into this folder."


@dataclass(frozen=True, eq=False)
class StoredModel:
    """One model: graphs, canonical summary, and what runs are compared with."""

    prepared: PreparedModel
    graph: GraphSummary
    judge: Judge
    samples_sha256: str


@dataclass(frozen=True, eq=False)
class StoredPlan:
    """One quantized candidate: its plan, where it lies, and its simulated outputs (None where none are kept)."""

    plan: QuantPlan
    path: Path
    simulated: Outputs | None


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """A study folder.

    Attributes:
        models: by source; plans: by candidate, those of native tool-chains left out.
    """

    folder: Path
    study: Study
    result: Result
    evaluation: PreparedData
    models: Mapping[str, StoredModel]
    plans: Mapping[str, StoredPlan]

    def model_of(self, candidate: Candidate) -> StoredModel:
        """Return a candidate's model."""
        return self.models[candidate.source]

    def outputs_of(self, label: str, candidate: str, precision: str) -> Outputs | None:
        """Return the outputs of a run made here; None where they are not kept."""
        place = self.folder.joinpath("cells", *(safe_name(part) for part in (label, candidate, precision)))
        record = _stage(place)
        try:
            return open_outputs(place, record) if record.get("outputs") else None
        except (OSError, ValueError):
            return None


def open_stored(folder: Path, result: Result) -> StoredStudy:
    """Open a study folder that holds `result`.

    Raises:
        StudyError: something that the result speaks of is missing, or has changed since.
    """
    study = load_study(folder / "study.toml")
    evaluation = _evaluation(folder, study, result)
    facts = {item.name: item for item in result.candidates}
    candidates = [item for item in study.candidates if item.name in facts]
    models = {
        item.source: _model(folder, study, item.source, facts[item.name].model_sha256, evaluation)
        for item in candidates
    }
    planned = {item.name: facts[item.name].plan_sha256 for item in candidates}
    plans = {name: _plan(folder, name, sha256) for name, sha256 in planned.items() if sha256}
    return StoredStudy(folder, study, result, evaluation, models, plans)


def _evaluation(folder: Path, study: Study, result: Result) -> PreparedData:
    path, spec = folder / "data" / "evaluation" / "index.json", study.data_spec("evaluation")
    try:
        index = sample_index_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, FileFormatError) as error:
        raise StudyError("The list of evaluation samples cannot be read", how=RUN_AGAIN) from error
    if spec is None or index.sha256 != result.data["evaluation"].sha256:
        raise StudyError("The evaluation samples are not those of the result any more", how=RUN_AGAIN)
    if index.labels_sha256 != labels_sha256(result) != "":
        raise StudyError("The labels of the evaluation samples are not those of the result any more", how=RUN_AGAIN)
    return PreparedData(spec, index, path)


def _model(folder: Path, study: Study, source: str, sha256: str, evaluation: PreparedData) -> StoredModel:
    found = [place for place in (folder / "models").glob("*") if _stage(place).get("sha256") == sha256]
    if not found:
        raise StudyError("A model of the result is not in the study folder", why=sha256[:12], how=RUN_AGAIN)
    place, state = found[0], study.state_of(source)
    prepared = PreparedModel({**_stage(place), "state": state}, place / "fp32.onnx", place / "canonical.onnx")
    reference = folder / "reference" / place.name
    record, task = _stage(reference), study.file.task
    try:
        outputs = open_outputs(reference, record)
        graph = graph_summary(onnx.load(str(prepared.canonical)), record.get("input_shapes"))
    except (OSError, ValueError, KeyError) as error:
        raise StudyError("The reference's answers cannot be read", how=RUN_AGAIN) from error
    frames = int(record["n"]) // evaluation.index.n if state else 1
    judge = judge_of(task.kind, task.class_offset, outputs, evaluation.index, frames, state.values())
    return StoredModel(prepared, graph, judge, str(record["samples_sha256"]))


def _plan(folder: Path, candidate: str, sha256: str) -> StoredPlan:
    path = folder / "plans" / safe_name(candidate) / "plan.json"
    plan = load_plan(path)
    if plan.sha256 != sha256:
        raise StudyError(f"The stored plan of {candidate} is not the result's any more", how=RUN_AGAIN)
    place = folder / "simulated" / safe_name(candidate)
    try:
        simulated = open_outputs(place, _stage(place))
    except (OSError, ValueError, KeyError):
        simulated = None
    return StoredPlan(plan, path, simulated)


def _stage(place: Path) -> dict[str, Any]:
    """Return what a finished stage recorded, {} where there is none."""
    try:
        document = json.loads((place / "stage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, FileFormatError):
        return {}
    value = document.get("value") if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}
