"""Mixed precision: the fewest nodes left in float that meet a target, from a study, in a folder that resumes.

The search runs on calibration samples, every point of its path is made and judged on the evaluation set, as a study
would get it. All figures are of the plans' simulated graphs; the runtimes' own come from running `tuned.toml`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

import workbench
from workbench.errors import StudyError
from workbench.execution.checks import check_labels, check_model
from workbench.execution.evaluate import Judge, judge_of, open_outputs, output_figures, task_figures
from workbench.execution.folder_lock import folder_lock
from workbench.execution.host import run_job
from workbench.execution.jobs import Job
from workbench.execution.origin import program_origin
from workbench.execution.plans import plan_of, ranges_folder
from workbench.execution.preparation import (
    PreparedData,
    PreparedModel,
    prepare_data,
    prepare_model,
    reference_outputs,
    simulated_outputs,
)
from workbench.execution.stages import CORE_TIMEOUT_S, OnEvent, Stages, raise_users_mistake
from workbench.execution.store import Store, key_sha256
from workbench.execution.study import Candidate, Study, save_study, with_absolute_paths
from workbench.execution.tune_choice import check_target, choose, judged
from workbench.execution.tune_record import (
    CalibrationSet,
    EvaluationSet,
    FigureWithInterval,
    Point,
    Sensitivity,
    TargetKey,
    Tune,
    TunedModel,
)
from workbench.files import remove_durable, write_json_atomic
from workbench.model.graph import COMPUTE_OPS, GraphSummary
from workbench.model.summary import graph_summary
from workbench.quant.plan import QuantPlan
from workbench.quant.sensitivity import gain_db, sqnr_db

SEARCH_SAMPLES = 16
SEARCH_SHARE = 0.5
"""Share of the time left that the search may take where there is a budget; the rest is for its points."""


@dataclass(frozen=True)
class TuneOptions:
    """What is asked.

    Attributes:
        candidate: name of the candidate; "" for the first that can be tuned.
        target: limits to meet together; may be empty. most_float_nodes: 0 or more.
        budget_s: time after which nothing further is begun; None: no limit.
    """

    candidate: str = ""
    target: Mapping[TargetKey, float] = field(default_factory=dict)
    most_float_nodes: int = 8
    budget_s: float | None = None
    allow_code: bool = False


class Clock:
    """Seconds spent and left, and what the points will still take at the pace of those made."""

    def __init__(self, budget_s: float | None, most_points: int) -> None:
        self._budget_s, self._start = budget_s, time.monotonic()
        self._points_left, self._point_s = most_points, 0.0

    @property
    def spent_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left_s(self) -> float | None:
        """Seconds of the budget left, 0 when it is spent; None without one."""
        return None if self._budget_s is None else max(0.0, self._budget_s - self.spent_s)

    def points(self, left: int, point_s: float | None = None) -> None:
        """Note how many points are still to come, and what one takes."""
        self._points_left = left
        self._point_s = self._point_s if point_s is None else point_s

    def remaining_s(self, here_s: float = 0.0) -> float | None:
        """Return the estimate with `here_s` for the work under way, within the budget; None before it is known."""
        estimate = here_s + self._points_left * self._point_s
        if estimate <= 0.0:
            return None
        return estimate if self.left_s is None else min(estimate, self.left_s)


@dataclass
class Parts:
    """Everything that is ready before the search."""

    study: Study
    candidate: Candidate
    stages: Stages
    options: TuneOptions
    clock: Clock
    calibration: PreparedData
    evaluation: PreparedData
    model: PreparedModel
    graph: GraphSummary
    judge: Judge


@dataclass(frozen=True)
class Search:
    """What the search found; errors are NMSE of plans without bias correction."""

    n: int = 0
    all_int8: float | None = None
    singles: Mapping[str, float] = field(default_factory=dict)
    path: Sequence[Sequence[str]] = ()
    complete: bool = False


def tune_study(
    study: Study, folder: Path, options: TuneOptions, on_event: OnEvent, cancel: threading.Event | None = None
) -> Tune:
    """Search, or go on with a search that was interrupted; write `tune.json`, and `tuned.toml` where one is chosen.

    Args:
        on_event: receives {"event": "stage" | "progress", ...} in this thread, each with remaining_s.

    Raises:
        UserError: something the user can mend; what is finished stays.
        JobCancelledError: `cancel` was set.
    """
    candidate = tunable(study, options.candidate)
    check_target(options.target, study.file.task.kind)
    if study.file.data.calibration is None:
        raise StudyError("The study names no calibration data", how="Add [data.calibration].")
    store = Store(folder)
    store.open()
    with folder_lock(folder):
        store.tidy()
        clock = Clock(options.budget_s, options.most_float_nodes)
        stages = Stages(store, lambda event: on_event(_with_time(event, clock)), cancel or threading.Event())
        parts = _prepared(study, candidate, stages, options, clock)
        record = _tuned(parts)
        _write(record, study, folder)
        return record


def tunable(study: Study, name: str = "") -> Candidate:
    """Return the candidate of that name, or the first that can be tuned. Raises StudyError saying why none can."""
    found = [candidate for candidate in study.candidates if name in ("", candidate.name)]
    if not found:
        known = ", ".join(candidate.name for candidate in study.candidates)
        raise StudyError(f"There is no candidate {name!r}", how=f"Known candidates: {known}.")
    for candidate in found:
        if not _why_not_tunable(candidate):
            return candidate
    raise StudyError(
        f"Candidate {found[0].name} cannot be tuned",
        why=_why_not_tunable(found[0]),
        how="Tune one with scheme S1 or S2.",
    )


def _why_not_tunable(candidate: Candidate) -> str:
    if candidate.native:
        return "a native tool-chain chooses its own numbers"
    if candidate.plan:
        return "its plan is ready and is never made again"
    return "" if candidate.scheme.quantizes_activations else f"scheme {candidate.scheme.name} quantizes no activations"


def with_float_nodes(study: Study, name: str, nodes: Sequence[str]) -> Study:
    """Return the study with further nodes left in float by one candidate's scheme; the others keep theirs."""

    def wider(section: Any) -> Any:
        return section.model_copy(update={"exclude_nodes": [*section.exclude_nodes, *nodes]})

    if study.file.candidates:
        sections = [
            item.model_copy(update={"scheme": wider(item.scheme or study.file.scheme)}) if item.name == name else item
            for item in study.file.candidates
        ]
        return Study(study.file.model_copy(update={"candidates": sections}), study.folder, study.name)
    return Study(study.file.model_copy(update={"scheme": wider(study.file.scheme)}), study.folder, study.name)


