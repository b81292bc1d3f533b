"""From finished stages to `result.json`: one record per run, intervals, verdicts, disagreements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from workbench.execution import result as records
from workbench.execution.artifacts import Artifact
from workbench.execution.cells import Cell
from workbench.execution.coverage import float_leftovers, int8_mac_share, placement_records
from workbench.execution.discovery import Manifest
from workbench.execution.evaluate import Judge, Outputs, disagreement, error_split, output_figures, task_figures
from workbench.execution.evidence import fallback_deviations, is_evaluated, share_reasons, why_no_speed
from workbench.execution.jobs import Outcome
from workbench.execution.labels import LABELS_FACT
from workbench.execution.native import Native, why_not_read
from workbench.execution.speed import CellName, MeasuredSpeed, latency_record, speedups, throughput_record
from workbench.execution.stages import Stages
from workbench.measure.statistics import holm, resolution_points
from workbench.model.graph import GraphSummary
from workbench.quant.plan import QuantPlan
from workbench.spi import Deviation

NO_LAST_WORD = "its worker ended without a last word"


@dataclass
class CellState:
    """All that is known of one cell.

    Attributes:
        versions: of its runtime; record: the finished cell's record; problem: why there is none.
        native: what the candidate's native tool-chain made, of an INT8 cell that has one.
        is_unfit: that tool-chain cannot take the model, or this runtime not what it writes: nothing is missing here.
    """

    cell: Cell
    machine: str
    versions: Mapping[str, str] = field(default_factory=dict)
    deviations: list[Deviation] = field(default_factory=list)
    plan: QuantPlan | None = None
    artifact: Artifact | None = None
    record: Mapping[str, Any] | None = None
    speed: MeasuredSpeed | None = None
    status: records.Status = "ok"
    problem: records.Problem | None = None
    outputs: Outputs | None = None
    native: Native | None = None
    is_unfit: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """What preparing and running told of themselves."""
        noted = self.artifact.record.get("notes", {}) if self.artifact else {}
        return {**noted, **(self.record or {}).get("facts", {})}


def fail(state: CellState, outcome: Outcome) -> None:
    """Note how a cell's job ended."""
    state.status = outcome.status
    state.problem = records.Problem(
        message=outcome.message or str(outcome),
        remedy=outcome.remedy,
        signal=outcome.signal,
        log_tail=list(outcome.log_tail),
    )


def refuse(state: CellState, message: str, remedy: str = "") -> None:
    """Note that a cell cannot be run here at all."""
    state.status = "not_available"
    state.problem = records.Problem(message=message, remedy=remedy)


def is_ready(state: CellState, runtime: Manifest) -> bool:
    """Whether a native candidate's artifact is there and this runtime can run it; else note why not."""
    native = state.native
    assert native is not None
    reason = native.unfit or why_not_read(native.tool, runtime) if native.state.ok else ""
    state.is_unfit = bool(reason)
    if not native.state.ok:
        refuse(state, f"{native.tool.title}: {native.state.reason}", native.state.remedy)
    elif reason:
        refuse(state, reason)
    elif native.failure:
        fail(state, native.failure)
    return state.problem is None


def tell_lost(stages: Stages, state: CellState, stage: str) -> None:
    """Tell that a cell has no answer to give, and why; `stage` is what it was doing."""
    assert state.problem is not None
    found = state.problem
    stages.left.done(state.cell)
    stages.failed(f"{stage} {state.cell.title}", state.status, found.message, found.remedy, found.log_tail)


