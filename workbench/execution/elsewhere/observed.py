"""What a runner observed, in the core's own terms: cells with answers, clocks and kernels, ready for `run_record`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from workbench.execution.artifacts import Artifact
from workbench.execution.assemble import CellState
from workbench.execution.cells import Cell
from workbench.execution.elsewhere.names import MEASURED_FACT
from workbench.execution.elsewhere.records import Job, JobCell, KernelFacts, ReturnedCell
from workbench.execution.elsewhere.returned import Arrived, outputs_of
from workbench.execution.elsewhere.stored import StoredStudy
from workbench.execution.evaluate import misfit
from workbench.execution.facts import machine_id
from workbench.execution.jobs import Outcome
from workbench.execution.output_files import outputs_sha256
from workbench.execution.run_records import Problem
from workbench.execution.speed import speed_of
from workbench.execution.study import RuntimeSection
from workbench.measure.load import LoadReport
from workbench.model.graph import GraphSummary, NodeSummary
from workbench.spi import Deviation, Placement

UNWATCHED = LoadReport(0.0, 0.0, 0.0, 0.0, 0)
NOT_WATCHED = "what else kept that machine busy while it was timed is not known"
NOT_TOLD = "the runner there does not tell which kernel computed it"
OTHER_VERSIONS = "other versions than where it was lowered"
OTHER_FILE = "its models were opened there by another file than was bundled"
JOB_FACT = "job"
"""Of a run made elsewhere: the job's hash. Runs made here have no such fact."""
_FORM = re.compile(r"^(QLinear|Fused|Q)(?=[A-Z])")
"""What stands before an op's name in the name of its kernel."""
_SUFFIX = re.compile(r"(_token_\d+|_nchwc|/MatMulAddFusion)$")


def states_of(
    arrived: Arrived, stored: StoredStudy, machine: str, rows: Mapping[str, RuntimeSection]
) -> list[CellState]:
    """Return one state per model of a job.

    Args:
        machine: id of the machine it ran on; rows: label in the job -> the row that stands in the result.
    """
    candidates = {item.name: item for item in stored.study.candidates}
    return [
        _state(arrived, stored, cell, Cell(rows[cell.label], candidates[cell.candidate], cell.precision), machine)
        for cell in arrived.job.cells
    ]


def machine_of(arrived: Arrived) -> str:
    """Return the id of the machine a job ran on, by the rule for machines here."""
    return machine_id(arrived.returned.machine)


def differing_versions(job: Job, there: Mapping[str, str]) -> str:
    """Return in words which versions of the tool-chain differ between here and there, "" where none does."""
    one, other = _by_library(job.versions), _by_library(there)
    shown = [f"{name} {one[name]} here, {other[name]} there" for name in one if other.get(name, one[name]) != one[name]]
    return f"{OTHER_VERSIONS}: {'; '.join(shown)}" if shown else ""


def _by_library(versions: Mapping[str, str]) -> dict[str, str]:
    """Return versions by library: a build for GPUs is the same library under another package name."""
    return {name.removesuffix("-gpu"): version for name, version in versions.items()}


def findings_of(arrived: Arrived, told: ReturnedCell) -> list[str]:
    """Return what a reader must know of a model that ran elsewhere."""
    unwatched = [NOT_WATCHED] if any(block.load is None for block in told.blocks) else []
    versions = differing_versions(arrived.job, arrived.returned.versions)
    return [*unwatched, *([versions] if versions else []), *([OTHER_FILE] if _opened_otherwise(arrived) else [])]


def _opened_otherwise(arrived: Arrived) -> bool:
    """Whether a program there opened the models by its own plugin's file, and that differs from the bundled one."""
    bundled, used = arrived.job.files.get(arrived.job.elsewhere or ""), arrived.returned.elsewhere_sha256
    return bundled is not None and used is not None and bundled.sha256 != used


def _state(arrived: Arrived, stored: StoredStudy, told_job: JobCell, cell: Cell, machine: str) -> CellState:
    told, model = arrived.told(told_job.number), stored.model_of(cell.candidate)
    state = CellState(cell, machine, arrived.returned.versions)
    state.deviations = [Deviation(**item.model_dump()) for item in told_job.deviations]
    state.plan = stored.plans[cell.candidate.name].plan if told_job.plan_sha256 else None
    state.artifact = Artifact(arrived.folder, _artifact_record(told_job))
    if told.status != "ok":
        state.status, state.problem = "failed", Problem(message=told.message or "it failed")
        return state
    outputs = outputs_of(arrived, told_job)
    problem = misfit(model.judge, outputs)
    if problem:
        outcome = Outcome("failed", error_kind="ContractError", message=problem)
        state.status, state.problem = outcome.status, Problem(message=outcome.message)
        return state
    state.outputs = outputs
    state.record = _record(arrived, told, model.graph, outputs_sha256(outputs))
    profile_s = arrived.job.measure.seconds
    folder = arrived.place(told.number)
    if told.blocks:
        _gather_latencies(arrived, told)
        state.speed = speed_of(cell, folder, state.record, profile_s)
    return state