def _prepared(study: Study, candidate: Candidate, stages: Stages, options: TuneOptions, clock: Clock) -> Parts:
    """Load, scan, check, and run the float32 reference."""
    evaluation, calibration = prepare_data(stages, study, "evaluation"), prepare_data(stages, study, "calibration")
    assert evaluation is not None
    assert calibration is not None
    if "max_drop_points" in options.target and evaluation.index.labels is None:
        raise StudyError(
            "--max-drop-points needs labels", why="the evaluation data have none", how="Give --agreement or --sqnr-db."
        )
    model = prepare_model(stages, study, candidate.source, options.allow_code, calibration)
    check_model(study, model, evaluation, calibration, [])
    folder, record = reference_outputs(stages, study, model, evaluation)
    task, index = study.file.task, evaluation.index
    frames = int(record["n"]) // index.n if model.state else 1
    judge = judge_of(task.kind, task.class_offset, open_outputs(folder, record), index, frames, model.state.values())
    check_labels(task, next(iter(judge.reference.values())).shape[1:], index)
    graph = graph_summary(onnx.load(str(model.canonical)), record.get("input_shapes"))
    return Parts(study, candidate, stages, options, clock, calibration, evaluation, model, graph, judge)


def _tuned(parts: Parts) -> Tune:
    options, clock = parts.options, parts.clock
    start = time.monotonic()
    plan, first = _point(parts, ())
    clock.points(options.most_float_nodes, time.monotonic() - start)
    found = _search(parts, plan)
    points = [first]
    for done, nodes in enumerate(found.path):
        clock.points(len(found.path) - done)
        if clock.left_s == 0.0:
            break
        points.append(_point(parts, nodes)[1])
    is_complete = found.complete and len(points) == 1 + len(found.path)
    chosen, why = choose(points, options.target, is_complete)
    return Tune(
        program_version=workbench.__version__,
        study_name=parts.study.name,
        study_sha256=parts.study.sha256,
        model=TunedModel(name=parts.model.facts["name"], sha256=parts.model.sha256),
        candidate=parts.candidate.name,
        scheme=parts.candidate.scheme.to_json(),
        calibration=CalibrationSet(n=plan.calibration.n, sha256=plan.calibration.sha256),
        evaluation=EvaluationSet(
            n=parts.judge.n, sha256=parts.evaluation.index.sha256, labelled=parts.judge.labels is not None
        ),
        target=dict(options.target),
        budget_s=options.budget_s,
        spent_s=round(clock.spent_s, 3),
        complete=is_complete,
        sensitivity=_sensitivities(parts.graph, found),
        sensitivity_n=found.n,
        sensitivity_all_int8_db=_finite_db(found.all_int8),
        points=points,
        chosen=chosen,
        why=why,
    )


