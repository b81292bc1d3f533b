"""Artifacts: a plan or a float model lowered by a plugin, read back in a fresh worker, compared with the plan."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.errors import StudyError, WorkbenchError
from workbench.execution.cells import Cell
from workbench.execution.contract import broken_contract
from workbench.execution.discovery import Manifest, load_runtime
from workbench.execution.host import run_job
from workbench.execution.jobs import Job, Outcome
from workbench.execution.origin import plugin_sha256
from workbench.execution.preparation import PreparedModel
from workbench.execution.realised import biases_from_json, load_realised, tensors_from_json
from workbench.execution.stages import Stages
from workbench.quant.parity import compare_with_plan
from workbench.quant.plan import QuantPlan
from workbench.quant.scheme import Scheme
from workbench.spi import Deviation, GraphSummary

REALISE_TIMEOUT_S = 60.0
PREPARE_TIMEOUT_S = 3600.0
READ_BACK_TIMEOUT_S = 600.0


class CellFailedError(WorkbenchError):
    """One cell could not go on; the study goes on without it.

    Attributes:
        outcome: how the worker's job ended.
        refused: what the runtime would have to do otherwise, where it refuses the scheme; nothing was run then.
    """

    def __init__(self, outcome: Outcome, refused: Sequence[Deviation] = ()) -> None:
        self.outcome, self.refused = outcome, list(refused)
        super().__init__(str(outcome))


@dataclass(frozen=True)
class Artifact:
    """What a plugin made for one cell.

    Attributes:
        path: file or folder; record: prepare's answer (hash, size, deviations, notes, build_s) and "parity".
    """

    path: Path
    record: Mapping[str, Any] = field(default_factory=dict)


def announced_deviations(
    manifest: Manifest, graph: GraphSummary, scheme: Scheme, settings: Mapping[str, Any]
) -> list[Deviation]:
    """Ask a plugin in this process, without its runtime, what it would refuse or change.

    Args:
        settings: the runtime row's `options` table.

    Raises:
        StudyError: the plugin does not know one of the settings.
    """
    try:
        found = load_runtime(manifest.ref).realise(graph, scheme, settings)
    except ValueError as error:
        raise StudyError(f"{manifest.title} cannot be asked", why=str(error), how="Mend options of its row.") from error
    return _accepted(manifest, scheme, found)


def _accepted(manifest: Manifest, scheme: Scheme, deviations: list[Deviation]) -> list[Deviation]:
    """Return a plugin's answer; of a scheme that its manifest does not list a refusal, its own where it has one."""
    if scheme.name in manifest.schemes or any(item.refuses for item in deviations):
        return deviations
    reason = f"{manifest.title} accepts {', '.join(manifest.schemes)}"
    return [Deviation(None, scheme.title, "nothing is run", reason, refuses=True)]


def make_artifact(
    stages: Stages,
    cell: Cell,
    manifest: Manifest,
    tool_chain: Mapping[str, str],
    model: PreparedModel,
    plan: tuple[QuantPlan, Path] | None,
    native: Artifact | None = None,
) -> Artifact:
    """Prepare and verify one cell's artifact, kept in the store.

    Args:
        tool_chain: library -> version of all that the artifact depends on (`RuntimeState.tool_chain`).
        native: what a native tool-chain made; it is prepared as it is, and there is no plan to compare it with.

    Raises:
        CellFailedError: the plugin refuses the scheme, failed, crashed or timed out.
        JobCancelledError: the user asked to stop.
    """
    folder = stages.store.folder("artifacts", *cell.name)
    key = {
        "model": model.sha256,
        "graphs": model.graphs_sha256,
        "plan": plan[0].sha256 if plan else None,
        "plugin": [manifest.id, plugin_sha256(manifest)],
        "versions": dict(tool_chain),
        "precision": cell.precision,
        "target": cell.target,
        "batch": cell.row.batch,
        "settings": cell.row.options,
        **({"native": native.record["artifact_sha256"]} if native else {}),
    }
    source = native.path if native else model.fp32

    def work(place: Path) -> dict[str, Any]:
        announced = _announced(stages, cell, manifest, model, plan[0].scheme, place) if plan else []
        record = _prepare(stages, cell, manifest, (source, model.canonical), plan[1] if plan else None, place)
        record["announced"] = [asdict(item) for item in announced]
        if plan:
            refuse_undeclared(manifest, record)
            record["parity"] = _parity(stages, cell, manifest, plan[0], record, place)
        return {**record, "artifact": str(Path(record["artifact"]).relative_to(place))}

    record = stages.keep(f"Build {cell.title}", folder, key, work)
    return Artifact(folder / record["artifact"], record)


