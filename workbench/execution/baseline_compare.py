"""A finished study against its baseline, run by run and plan by plan, as the record `baseline.json` holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import UserError
from workbench.execution import baseline_figures as figures
from workbench.execution.assemble import CellState
from workbench.execution.baseline import Baseline, counterparts, model_of
from workbench.execution.baseline_record import (
    BaselineComparison,
    ComparedRun,
    EarlierStudy,
    PlanMove,
    ScaleMove,
)
from workbench.execution.evaluate import Judge, Outputs, misfit
from workbench.execution.labels import labels_sha256
from workbench.execution.result import Result, Run
from workbench.execution.run_parts import StudyRun
from workbench.execution.store import safe_name
from workbench.quant.plan import QuantPlan, load_plan
from workbench.quant.plan_changes import plan_changes

NOT_IN_BASELINE = "the baseline has no such run"
_WHO = ("runtime", "label", "candidate", "precision", "status")


def compare_with(baseline: Baseline, run: StudyRun, result: Result) -> BaselineComparison:
    """Compare every run that a study made here with the baseline's run of the same row."""
    run.stages.stage("Baseline", "start")
    states = {state.cell.name: state for state in run.states}
    found = counterparts(baseline, result)
    runs = [
        _compared(baseline, run, states[name_of(now)], now, found.get(at))
        for at, now in enumerate(result.runs)
        if name_of(now) in states
    ]
    against = {id(then) for then in found.values()}
    then = baseline.result
    return BaselineComparison(
        baseline=EarlierStudy(
            name=baseline.folder.resolve().name,
            study_sha256=then.study_sha256,
            created_utc=then.created_utc,
            program_version=then.program_version,
        ),
        differs=study_differences(then, result),
        runs=runs,
        plans=_plan_moves(baseline, run, result, found),
        gone=[
            f"{item.label} {item.candidate} {item.precision}"
            for item in then.runs
            if item.runtime != "reference" and id(item) not in against
        ],
    )


def name_of(run: Run) -> tuple[str, str, str]:
    """Return what names a run in its study, as it names the cell it came from."""
    return run.label, run.candidate, run.precision


def study_differences(then: Result, now: Result) -> list[str]:
    """Return in words what differs between two studies as wholes, such as "the calibration set"."""
    sets = [part.data["calibration"].sha256 if "calibration" in part.data else None for part in (then, now)]
    models = [sorted({item.model_sha256 for item in part.candidates}) for part in (then, now)]
    schemes = [[item.scheme for item in part.candidates] for part in (then, now)]
    before, after = _references(then), _references(now)
    both = [(before[model], after[model]) for model in before.keys() & after.keys()]
    pairs: Mapping[str, bool] = {
        "the models": models[0] != models[1],
        "the scheme": schemes[0] != schemes[1],
        "the calibration set": sets[0] != sets[1],
        "the measuring profile": then.profile != now.profile,
        "the machine": {item.id for item in then.machines} != {item.id for item in now.machines},
        "the float32 reference itself": any(a.outputs_sha256 != b.outputs_sha256 for a, b in both),
        "the labels": _other_labels(then, now, both),
    }
    versions = then.program_version != now.program_version
    program = [f"int8-workbench {then.program_version} -> {now.program_version}"] if versions else []
    return [words for words, is_other in pairs.items() if is_other] + program


def _other_labels(then: Result, now: Result, references: Sequence[tuple[Run, Run]]) -> bool:
    """Whether the evaluation set has other labels; an older result does not tell, but equal answers do."""
    hashes = [labels_sha256(part) for part in (then, now)]
    if all(hashes):
        return hashes[0] != hashes[1]
    return any(a.outputs_sha256 == b.outputs_sha256 and a.accuracy != b.accuracy for a, b in references)


def _compared(baseline: Baseline, study: StudyRun, state: CellState, now: Run, then: Run | None) -> ComparedRun:
    fields: dict[str, Any] = {name: getattr(now, name) for name in _WHO}
    if then is None:
        return ComparedRun(**fields, reasons={"baseline": NOT_IN_BASELINE})
    fields |= {
        "then_label": then.label,
        "then_candidate": then.candidate,
        "then_status": then.status,
        "differs": figures.run_differences(then, now),
    }
    if then.status != "ok" or now.status != "ok":
        return ComparedRun(**fields, reasons={"baseline": _why_nothing(then, now)})
    moved = figures.moved_nodes(then, now)
    fields |= {"nodes": moved[: figures.MOST_NODES], "nodes_moved": len(moved)}
    judge = study.models[state.cell.candidate.source].judge
    answers = _answers(baseline, judge, state.outputs or {}, now, then)
    speed = figures.speed_figures(then, now)
    reasons = {**answers.pop("reasons", {}), **speed.pop("reasons", {})}
    return ComparedRun(**fields, **answers, **speed, reasons=reasons)


def _why_nothing(then: Run, now: Run) -> str:
    """Return which of two runs did not finish, and why."""
    late, words = (now, "it") if now.status != "ok" else (then, "the baseline's run")
    message = late.problem.message if late.problem else ""
    return f"{words} is {late.status.replace('_', ' ')}{': ' if message else ''}{message}"


def _answers(baseline: Baseline, judge: Judge, outputs: Outputs, now: Run, then: Run) -> dict[str, Any]:
    """Return the fields about answers; where they cannot be compared, the reason alone."""
    if now.outputs_sha256 == then.outputs_sha256:
        return {"identical": True, **figures.same_figures(judge)}
    earlier = baseline.outputs_of(then)
    problem = earlier if isinstance(earlier, str) else misfit(judge, earlier)
    if isinstance(earlier, str) or problem:
        return {"identical": False, "reasons": {"baseline": problem}}
    return {"identical": False, **figures.answer_figures(judge, earlier, outputs)}


def _references(result: Result) -> dict[str, Run]:
    """Return, per model, the run of the float32 reference."""
    return {model_of(result, run): run for run in result.runs if run.precision == "reference"}


def _plan_moves(baseline: Baseline, study: StudyRun, result: Result, found: Mapping[int, Run]) -> list[PlanMove]:
    """Compare, once per candidate, the plan of an INT8 run with that of the baseline's run."""
    moves: dict[str, PlanMove] = {}
    for at, then in found.items():
        now = result.runs[at]
        made = study.plans.get(now.candidate)
        if made is None or now.candidate in moves or then.plan_sha256 in (None, now.plan_sha256):
            continue
        earlier = _plan_of(baseline, then)
        if earlier is not None:
            moves[now.candidate] = _plan_move(now.candidate, earlier, made.plan)
    return list(moves.values())


def _plan_of(baseline: Baseline, then: Run) -> QuantPlan | None:
    """Return the plan of a baseline's run, None where it is not kept there as it was."""
    try:
        plan = load_plan(baseline.folder / "plans" / safe_name(then.candidate) / "plan.json")
    except UserError:
        return None
    return plan if plan.sha256 == then.plan_sha256 else None


def _plan_move(candidate: str, then: QuantPlan, now: QuantPlan) -> PlanMove:
    found = plan_changes(then, now)
    return PlanMove(
        candidate=candidate,
        tensors=found.tensors,
        tensors_changed=found.tensors_changed,
        weights=found.weights,
        weights_changed=found.weights_changed,
        scales=[ScaleMove(tensor=change.name, then=change.before, now=change.now) for change in found.scales],
        now_float=list(found.now_float),
        now_quantized=list(found.now_quantized),
    )