def _point(parts: Parts, nodes: Sequence[str]) -> tuple[QuantPlan, Point]:
    """Make the plan with these nodes left in float, run it simulated, and judge it."""
    candidate = _candidate_with(parts.candidate, nodes)
    evaluation = None if nodes else parts.evaluation
    shared = ranges_folder(parts.stages, parts.study, parts.candidate, parts.model, parts.calibration)
    plan, path, record = plan_of(
        parts.stages, parts.study, candidate, parts.model, parts.calibration, evaluation, ranges=shared
    )
    folder, simulated = simulated_outputs(
        parts.stages, parts.study, candidate, parts.model, parts.evaluation, path.parent / record["simulated"]
    )
    outputs = open_outputs(folder, simulated)
    task, distances = task_figures(parts.judge, outputs), output_figures(parts.judge, outputs)
    agreement = task["top1_agreement"]
    figures = {
        "sqnr_db": FigureWithInterval(value=distances["sqnr_db"], interval=distances["sqnr_db_interval"]),
        "agreement": FigureWithInterval(value=agreement.value, interval=agreement.interval) if agreement else None,
        "accuracy": task["accuracy"],
        "accuracy_change_points": task["accuracy_change_points"],
        "n": task["n"],
    }
    meets, why = judged(parts.options.target, figures)
    share = _mac_share(parts.graph, plan.quantized_nodes)
    return plan, Point(
        float_nodes=list(nodes), int8_mac_share=share, plan_sha256=plan.sha256, meets_target=meets, why=why, **figures
    )


def _candidate_with(candidate: Candidate, nodes: Sequence[str]) -> Candidate:
    if not nodes:
        return candidate
    excluded = [*candidate.scheme_section.exclude_nodes, *nodes]
    section = candidate.scheme_section.model_copy(update={"exclude_nodes": excluded})
    name = f"{candidate.name}, {len(nodes)} more in float"
    return candidate.model_copy(update={"name": name, "scheme_section": section})


