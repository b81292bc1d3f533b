"""Cells on the host: accuracy passes one after another, then speed in interleaved rounds over sessions held open.

Runtimes never run at the same time; while one is timed the others wait. Rounds take turns, because machines drift:
a ratio of two cells of one group compares blocks that lie beside each other in time.
Cells of a group finish together, after the rounds. What a kill before that must not cost, hours of answers, is
recorded when a cell's accuracy pass is done; a resumed cell checks the first answers and keeps the rest.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import JobFailedError
from workbench.execution.artifacts import Artifact
from workbench.execution.cells import ROUNDS, Cell
from workbench.execution.contract import broken_contract
from workbench.execution.discovery import Manifest
from workbench.execution.evidence import why_no_speed
from workbench.execution.host import Worker
from workbench.execution.jobs import Job, Outcome
from workbench.execution.stages import Stages
from workbench.execution.store import answers_files, writing
from workbench.measure.gpu import GpuMonitor
from workbench.measure.load import LoadMonitor

GROUP_SIZE = 8
CELL_TIMEOUT_S = 7 * 24 * 3600.0
LOAD_LIMIT_S = 3600.0
BLOCK_GRACE_S = 120.0
CLOSE_LIMIT_S = 120.0
"""Seconds in which a session must be closed, so that one that hangs there does not hold the study up for days."""
KEPT = ("n", "wall_s", "run_s", "outputs", "outputs_sha256", "samples_sha256")
"""What a worker tells of its accuracy pass that another session may keep; the rest belongs to the session."""


@dataclass(frozen=True)
class CellJob:
    """Everything one cell's worker needs.

    Attributes:
        arguments: of the job "cell", without outputs_dir; key: what the result depends on.
        samples_limit_s: seconds for answering all samples, on top of those for loading.
    """

    cell: Cell
    manifest: Manifest
    artifact: Artifact
    arguments: Mapping[str, Any]
    key: Mapping[str, Any]
    samples_limit_s: float = 24 * 3600.0

    @property
    def answers_key(self) -> dict[str, Any]:
        """What the answers alone depend on: for how long a cell is timed afterwards is nothing to them."""
        return {name: value for name, value in self.key.items() if name not in ("profile", "seconds")}


@dataclass
class OpenCell:
    """One cell while it runs: its worker, and what it has told so far.

    Attributes:
        answers: recorded by an earlier run of the same cell, None where there are none to keep.
    """

    job: CellJob
    folder: Path
    worker: Worker
    answers: Mapping[str, Any] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    outcome: Outcome | None = None


def run_group(stages: Stages, jobs: Sequence[CellJob], profile: str, seconds: float) -> dict[tuple[str, str, str], Any]:
    """Run a group of cells; returns cell name -> record of a finished cell, or the Outcome of one that failed.

    Args:
        seconds: of timed running per cell, 0 for none.

    Raises:
        JobCancelledError: the user asked to stop; finished cells are kept.
    """
    results: dict[tuple[str, str, str], Any] = {}
    open_cells: list[OpenCell] = []
    try:
        for job in jobs:
            folder = stages.store.folder("cells", *job.cell.name)
            kept = stages.store.finished(folder, job.key)
            if kept is not None:
                stages.stage(f"Run {job.cell.title}", "kept")
                results[job.cell.name] = kept
                stages.left.done(job.cell)
                continue
            opened = _begun(stages, job, folder)
            open_cells.append(opened)
            _accuracy(stages, opened)
        timed = [item for item in open_cells if seconds and item.outcome is None and _has_speed(stages, item)]
        if timed:
            _speed(stages, timed, profile, seconds)
        for opened in open_cells:
            results[opened.job.cell.name] = _finish(stages, opened)
    finally:
        for opened in open_cells:
            opened.worker.__exit__(None, None, None)
    return results


def _begun(stages: Stages, job: CellJob, folder: Path) -> OpenCell:
    """Empty a cell's folder, but for answers that can be kept."""
    answers = stages.store.answers(folder, job.answers_key)
    stages.store.begin(folder, answers_files(answers) if answers else ())
    return OpenCell(job, folder, Worker(partial(stages.hear, job.cell)), answers)