def run_record(
    state: CellState,
    judge: Judge,
    graph: GraphSummary,
    simulated: Outputs | None,
    own_float: Outputs | None,
    speeds: Mapping[CellName, MeasuredSpeed],
    profile: str,
) -> tuple[records.Run, float | None]:
    """Return a cell as a Run, and the share of samples right in one run and wrong in the other (None unlabelled)."""
    fields = _identity(state)
    if state.record is None or state.outputs is None:
        return records.Run(**fields), None
    task, distances = task_figures(judge, state.outputs), output_figures(judge, state.outputs)
    discordant = task.pop("discordant_share")
    name = distances.pop("headline")
    placed = _placement_fields(state, graph)
    merged = {
        **fields,
        **task,
        **distances,
        "findings": task["findings"] + distances["findings"] + _timed_findings(state.record),
        "reasons": {
            **task["reasons"],
            **distances["reasons"],
            **_speed_reasons(state),
            **({"peak_rss_bytes": NO_LAST_WORD} if state.record.get("closing") else {}),
            **_native_reasons(state),
            **share_reasons(placed["int8_mac_share"], graph.macs, state.facts),
        },
        "divergence": error_split(judge, name, state.outputs, simulated, own_float),
        **placed,
        **_speed_fields(state, speeds, profile),
    }
    return records.Run(**merged), discordant


def own_float(state: CellState, states: Sequence[CellState]) -> Outputs | None:
    """Return the outputs of the same row's fp32 cell on the same model, None where there is none."""
    for other in states:
        same = other.cell.row is state.cell.row and other.cell.candidate.source == state.cell.candidate.source
        if same and other.cell.precision == "fp32" and other is not state:
            return other.outputs
    return None


def reference_run(
    judge: Judge, record: Mapping[str, Any], candidate: str, machine: str, labels_sha256: str = ""
) -> records.Run:
    """Return the float32 reference as a Run; it has no speed of its own, its runtimes have.

    Args:
        labels_sha256: of the labels that judge all runs, in order; "" without labels.
    """
    task, distances = task_figures(judge, judge.reference), output_figures(judge, judge.reference)
    return records.Run(
        **_beside("FP32 reference", "reference", candidate, machine),
        n=task["n"],
        accuracy=task["accuracy"],
        findings=task["findings"] + distances["findings"],
        outputs_sha256=record["outputs_sha256"],
        versions=record["versions"],
        reasons={
            **task["reasons"],
            "accuracy_change_points": "it is the reference",
            "throughput_per_s": "the reference is not timed",
        },
        facts={LABELS_FACT: labels_sha256} if labels_sha256 else {},
    )


def simulated_run(
    judge: Judge, record: Mapping[str, Any], outputs: Outputs, candidate: str, plan: QuantPlan | None, machine: str
) -> records.Run:
    """Return a Q/DQ graph simulated in float as a Run: what a plan, or a native tool-chain, costs on any runtime."""
    task, distances = task_figures(judge, outputs), output_figures(judge, outputs)
    task.pop("discordant_share")
    name = distances.pop("headline")
    merged = {
        **task,
        **distances,
        "findings": task["findings"] + distances["findings"],
        "reasons": {**task["reasons"], **distances["reasons"], "throughput_per_s": "a simulation is not timed"},
    }
    return records.Run(
        **_beside("Simulated", "simulated", candidate, machine),
        plan_sha256=plan.sha256 if plan else None,
        outputs_sha256=record["outputs_sha256"],
        versions=record["versions"],
        divergence=error_split(judge, name, outputs, outputs, None),
        **merged,
    )


def with_holm(runs: Sequence[records.Run]) -> list[records.Run]:
    """Adjust McNemar's p over all INT8 runs (Holm), so that many runtimes do not make one look different by chance."""
    tested = [run for run in runs if run.precision == "int8" and run.mcnemar_p is not None]
    adjusted = dict(zip((id(run) for run in tested), holm([run.mcnemar_p or 0.0 for run in tested]), strict=True))
    return [run.model_copy(update={"mcnemar_p_holm": adjusted.get(id(run))}) for run in runs]


def resolution(n: int, discordant: Sequence[float | None]) -> float | None:
    """Return the smallest accuracy difference, in points, the set resolves, at the largest share seen."""
    shares = [share for share in discordant if share is not None]
    return resolution_points(n, max(shares)) if shares and n else None


def disagreements_of(judge: Judge, states: Sequence[CellState]) -> list[records.Disagreement]:
    """Compare every two runtimes on the same candidate and precision."""
    ready = [state for state in states if state.outputs is not None]
    return [
        disagreement(
            judge,
            a.cell.candidate.name,
            a.cell.precision,  # type: ignore[arg-type]
            (a.cell.row.label, a.outputs or {}),
            (b.cell.row.label, b.outputs or {}),
        )
        for position, a in enumerate(ready)
        for b in ready[position + 1 :]
        if (a.cell.candidate.name, a.cell.precision) == (b.cell.candidate.name, b.cell.precision)
    ]


