"""Candidates that a native tool-chain quantizes: found, probed, run in a worker of its own, read back in another.

Such a candidate is never ours: it is called by its tool-chain's name, and its numbers are read back and told, not
compared with a plan. Whatever becomes of the tool-chain, the rest of the study goes on.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import JobFailedError, StudyError, UserError
from workbench.execution.artifacts import Artifact, CellFailedError, answer_of
from workbench.execution.cells import native_target
from workbench.execution.discovery import Manifest
from workbench.execution.jobs import Outcome
from workbench.execution.origin import plugin_sha256
from workbench.execution.preparation import PreparedData, PreparedModel, simulated_outputs
from workbench.execution.probing import RuntimeState, find_quantizer, probe
from workbench.execution.stages import Stages
from workbench.execution.study import Candidate, Study
from workbench.execution.tool_options import checked_options, titled

QUANTIZE_TIMEOUT_S = 4 * 3600.0
READ_BACK_TIMEOUT_S = 600.0
QDQ_ONNX = "qdq_onnx"
"""The one format that the reference runs too, in float."""
FORMAT_WORDS = {QDQ_ONNX: "ONNX with Q/DQ nodes", "openvino_ir": "OpenVINO IR"}


@dataclass(frozen=True)
class Tool:
    """A candidate's tool-chain before it is run.

    Attributes:
        title: what its rows are called, such as "ONNX Runtime quantize_static, Entropy".
        options: all of them, defaults filled in; only the given ones where it cannot be used here.
        found: its manifest, or its state where it cannot be used here.
    """

    id: str
    title: str
    options: Mapping[str, Any]
    found: Manifest | RuntimeState

    @property
    def writes(self) -> str:
        """Format of its artifact, "" where it is not known."""
        return self.found.writes if isinstance(self.found, Manifest) else ""


@dataclass(frozen=True)
class Native:
    """What became of a native candidate.

    Attributes:
        state: the tool-chain's probe.
        artifact: what it made; its record is the answer of `handlers_native.quantize` with "facts".
        failure: how its job ended where it made nothing.
        simulated: folder and record of its Q/DQ graph run in float; no_simulation: why there is none.
        unfit: why it cannot take this model, "" where it can.
    """

    tool: Tool
    state: RuntimeState
    artifact: Artifact | None = None
    failure: Outcome | None = None
    simulated: tuple[Path, Mapping[str, Any]] | None = None
    no_simulation: str = ""
    unfit: str = ""


def tools_of(study: Study) -> dict[str, Tool]:
    """Return the tool-chain of every native candidate by the candidate's name, options checked.

    Raises:
        StudyError: no plugin has the id, or an option is unknown or cannot have its value.
    """
    return {item.name: tool_of(item) for item in study.candidates if item.native}


def tool_of(candidate: Candidate) -> Tool:
    """Return a native candidate's tool-chain, its options checked. Raises StudyError as `tools_of`."""
    found = find_quantizer(candidate.native)
    if isinstance(found, RuntimeState):
        given = dict(candidate.native_options)
        return Tool(candidate.native, titled(found.title, found.options, given), given, found)
    options = checked_options(found.options, candidate.native_options, found.title)
    return Tool(candidate.native, titled(found.title, found.options, options), options, found)


def with_tool_names(study: Study) -> Study:
    """Return the study with every native candidate called by its tool-chain's name, after a name of its own.

    Raises:
        StudyError: as in `tools_of`.
    """
    tools = tools_of(study)
    sections = [
        item.model_copy(update={"name": _name(item.name, tools[item.name])}) if item.name in tools else item
        for item in study.file.candidates
    ]
    return Study(study.file.model_copy(update={"candidates": sections}), study.folder, study.name)