def _artifact_record(told: JobCell) -> dict[str, Any]:
    return {
        "artifact_sha256": told.artifact_sha256,
        "artifact_bytes": told.artifact_bytes,
        "build_s": told.build_s,
        "parity": told.parity.model_dump() if told.parity else None,
        "notes": told.notes,
        "deviations": [],
    }


def _record(arrived: Arrived, told: ReturnedCell, graph: GraphSummary, sha256: str) -> dict[str, Any]:
    """Return a finished cell's record in the form that a worker of this program gives."""
    about = {JOB_FACT: arrived.job_sha256, MEASURED_FACT: arrived.returned.started_utc}
    return {
        "load_s": told.load_s,
        "first_inference_ms": told.first_inference_ms,
        "peak_rss_bytes": None,
        "outputs_sha256": sha256,
        "facts": {**told.facts, **about, "measured_by": f"runner {arrived.returned.runner_version}"},
        "placement": [asdict(item) for item in placements(told.kernels, graph)],
        "warm_up": told.warm_up.model_dump() if told.warm_up else None,
        "blocks": [
            {**block.model_dump(), "load": block.load.model_dump() if block.load else asdict(UNWATCHED)}
            for block in told.blocks
        ],
        "answers_checked": told.answers_checked,
        "answers_differing": told.answers_differing,
        "speed_session": arrived.returned.session,
    }


def _gather_latencies(arrived: Arrived, told: ReturnedCell) -> None:
    """Put the latencies of a model into one file, as cells measured here have them."""
    folder = arrived.place(told.number)
    arrays = {f"block_{k}": np.load(folder / f"block_{k}.npy") for k in range(len(told.blocks))}
    np.savez(folder / "latencies.npz", warm_up=np.load(folder / "warm_up.npy"), **arrays)


def placements(kernels: Iterable[KernelFacts], graph: GraphSummary) -> list[Placement]:
    """Return where the graph's nodes ran, by the names that kernels carry; computing nodes not found are unknown."""
    names = {node.name for node in graph.nodes}
    found: list[Placement] = []
    for kernel in kernels:
        owned = list(dict.fromkeys(name for text in kernel.nodes if (name := _node_of(text, names))))
        first = owned[0] if owned else ""
        found.append(Placement(first, kernel.op_type, kernel.device, kernel.precision))
        found += [Placement(name, kernel.op_type, kernel.device, kernel.precision, first) for name in owned[1:]]
    nameless = [item for item in found if not item.node]
    found = [item for item in found if item.node]
    found += _paired(nameless, [node for node in graph.nodes if node.name not in {item.node for item in found}])
    placed = {item.node for item in found}
    unknown = [node for node in graph.nodes if node.macs and node.name not in placed]
    return found + [Placement(node.name, node.op_type, "", "unknown", reason=NOT_TOLD) for node in unknown]


def _paired(kernels: Iterable[Placement], nodes: Iterable[NodeSummary]) -> list[Placement]:
    """Give kernels without a known name to the nodes left over, where as many of one op are left and all run alike.

    Older versions of ONNX Runtime do not keep a Conv's name when they make it a QLinearConv; both lists are in order.
    """
    by_op: dict[str, list[Placement]] = {}
    for kernel in kernels:
        by_op.setdefault(_FORM.sub("", kernel.op_type), []).append(kernel)
    left: dict[str, list[NodeSummary]] = {op: [] for op in by_op}
    for node in nodes:
        if node.macs and node.op_type in left:
            left[node.op_type].append(node)
    found = []
    for op, group in by_op.items():
        alike = len({(item.device, item.precision) for item in group}) == 1 and len(group) == len(left[op])
        names = [node.name for node in left[op]] if alike else [""] * len(group)
        found += [replace(item, node=name) for item, name in zip(group, names, strict=True)]
    return found


def _node_of(text: str, names: set[str]) -> str:
    """Return the node that a kernel's name belongs to ("conv_nchwc" and "conv/WithoutBiases" to "conv"), or ""."""
    name = text
    while name and name not in names:
        shorter = _SUFFIX.sub("", name)
        name = shorter if shorter != name else name.rpartition("/")[0]
    return name