def _identity(state: CellState) -> dict[str, Any]:
    cell, artifact, record = state.cell, state.artifact, state.record or {}
    built = artifact.record if artifact else {}
    told = [*state.deviations, *fallback_deviations(state.facts)]
    deviations = [asdict(item) for item in told] + list(built.get("deviations", []))
    return {
        "runtime": cell.row.id,
        "label": cell.row.label,
        "candidate": cell.candidate.name,
        "precision": cell.precision,
        "machine": state.machine,
        "required": cell.row.required and not state.is_unfit,
        "threads": cell.row.threads,
        "batch": cell.row.batch,
        "status": state.status,
        "problem": state.problem,
        "plan_sha256": state.plan.sha256 if state.plan else None,
        "artifact_sha256": built.get("artifact_sha256"),
        "artifact_bytes": built.get("artifact_bytes"),
        "build_s": built.get("build_s"),
        "parity": built.get("parity"),
        "deviations": deviations,
        "outputs_sha256": record.get("outputs_sha256"),
        "load_s": record.get("load_s"),
        "first_inference_ms": record.get("first_inference_ms"),
        "peak_rss_bytes": record.get("peak_rss_bytes"),
        "versions": {**state.versions, **_tool_versions(state.native)},
        "facts": state.facts,
    }


def _beside(label: str, precision: records.Precision, candidate: str, machine: str) -> dict[str, Any]:
    """Return who a run is that stands beside those of the runtimes: the float32 reference, a simulated graph."""
    return {
        "runtime": "reference",
        "label": label,
        "candidate": candidate,
        "precision": precision,
        "machine": machine,
        "threads": 1,
        "batch": 1,
        "status": "ok",
    }


def _placement_fields(state: CellState, graph: GraphSummary) -> dict[str, Any]:
    assert state.record is not None
    quantized = state.plan.quantized_nodes if state.plan else ()
    placement = placement_records(state.record["placement"], graph, quantized)
    return {
        "placement": placement,
        "int8_mac_share": None if is_evaluated(state.facts) else int8_mac_share(placement, graph),
        "float_leftovers": float_leftovers(placement, graph) if state.cell.precision == "int8" else [],
    }


def _speed_fields(state: CellState, speeds: Mapping[CellName, MeasuredSpeed], profile: str) -> dict[str, Any]:
    if state.speed is None or state.record is None or why_no_speed(state.cell.precision, state.facts):
        return {}
    return {
        "latency_ms": latency_record(state.speed),
        "throughput_per_s": throughput_record(state.speed, state.record, profile),
        "speedup": speedups(state.speed, speeds),
    }


def _speed_reasons(state: CellState) -> dict[str, str]:
    missing = why_no_speed(state.cell.precision, state.facts)
    if missing:
        return {"throughput_per_s": missing}
    if state.speed is None:
        return {"throughput_per_s": "the study measures no speed"}
    return dict(state.speed.summary.reasons)


def _native_reasons(state: CellState) -> dict[str, str]:
    """Return why a native candidate's run has no parity, and no share of the scheme where it cannot be simulated."""
    if state.native is None:
        return {}
    reasons = {"parity": f"{state.native.tool.title} chose the numbers itself, there is no plan to compare with"}
    missing = state.native.no_simulation
    return reasons | ({"divergence.scheme": missing, "divergence.execution": missing} if missing else {})


def _tool_versions(native: Native | None) -> dict[str, str]:
    return {f"quantizer {name}": value for name, value in native.state.versions.items()} if native else {}


def _timed_findings(record: Mapping[str, Any]) -> list[str]:
    differing, checked = record["answers_differing"], record["answers_checked"]
    found = [f"{differing} of {checked} answers checked while timed differ from the accuracy pass"] if differing else []
    closing = record.get("closing")
    return [*found, f"everything was measured; then its session was not closed: {closing}"] if closing else found
