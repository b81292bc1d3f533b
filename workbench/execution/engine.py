"""The main job: model + data + scheme + runtimes -> study -> result, in a study folder that resumes.

Everything heavy runs in workers; this module orders the stages and gathers what they found.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from workbench.errors import StudyError
from workbench.execution import assemble
from workbench.execution import result as records
from workbench.execution.artifacts import CellFailedError, make_artifact
from workbench.execution.assemble import CellState
from workbench.execution.baseline import refuse_incomparable
from workbench.execution.baseline_compare import compare_with
from workbench.execution.baseline_record import BASELINE_FILE
from workbench.execution.cell_run import CellJob, groups_of, run_group
from workbench.execution.cells import FLOAT, ROUNDS, Cell, cells_of
from workbench.execution.checks import (
    can_verify,
    check_labels,
    check_model,
    check_outputs,
    check_study,
    needs_plan,
    runs_int8,
    why_not_run,
)
from workbench.execution.conclude import conclude
from workbench.execution.discovery import Manifest
from workbench.execution.elsewhere.merge import with_returned
from workbench.execution.evaluate import judge_of, misfit, open_outputs
from workbench.execution.facts import machine_id
from workbench.execution.folder_lock import folder_lock
from workbench.execution.jobs import Outcome
from workbench.execution.native import make_native, with_tool_names
from workbench.execution.origin import plugin_sha256, program_origin
from workbench.execution.plans import plan_of
from workbench.execution.preparation import (
    PreparedModel,
    prepare_data,
    prepare_model,
    reference_outputs,
    simulated_outputs,
)
from workbench.execution.probing import RuntimeState, find_runtime, probe
from workbench.execution.run_parts import ModelParts, PlanParts, RunOptions, StudyRun
from workbench.execution.speed import speed_of
from workbench.execution.stages import OnEvent, Stages
from workbench.execution.store import Store
from workbench.execution.study import Candidate, Study, save_study, with_absolute_paths, with_row_names
from workbench.execution.verdicts import baseline_verdicts
from workbench.files import remove_durable, write_json_atomic
from workbench.measure.machine import machine_facts
from workbench.model.summary import graph_summary
from workbench.spi import Deviation

__all__ = ["RunOptions", "run_study"]

SLOWEST = 100.0
"""A runtime this many times slower than the reference is taken for one that hangs."""


def run_study(
    study: Study, folder: Path, options: RunOptions, on_event: OnEvent, cancel: threading.Event | None = None
) -> records.Result:
    """Run a study, or go on with one that was interrupted, and write `result.json`.

    Args:
        folder: the study folder; made if absent. Finished stages whose inputs are unchanged are kept.
        on_event: receives {"event": "stage" | "progress" | "rate", ...} in this thread; see cell_worker for rates.

    Raises:
        UserError: something the user can mend, before or while running; what is finished stays.
        JobCancelledError: `cancel` was set.
    """
    runtimes = {row.id: find_runtime(row.id) for row in study.file.runtimes}
    study = with_tool_names(with_row_names(study, {name: runtime.title for name, runtime in runtimes.items()}))
    cells = cells_of(study)
    check_study(study, cells, options.plan)
    store = Store(folder)
    store.open()
    with folder_lock(folder):
        store.tidy()
        save_study(with_absolute_paths(study), folder / "study.toml")
        stages = Stages(store, on_event, cancel or threading.Event())
        run = _prepared(study, options, stages, cells)
        _plan_time(run, cells)
        _run_cells(run, cells, runtimes)
        result = _against_baseline(run, with_returned(conclude(run), folder), folder)
        write_json_atomic(folder / "result.json", result.model_dump(mode="json"))
        return result


def _prepared(study: Study, options: RunOptions, stages: Stages, cells: list[Cell]) -> StudyRun:
    """Load, scan, check; then the long work: the reference, plans, native tool-chains, the simulated graphs."""
    facts = machine_facts()
    machine = records.Machine(id=machine_id(facts), facts=facts)
    evaluation = prepare_data(stages, study, "evaluation")
    if evaluation is None:
        raise StudyError("The study names no evaluation data", how="Add [data.evaluation].")
    run = StudyRun(study, options, stages, machine, evaluation, prepare_data(stages, study, "calibration"))
    planned = [candidate for candidate in study.candidates if needs_plan(candidate, cells)]
    prepared: dict[str, PreparedModel] = {}
    for candidate in study.candidates:
        if candidate.source not in prepared:
            prepared[candidate.source] = _model(run, candidate.source, planned)
    if options.baseline:
        names = {model.sha256: str(model.facts["name"]) for model in prepared.values()}
        refuse_incomparable(options.baseline, study, evaluation.index.sha256, names)
    for source, model in prepared.items():
        run.models[source] = _referenced(run, model)
    for candidate in planned:
        run.plans[candidate.name] = _plan(run, candidate)
    for candidate in study.candidates:
        if candidate.native and runs_int8(candidate, cells):
            model = run.models[candidate.source].prepared
            run.natives[candidate.name] = make_native(stages, study, candidate, model, run.calibration, evaluation)
    return run


def _against_baseline(run: StudyRun, result: records.Result, folder: Path) -> records.Result:
    """Return the result with the verdicts of gates against the baseline; write the comparison, or remove an old one."""
    path, baseline = folder / BASELINE_FILE, run.options.baseline
    comparison = compare_with(baseline, run, result) if baseline else None
    if comparison:
        write_json_atomic(path, comparison.model_dump(mode="json"))
    else:
        remove_durable(path)
    found = baseline_verdicts(result.runs, result.gates, comparison)
    return result.model_copy(update={"verdicts": [*result.verdicts, *found]})


def _model(run: StudyRun, source: str, planned: list[Candidate]) -> PreparedModel:
    """Load a model and see that samples, labels and ready plans fit it."""
    samples = run.calibration or run.evaluation
    model = prepare_model(run.stages, run.study, source, run.options.allow_code, samples)
    ready = [run.options.plan or candidate.plan for candidate in planned if candidate.source == source]
    check_model(run.study, model, run.evaluation, run.calibration, [path for path in ready if path])
    return model


def _referenced(run: StudyRun, model: PreparedModel) -> ModelParts:
    """Run the float reference over all samples."""
    task = run.study.file.task
    folder, record = reference_outputs(run.stages, run.study, model, run.evaluation)
    index = run.evaluation.index
    frames = int(record["n"]) // index.n if model.state else 1
    outputs = open_outputs(folder, record)
    check_outputs(outputs)
    judge = judge_of(task.kind, task.class_offset, outputs, index, frames, model.state.values())
    check_labels(task, next(iter(judge.reference.values())).shape[1:], index)
    return ModelParts(model, graph_summary(onnx.load(str(model.canonical)), record.get("input_shapes")), record, judge)


def _plan(run: StudyRun, candidate: Candidate) -> PlanParts:
    model = run.models[candidate.source].prepared
    plan, path, record = plan_of(
        run.stages, run.study, candidate, model, run.calibration, run.evaluation, run.options.plan
    )
    folder, simulated = simulated_outputs(
        run.stages, run.study, candidate, model, run.evaluation, path.parent / record["simulated"]
    )
    return PlanParts(plan, path, record, simulated, open_outputs(folder, simulated))


def _run_cells(run: StudyRun, cells: list[Cell], runtimes: Mapping[str, Manifest | RuntimeState]) -> None:
    """Probe, build and verify every cell, then run them in groups."""
    probes: dict[tuple[str, str], RuntimeState] = {}
    jobs: list[CellJob] = []
    for cell in cells:
        state = CellState(cell, run.machine.id)
        run.states.append(state)
        job = _job_of(run, state, runtimes[cell.row.id], probes)
        if job is None:
            assemble.tell_lost(run.stages, state, "Build")
        else:
            jobs.append(job)
    by_name = {state.cell.name: state for state in run.states}
    for group in groups_of(jobs):
        for name, outcome in run_group(run.stages, group, run.profile, run.seconds).items():
            _take(run, by_name[name], outcome)


def _job_of(
    run: StudyRun, state: CellState, runtime: Manifest | RuntimeState, probes: dict[tuple[str, str], RuntimeState]
) -> CellJob | None:
    """Probe a cell's runtime, once per interpreter, and build the cell; None when it cannot be run."""
    if isinstance(runtime, RuntimeState):
        assemble.refuse(state, runtime.reason, runtime.remedy)
        return None
    key = (runtime.id, state.cell.python)
    if key not in probes:
        probes[key] = probe(runtime, state.cell.python, run.stages.cancel)
    return _build(run, state, runtime, probes[key])


