"""The end of a study: everything that was found, put into the form of `result.json`."""

from __future__ import annotations

import time

import workbench
from workbench.execution import assemble
from workbench.execution import result as records
from workbench.execution.facts import candidate_record, data_findings, data_record, model_record, plan_findings
from workbench.execution.plausibility import plausibility_findings
from workbench.execution.preparation import overlap_of
from workbench.execution.run_parts import StudyRun
from workbench.execution.speed import MeasuredSpeed
from workbench.execution.study import Candidate


def conclude(run: StudyRun) -> records.Result:
    """Put everything a study found into the form of `result.json`."""
    run.stages.stage("Evaluate", "start")
    runs, discordant = _runs(run)
    runs = assemble.with_holm(runs)
    gates = run.study.file.gates
    first = run.models[run.study.candidates[0].source]
    parts = {"calibration": run.calibration, "evaluation": run.evaluation}
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
        model=model_record(first.prepared),
        candidates=[_candidate(run, candidate) for candidate in run.study.candidates],
        task=run.study.file.task.model_dump(mode="json"),
        preprocess=run.study.preprocess.to_json(),
        data={name: data_record(part, first.prepared.state) for name, part in parts.items() if part},
        overlap=overlap_of(run.calibration, run.evaluation),
        resolution_points=assemble.resolution(run.evaluation.index.n, discordant),
        machines=[run.machine],
        runs=runs,
        disagreements=disagreements,
        gates=gates,
        verdicts=assemble.verdicts_of(runs, gates),
        findings=[
            *data_findings(run.calibration, run.evaluation),
            *plan_findings({name: made.plan for name, made in run.plans.items()}),
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
        plans = run.plans.get(state.cell.candidate.name) if state.plan else None
        record, share = assemble.run_record(
            state,
            model.judge,
            model.graph,
            plans.simulated if plans else None,
            assemble.own_float(state, run.states),
            speeds,
            run.profile,
        )
        runs.append(record)
        discordant.append(share)
    for candidate in run.study.candidates:
        made = run.plans.get(candidate.name)
        if made:
            judge = run.models[candidate.source].judge
            runs.append(
                assemble.simulated_run(
                    judge, made.simulated_record, made.simulated, candidate.name, made.plan, run.machine.id
                )
            )
    for source, model in run.models.items():
        name = next(candidate.name for candidate in run.study.candidates if candidate.source == source)
        runs.append(assemble.reference_run(model.judge, model.reference_record, name, run.machine.id))
    return runs, discordant


def _candidate(run: StudyRun, candidate: Candidate) -> records.CandidateFacts:
    plans = run.plans.get(candidate.name)
    representation = plans.record["representation"] if plans else None
    model_sha256 = run.models[candidate.source].prepared.sha256
    return candidate_record(candidate, model_sha256, plans.plan if plans else None, representation)