def _search(parts: Parts, plan: QuantPlan) -> Search:
    """Search in a worker; what it measures is kept in a file of this model, scheme and data."""
    quantized = set(plan.quantized_nodes)
    nodes = [node.name for node in parts.graph.nodes if node.op_type in COMPUTE_OPS and node.name in quantized]
    left_s = parts.clock.left_s
    if not nodes or not parts.options.most_float_nodes or left_s == 0.0:
        return Search(complete=left_s != 0.0)
    name, place = f"Sensitivity of {parts.candidate.name}", parts.stages.store.folder("tune", parts.candidate.name)
    place.mkdir(parents=True, exist_ok=True)
    arguments = _search_arguments(parts, nodes)
    arguments["measured"] = str(place / f"{key_sha256(arguments)[:16]}.json")
    arguments["most_float_nodes"] = min(parts.options.most_float_nodes, len(nodes))
    arguments["budget_s"] = None if left_s is None else left_s * SEARCH_SHARE
    parts.stages.check_cancelled()
    parts.stages.stage(name, "start")
    outcome = run_job(
        Job("search_float_nodes", None, arguments, place, CORE_TIMEOUT_S), _listener(parts), parts.stages.cancel
    )
    raise_users_mistake(outcome)
    found = Search(**outcome.require())
    parts.stages.stage(name, "done")
    return found


def _search_arguments(parts: Parts, nodes: Sequence[str]) -> dict[str, Any]:
    """Return everything that a measurement depends on."""
    states = set(parts.model.state.values())
    floats = [spec["name"] for spec in parts.model.compared_specs if spec["dtype"] == "float32"]
    return {
        "canonical": str(parts.model.canonical),
        "model_sha256": parts.model.sha256,
        "scheme": parts.candidate.scheme.to_json(),
        "calibration": parts.calibration.bundle(parts.study, parts.model.inputs, parts.model.state),
        "outputs": [name for name in floats if name not in states] or floats,
        "nodes": list(nodes),
        "samples": SEARCH_SAMPLES,
        "program": program_origin(),
        "graphs": parts.model.graphs_sha256,
        "samples_sha256": parts.calibration.index.sha256,
    }


def _listener(parts: Parts) -> OnEvent:
    """Pass the search's progress on with the time left, at the pace of this start's measurements."""
    seen: list[tuple[float, int]] = []

    def listen(event: Mapping[str, Any]) -> None:
        if event.get("event") != "progress":
            return
        seen.append((time.monotonic(), int(event["done"])))
        (start, first), (now, done) = seen[0], seen[-1]
        pace = (now - start) / (done - first) if done > first else 0.0
        parts.stages.on_event({**event, "remaining_s": parts.clock.remaining_s(pace * (event["total"] - done))})

    return listen


def _with_time(event: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    known = event.get("remaining_s")
    return {**event, "remaining_s": clock.remaining_s() if known is None else known}


def _sensitivities(graph: GraphSummary, found: Search) -> list[Sensitivity]:
    """Return what every measured node gives, the largest gain first."""
    if found.all_int8 is None:
        return []
    ranked = sorted(
        (node for node in graph.nodes if node.name in found.singles), key=lambda node: found.singles[node.name]
    )
    return [
        Sensitivity(
            node=node.name,
            op_type=node.op_type,
            mac_share=_mac_share(graph, [node.name]),
            sqnr_db=_finite_db(found.singles[node.name]),
            gain_db=gain_db(found.all_int8, found.singles[node.name]) if found.singles[node.name] else None,
        )
        for node in ranked
    ]


def _finite_db(nmse: float | None) -> float | None:
    return sqnr_db(nmse) if nmse else None


def _mac_share(graph: GraphSummary, names: Sequence[str]) -> float | None:
    wanted = set(names)
    return sum(node.macs for node in graph.nodes if node.name in wanted) / graph.macs if graph.macs else None


def _write(record: Tune, study: Study, folder: Path) -> None:
    """Write `tune.json`, and `tuned.toml` where a point is chosen; one of an earlier start goes."""
    tuned = folder / "tuned.toml"
    if record.chosen is None:
        remove_durable(tuned)
    else:
        nodes = record.points[record.chosen].float_nodes
        save_study(with_absolute_paths(with_float_nodes(study, record.candidate, nodes)), tuned)
    write_json_atomic(folder / "tune.json", record.model_dump(mode="json"))