def _build(run: StudyRun, state: CellState, manifest: Manifest, available: RuntimeState) -> CellJob | None:
    """Make a cell's artifact and its job; None when the cell cannot be run, with the reason in its state."""
    cell, model = state.cell, run.models[state.cell.candidate.source].prepared
    state.versions = available.versions
    problem, remedy = why_not_run(cell, model, available)
    if problem and not can_verify(cell, available):
        assemble.refuse(state, problem, remedy)
        return None
    name = cell.candidate.name if cell.precision not in FLOAT else ""
    plans, state.native = run.plans.get(name), run.natives.get(name)
    if state.native and not assemble.is_ready(state, manifest):
        return None
    state.plan = plans.plan if plans else None
    plan = (plans.plan, plans.path) if plans else None
    made = state.native.artifact if state.native else None
    try:
        state.artifact = make_artifact(run.stages, cell, manifest, available.tool_chain, model, plan, made)
    except CellFailedError as error:
        state.deviations = error.refused
        if error.refused:
            assemble.refuse(state, error.outcome.message)
        elif problem:
            assemble.refuse(state, problem, remedy)
        else:
            assemble.fail(state, error.outcome)
        return None
    state.deviations = [Deviation(**item) for item in state.artifact.record["announced"]]
    if problem:
        assemble.refuse(state, problem, remedy)
        return None
    return _cell_job(run, state, manifest, available)