def _announced(
    stages: Stages, cell: Cell, manifest: Manifest, model: PreparedModel, scheme: Scheme, place: Path
) -> list[Deviation]:
    """Ask in a worker of the row's interpreter: a plugin's code never runs in the program itself here."""
    arguments = {"canonical": str(model.canonical), "scheme": scheme.to_json(), "settings": cell.row.options}
    folder = place / "realise"
    answer = answer_of(
        manifest, stages.plugin_job("realise", manifest, arguments, folder, cell.python, REALISE_TIMEOUT_S)
    )
    deviations = _accepted(manifest, scheme, [Deviation(**item) for item in answer["deviations"]])
    refusal = next((item for item in deviations if item.refuses), None)
    if refusal:
        raise CellFailedError(Outcome("failed", message=f"not realisable: {refusal.reason}"), deviations)
    return deviations


def _prepare(
    stages: Stages, cell: Cell, manifest: Manifest, graphs: tuple[Path, Path], plan: Path | None, place: Path
) -> dict[str, Any]:
    arguments = {
        "model": str(graphs[0]),
        "canonical": str(graphs[1]),
        "plan": str(plan) if plan else None,
        "precision": cell.precision,
        "target": cell.target,
        "batch": cell.row.batch,
        "settings": cell.row.options,
        "work_dir": str(place / "artifact"),
    }
    return answer_of(manifest, stages.plugin_job("prepare", manifest, arguments, place, cell.python, PREPARE_TIMEOUT_S))


def _parity(
    stages: Stages, cell: Cell, manifest: Manifest, plan: QuantPlan, record: Mapping[str, Any], place: Path
) -> dict[str, Any]:
    """Read the artifact's parameters back in a worker that gets its path alone, and compare them here."""
    arguments = {"artifact": str(record["artifact"])}
    value = answer_of(
        manifest,
        stages.plugin_job("read_back", manifest, arguments, place / "read_back", cell.python, READ_BACK_TIMEOUT_S),
    )
    return parity_record(plan, record, Path(value["parameters"]))


def parity_record(plan: QuantPlan, record: Mapping[str, Any], parameters: Path) -> dict[str, Any]:
    """Compare what was read back with the plan, and for tensors and biases that `prepare` declared with those.

    Args:
        record: prepare's answer; parameters: what `save_realised` wrote.
    """
    declared = tensors_from_json(record.get("declared", {}))
    biases = biases_from_json(record.get("declared_biases", {}))
    expected = replace(plan, tensors={**plan.tensors, **declared}, biases={**plan.biases, **biases})
    checked, mismatches = compare_with_plan(expected, load_realised(parameters))
    count = len(declared) + len(biases)
    return {"checked": checked, "mismatches": [asdict(item) for item in mismatches], "declared": count}


def refuse_undeclared(manifest: Manifest, record: Mapping[str, Any]) -> None:
    """Raise CellFailedError where a plugin writes other numbers than the plan's and no deviation says so."""
    told = any(item["codes_change"] for item in (*record["announced"], *record["deviations"]))
    if (record["declared"] or record.get("declared_biases")) and not told:
        message = f"{manifest.id} declares other numbers than the plan's, and no deviation says that codes change"
        raise CellFailedError(Outcome("failed", error_kind="ContractError", message=message))


def read_back_and_compare(cell: Cell, manifest: Manifest, plan: QuantPlan, place: Path) -> dict[str, Any]:
    """Read a stored artifact back in a fresh worker and compare it with its plan, without touching the study.

    Args:
        place: the artifact's stage folder.

    Raises:
        StudyError: the artifact cannot be read back.
    """
    record = json.loads((place / "stage.json").read_text(encoding="utf-8"))["value"]
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as scratch:
        arguments = {"artifact": str((place / record["artifact"]).resolve())}
        job = Job("read_back", manifest.ref, arguments, Path(scratch), READ_BACK_TIMEOUT_S, cell.python)
        outcome = run_job(job)
        if not outcome.is_ok:
            raise StudyError(f"{cell.title}: the artifact cannot be read back", why=outcome.message, how=outcome.remedy)
        return parity_record(plan, record, Path((outcome.value or {})["parameters"]))


def answer_of(manifest: Manifest, outcome: Outcome) -> dict[str, Any]:
    """Return the answer of a plugin's job, its form checked.

    Raises:
        CellFailedError: it failed, crashed, timed out, or answered in a wrong form.
        JobCancelledError: the user asked to stop.
    """
    if outcome.status == "cancelled":
        outcome.require()
    if not outcome.is_ok:
        raise CellFailedError(outcome)
    answer = dict(outcome.value or {})
    broken = broken_contract(manifest.id, answer)
    if broken:
        raise CellFailedError(broken)
    return answer