def _accuracy(stages: Stages, opened: OpenCell) -> None:
    """Open the session and answer every sample; the session stays open for the timed part."""
    cell = opened.job.cell
    stages.stage(f"Run {cell.title}", "start")
    outputs_dir = str(opened.folder / "outputs")
    arguments = {**opened.job.arguments, "outputs_dir": outputs_dir, "kept": opened.answers}
    job = Job("cell", opened.job.manifest.ref, arguments, opened.folder / "work", CELL_TIMEOUT_S, cell.python)
    opened.worker.start(job)
    _guarded(stages, opened, lambda: _answers(stages, opened))
    stages.left.done(cell, "accuracy")


def _answers(stages: Stages, opened: OpenCell) -> None:
    """Wait for the accuracy pass; an answer of a wrong form ends the cell here, before it costs more time."""
    limit_s = LOAD_LIMIT_S + opened.job.samples_limit_s
    kept = _keep(stages, opened, opened.answers["n"], limit_s) if opened.answers else ""
    opened.record.update(_event(stages, opened, "accuracy_done", limit_s))
    broken = broken_contract(opened.job.manifest.id, opened.record)
    if broken:
        opened.worker.__exit__(None, None, None)
        _failed(stages, opened, broken)
    elif kept:
        opened.record["facts"] = {**opened.record["facts"], "answers_kept": kept}
    else:
        value = {key: opened.record[key] for key in KEPT}
        value["outputs"] = _relative(opened.record["outputs"])
        stages.store.keep_answers(opened.folder, opened.job.answers_key, value)


def _keep(stages: Stages, opened: OpenCell, n: int, limit_s: float) -> str:
    """Wait until the first of `n` recorded answers are compared; returns what was kept, "" when all are done again."""
    event = _event(stages, opened, "answers_compared", limit_s)
    name = f"Run {opened.job.cell.title}"
    if event["equal"]:
        checked = f"{event['compared']} of {n} answers checked equal"
        stages.stage(name, "start", f"answers kept, {checked}")
        return f"{checked} after the session was opened again"
    stages.store.forget_answers(opened.folder)
    stages.stage(name, "start", "its first answers are not those kept, so every sample is answered again")
    opened.worker.send({"command": "answer_all"})
    return ""


def _has_speed(stages: Stages, opened: OpenCell) -> bool:
    """Whether a cell is worth timing: what has no speed whatever is timed costs the user no minutes."""
    facts = {**opened.job.artifact.record.get("notes", {}), **opened.record["facts"]}
    missing = why_no_speed(opened.job.cell.precision, facts)
    if missing:
        stages.left.done(opened.job.cell)
        stages.stage(f"Run {opened.job.cell.title}", "start", f"not timed: {missing}")
    return not missing


def _speed(stages: Stages, cells: list[OpenCell], profile: str, seconds: float) -> None:
    """Warm every session up, then give each a block in turn until all have had their seconds."""
    rounds = ROUNDS[profile]
    session = uuid.uuid4().hex
    for opened in cells:
        stages.stage(f"Warm up {opened.job.cell.title}", "start")
        _guarded(stages, opened, lambda item=opened: _warm_up(stages, item))
        opened.record["speed_session"] = session
        stages.left.done(opened.job.cell, "warm_up")
    for number in range(rounds):
        stages.stage(f"Speed, round {number + 1} of {rounds}", "start")
        for opened in turned(cells, number):
            if opened.outcome is None:
                _guarded(stages, opened, lambda item=opened: _block(stages, item, seconds / rounds))
            stages.left.done(opened.job.cell, f"block {number}")


def turned(cells: Sequence[OpenCell], number: int) -> list[OpenCell]:
    """Return the cells in the order of one round: each round another begins, so that none always follows the same."""
    first = number % len(cells) if cells else 0
    return [*cells[first:], *cells[:first]]