def _cell_job(run: StudyRun, state: CellState, manifest: Manifest, available: RuntimeState) -> CellJob:
    cell, artifact = state.cell, state.artifact
    assert artifact is not None
    model = run.models[cell.candidate.source].prepared
    arguments = {
        **run.evaluation.bundle(run.study, model.inputs, model.state),
        "artifact": str(artifact.path.resolve()),
        "deviations": artifact.record["deviations"],
        "notes": artifact.record["notes"],
        "precision": cell.precision,
        "threads": cell.row.threads,
        "batch": cell.row.batch,
        "settings": cell.row.options,
        "outputs": model.compared_specs,
        "speed": run.seconds > 0,
    }
    key = {
        "program": program_origin(),
        "plugin": [manifest.id, plugin_sha256(manifest)],
        "precision": cell.precision,
        "outputs": model.compared_specs,
        "artifact": [artifact.record["artifact_sha256"], artifact.record["beside_sha256"]],
        "told": [artifact.record["deviations"], artifact.record["notes"]],
        "data": run.evaluation.index.sha256,
        "preprocess": run.study.preprocess.to_json(),
        "state": model.state,
        "versions": dict(available.tool_chain),
        "threads": cell.row.threads,
        "batch": cell.row.batch,
        "settings": cell.row.options,
        "profile": run.profile,
        "seconds": run.seconds,
        "machine": run.machine.id,
    }
    reference_s = float(run.models[cell.candidate.source].reference_record["wall_s"])
    return CellJob(cell, manifest, artifact, arguments, key, SLOWEST * reference_s)


def _take(run: StudyRun, state: CellState, outcome: dict[str, Any] | Outcome) -> None:
    """Put a finished or failed cell into its state."""
    if isinstance(outcome, Outcome):
        assemble.fail(state, outcome)
        return
    folder = run.stages.store.folder("cells", *state.cell.name)
    outputs = open_outputs(folder, outcome)
    problem = misfit(run.models[state.cell.candidate.source].judge, outputs)
    if problem:
        assemble.fail(state, Outcome("failed", error_kind="ContractError", message=problem))
        assemble.tell_lost(run.stages, state, "Run")
        return
    state.record, state.outputs = outcome, outputs
    state.speed = speed_of(state.cell, folder, outcome, run.seconds)


def _plan_time(run: StudyRun, cells: list[Cell]) -> None:
    """Estimate the time the cells will take, at the reference's pace."""
    samples_s = max((float(model.reference_record["wall_s"]) for model in run.models.values()), default=0.0)
    run.stages.left.plan(cells, samples_s, ROUNDS[run.profile] if run.seconds else 0, run.seconds)
