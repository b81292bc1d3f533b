"""The end of a study: everything that was found, put into the form of `result.json`."""

from __future__ import annotations

import time

import workbench
from workbench.execution import assemble
from workbench.execution import result as records
from workbench.execution.assemble import CellState
from workbench.execution.evaluate import Outputs, exchange, open_outputs
from workbench.execution.facts import (
    candidate_record,
    data_findings,
    data_record,
    model_record,
    native_findings,
    native_record,
    plan_findings,
)
from workbench.execution.plausibility import plausibility_findings
from workbench.execution.preparation import overlap_of
from workbench.execution.run_parts import StudyRun
from workbench.execution.speed import MeasuredSpeed
from workbench.execution.study import Candidate
from workbench.execution.verdicts import verdicts_of


def conclude(run: StudyRun) -> records.Result:
    """Put everything a study found into the form of `result.json`."""
    run.stages.stage("Evaluate", "start")
    runs, discordant = _runs(run)
    runs = assemble.with_holm(runs)
    gates = run.study.file.gates
    first = run.models[run.study.candidates[0].source]
    parts = {"calibration": run.calibration, "evaluation": run.evaluation}
    exchanges = [item for source in run.models for item in _exchanges(run, source)]
    disagreements = [
        item
        for source, model in run.models.items()
        for item in assemble.disagreements_of(
            model.judge, [state for state in run.states if state.cell.candidate.source == source]
        )
    ]
    return records.Result(
        program_version=workbench.__version__,
        study_name=run.study.name,
        study_sha256=run.study.sha256,
        created_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        profile=run.profile,
        model=model_record(first.prepared, first.graph.macs),
        candidates=[_candidate(run, candidate) for candidate in run.study.candidates],
        task=run.study.file.task.model_dump(mode="json"),
        preprocess=run.study.preprocess.to_json(),
        data={name: data_record(part, first.prepared.state) for name, part in parts.items() if part},
        overlap=overlap_of(run.calibration, run.evaluation),
        resolution_points=assemble.resolution(run.evaluation.index.n, discordant),
        machines=[run.machine],
        runs=runs,
        disagreements=disagreements,
        exchanges=exchanges,
        gates=gates,
        verdicts=verdicts_of(runs, gates),
        findings=[
            *data_findings(run.calibration, run.evaluation),
            *plan_findings({name: made.plan for name, made in run.plans.items()}),
            *native_findings(run.natives),
            *plausibility_findings(
                first.judge, run.study.preprocess.to_json(), run.calibration.index.n if run.calibration else None
            ),
        ],
    )


def _runs(run: StudyRun) -> tuple[list[records.Run], list[float | None]]:
    speeds: dict[tuple[str, str, str], MeasuredSpeed] = {
        state.cell.name: state.speed for state in run.states if state.speed
    }
    runs: list[records.Run] = []
    discordant: list[float | None] = []
    for state in run.states:
        run.stages.check_cancelled()
        model = run.models[state.cell.candidate.source]
        record, share = assemble.run_record(
            state,
            model.judge,
            model.graph,
            _simulated(run, state),
            assemble.own_float(state, run.states),
            speeds,
            run.profile,
        )
        runs.append(record)
        discordant.append(share)
    for candidate in run.study.candidates:
        judge, name, machine = run.models[candidate.source].judge, candidate.name, run.machine.id
        made, native = run.plans.get(name), run.natives.get(name)
        if made:
            runs.append(assemble.simulated_run(judge, made.simulated_record, made.simulated, name, made.plan, machine))
        elif native and native.simulated:
            folder, simulated = native.simulated
            outputs = open_outputs(folder, simulated)
            runs.append(assemble.simulated_run(judge, simulated, outputs, name, None, machine))
    for source, model in run.models.items():
        name = next(candidate.name for candidate in run.study.candidates if candidate.source == source)
        labels = run.evaluation.index.labels_sha256
        runs.append(assemble.reference_run(model.judge, model.reference_record, name, run.machine.id, labels))
    return runs, discordant


def _simulated(run: StudyRun, state: CellState) -> Outputs | None:
    """Return the simulated outputs that belong to a cell: of its plan, or of its native tool-chain's Q/DQ graph."""
    if state.native:
        return open_outputs(*state.native.simulated) if state.native.simulated else None
    return run.plans[state.cell.candidate.name].simulated if state.plan else None


def _exchanges(run: StudyRun, source: str) -> list[records.Exchange]:
    """Compare, on every row, each native candidate's INT8 run with each one of a plan of the same model."""
    ready = [state for state in run.states if state.cell.candidate.source == source and state.outputs is not None]
    return [
        exchange(
            run.models[source].judge,
            native.cell.row.label,
            (ours.cell.candidate.name, ours.outputs or {}),
            (native.cell.candidate.name, native.outputs or {}),
        )
        for native in ready
        for ours in ready
        if native.native and ours.plan and native.cell.row is ours.cell.row
    ]


def _candidate(run: StudyRun, candidate: Candidate) -> records.CandidateFacts:
    model_sha256 = run.models[candidate.source].prepared.sha256
    if candidate.native:
        return native_record(candidate, model_sha256, run.natives.get(candidate.name))
    plans = run.plans.get(candidate.name)
    representation = plans.record["representation"] if plans else None
    return candidate_record(candidate, model_sha256, plans.plan if plans else None, representation)