def make_native(
    stages: Stages,
    study: Study,
    candidate: Candidate,
    model: PreparedModel,
    calibration: PreparedData | None,
    evaluation: PreparedData,
) -> Native:
    """Probe a candidate's tool-chain, let it quantize the model, read back what it chose, and simulate it in float.

    Raises:
        StudyError: there are no calibration data.
        JobCancelledError: the user asked to stop.
    """
    tool = tool_of(candidate)
    if calibration is None:
        raise StudyError(f"{tool.title} needs calibration data", how="Add [data.calibration].")
    manifest = tool.found
    if isinstance(manifest, RuntimeState):
        return Native(tool, manifest)
    state = probe(manifest, cancel=stages.cancel)
    if not state.ok:
        return Native(tool, state)
    if model.state:
        return Native(tool, state, unfit=f"{tool.title} calibrates on single samples, this model gets its state back")
    try:
        artifact = _quantized(stages, study, candidate, tool, state, model, calibration)
    except CellFailedError as error:
        failed = error.outcome
        stages.failed(_stage(candidate), failed.status, failed.message, failed.remedy, failed.log_tail)
        return Native(tool, state, failure=failed)
    simulated, reason = _simulated(stages, study, candidate, tool, model, evaluation, artifact)
    return Native(tool, state, artifact, None, simulated, reason)


def why_not_read(tool: Tool, runtime: Manifest) -> str:
    """Return why a runtime cannot run what a tool-chain writes, "" when it can."""
    if tool.writes in runtime.reads:
        return ""
    known = " and ".join(map(_format_words, runtime.reads)) or "no tool-chain's artifact"
    return f"{tool.title} writes {_format_words(tool.writes)}, {runtime.title} reads {known}"


def _format_words(name: str) -> str:
    return FORMAT_WORDS.get(name, name)


def _name(given: str, tool: Tool) -> str:
    return given if tool.title in given else tool.title if given == tool.id else f"{given} ({tool.title})"


def _stage(candidate: Candidate) -> str:
    return f"Quantize {candidate.name}"


def _quantized(
    stages: Stages,
    study: Study,
    candidate: Candidate,
    tool: Tool,
    state: RuntimeState,
    model: PreparedModel,
    calibration: PreparedData,
) -> Artifact:
    """Run the tool-chain and its read-back, kept in the store. Raises CellFailedError, JobCancelledError."""
    manifest = tool.found
    assert isinstance(manifest, Manifest)
    folder = stages.store.folder("native", candidate.name)
    key = {
        "model": model.sha256,
        "graphs": model.graphs_sha256,
        "calibration": calibration.index.sha256,
        "preprocess": study.preprocess.to_json(),
        "plugin": [manifest.id, plugin_sha256(manifest)],
        "versions": dict(state.tool_chain),
        "options": dict(tool.options),
    }
    arguments = {
        "model": str(model.fp32),
        "canonical": str(model.canonical),
        "samples": calibration.bundle(study, model.inputs),
        "step": model.fixed_batch or 1,
        "settings": dict(tool.options),
        "target": native_target(platform.machine()),
    }

    def work(place: Path) -> dict[str, Any]:
        own = {**arguments, "work_dir": str(place / "artifact")}
        record = _job(stages, "quantize", manifest, own, place, QUANTIZE_TIMEOUT_S)
        found = {"artifact": record["artifact"]}
        facts = _job(stages, "tool_facts", manifest, found, place / "read_back", READ_BACK_TIMEOUT_S)
        return {**record, **facts, "artifact": str(Path(record["artifact"]).relative_to(place))}

    record = stages.keep(_stage(candidate), folder, key, work)
    return Artifact(folder / record["artifact"], record)


def _job(
    stages: Stages, kind: str, manifest: Manifest, arguments: Mapping[str, Any], folder: Path, timeout_s: float
) -> dict[str, Any]:
    """Run one job of the tool-chain with this program's interpreter. Raises CellFailedError, JobCancelledError."""
    return answer_of(manifest, stages.plugin_job(kind, manifest, arguments, folder, sys.executable, timeout_s))


def _simulated(
    stages: Stages,
    study: Study,
    candidate: Candidate,
    tool: Tool,
    model: PreparedModel,
    evaluation: PreparedData,
    artifact: Artifact,
) -> tuple[tuple[Path, Mapping[str, Any]] | None, str]:
    """Run a tool-chain's Q/DQ graph in float over the evaluation set; a file the reference refuses has no such run."""
    if tool.writes != QDQ_ONNX:
        return None, f"{_format_words(tool.writes)} cannot be run by the reference"
    try:
        return simulated_outputs(stages, study, candidate, model, evaluation, artifact.path), ""
    except (UserError, JobFailedError) as error:
        return None, f"the reference cannot run it: {error}"