def _warm_up(stages: Stages, opened: OpenCell) -> None:
    opened.worker.send({"command": "warm_up"})
    event = _event(stages, opened, "warm_up_done", BLOCK_GRACE_S + 3600)
    opened.record["warm_up"] = _timing(event)


def _block(stages: Stages, opened: OpenCell, seconds: float) -> None:
    """One timed block, with an eye on what else the machine does meanwhile."""
    with LoadMonitor() as monitor, GpuMonitor() as gpus:
        opened.worker.send({"command": "block", "seconds": seconds})
        event = _event(stages, opened, "block_done", seconds * 2 + BLOCK_GRACE_S)
    seen = {"load": asdict(monitor.report()), "gpu": [asdict(sample) for sample in gpus.samples]}
    opened.blocks.append({**_timing(event), **seen})
    opened.record.update(answers_checked=event["answers_checked"], answers_differing=event["answers_differing"])


def _timing(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != "event"}


def _event(stages: Stages, opened: OpenCell, name: str, timeout_s: float) -> dict[str, Any]:
    event = opened.worker.wait_event(name, timeout_s, stages.cancel)
    return {key: value for key, value in event.items() if key != "event"}


def _guarded(stages: Stages, opened: OpenCell, step: Any) -> None:
    """Do one step; a worker that ended becomes the cell's outcome and the study goes on."""
    try:
        step()
    except JobFailedError:
        _failed(stages, opened, opened.worker.finish())


def _failed(stages: Stages, opened: OpenCell, outcome: Outcome) -> None:
    opened.outcome = outcome
    stages.left.done(opened.job.cell)
    reason = outcome.message or "stopped"
    stages.failed(f"Run {opened.job.cell.title}", outcome.status, reason, outcome.remedy, outcome.log_tail)


def _finish(stages: Stages, opened: OpenCell) -> dict[str, Any] | Outcome:
    """End the worker, gather the raw samples into one file, and record the cell.

    Everything is measured by then: a session that crashes or hangs while it is closed costs nothing, and is told.
    """
    if opened.outcome is not None:
        return opened.outcome
    outcome = opened.worker.finish(stages.cancel, CLOSE_LIMIT_S)
    if outcome.status == "cancelled":
        outcome.require()
    record = {
        **opened.record,
        "peak_rss_bytes": outcome.peak_rss_bytes,
        "blocks": _gathered(opened),
        "outputs": _relative(opened.record["outputs"]),
        "closing": "" if outcome.is_ok else str(outcome),
    }
    stages.store.finish(opened.folder, opened.job.key, record)
    stages.stage(f"Run {opened.job.cell.title}", "done")
    return record


def _relative(outputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return outputs with paths inside the cell's folder, which may be moved."""
    return [{**item, "path": f"outputs/{Path(item['path']).name}"} for item in outputs]


def _gathered(opened: OpenCell) -> list[dict[str, Any]]:
    """Write all latencies of the cell into latencies.npz (int64 ns; "warm_up", "block_0", ...)."""
    arrays = {f"block_{number}": np.load(block["path"]) for number, block in enumerate(opened.blocks)}
    if "warm_up" in opened.record:
        arrays["warm_up"] = np.load(opened.record["warm_up"].pop("path"))
    with writing("latencies.npz"):
        np.savez(opened.folder / "latencies.npz", **arrays)
    return [{key: value for key, value in block.items() if key != "path"} for block in opened.blocks]


def groups_of(jobs: Sequence[CellJob]) -> list[list[CellJob]]:
    """Pack rows into groups of at most GROUP_SIZE sessions open together; the cells of one row are never parted."""
    rows: dict[str, list[CellJob]] = {}
    for job in jobs:
        rows.setdefault(job.cell.row.label, []).append(job)
    groups: list[list[CellJob]] = []
    for row in rows.values():
        if groups and len(groups[-1]) + len(row) <= GROUP_SIZE:
            groups[-1].extend(row)
        else:
            groups.append(list(row))
    return groups
