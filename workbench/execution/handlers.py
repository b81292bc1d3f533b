"""What a worker can do with one plugin: probe either kind; of a runtime realise, prepare, read back, and run a cell.

Each handler takes (plugin, arguments, channel) with JSON arguments and returns JSON; paths are absolute strings.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from workbench.errors import ContractError
from workbench.execution.discovery import load_plugin, load_runtime
from workbench.execution.jobs import PluginRef
from workbench.execution.origin import interpreter_origin
from workbench.execution.plugin_answers import answer, answers, texts
from workbench.execution.realised import biases_json, save_realised, tensors_json
from workbench.execution.worker import Channel, Handler
from workbench.files import canonical_json, sha256_of_bytes, sha256_of_file
from workbench.quant.plan import load_plan
from workbench.quant.scheme import scheme_from_json
from workbench.spi import Availability, Deviation, Prepared, RealisedParameters, Runtime

READ_BACK_NAME = "read_back.json"


def probe(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Return the plugin's `Availability` as JSON, and "interpreter" (library -> version); arguments: none."""
    availability = answer(_id(plugin), "probe", load_plugin(_given(plugin)).probe(), Availability)
    return {
        **asdict(availability),
        "versions": texts(_id(plugin), "probe: versions", availability.versions),
        "interpreter": interpreter_origin(),
    }


def realise(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Return {"deviations"} for a scheme; arguments: canonical (ONNX path), scheme (`Scheme.to_json()`), settings."""
    import onnx  # noqa: PLC0415  (most jobs need no graph)

    from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)

    graph = graph_summary(onnx.load(arguments["canonical"]))
    scheme = scheme_from_json(arguments["scheme"])
    found = _runtime(plugin).realise(graph, scheme, arguments["settings"])
    deviations = answers(_id(plugin), "realise", found, Deviation)
    return {"deviations": [asdict(deviation) for deviation in deviations]}


def prepare(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Build the artifact.

    Arguments: model, canonical (ONNX paths), plan (plan.json or null), precision, target, settings, work_dir (folder
    for the artifact; emptied first), batch (1 where it is left out).

    Returns:
        artifact, artifact_sha256 (of the file, or of names and contents of a folder), artifact_bytes, beside_sha256
        (likewise, of what else lies in work_dir), deviations, notes, declared (tensors whose parameters a deviation
        announces) and declared_biases (likewise), build_s (wall time of `prepare`).

    Raises:
        ContractError: the plugin wrote nothing, or outside the folder.
    """
    from workbench.execution.context import WorkerContext  # noqa: PLC0415  (needs onnx for its types)

    work_dir = Path(arguments["work_dir"])
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(parents=True)
    context = WorkerContext(
        work_dir=work_dir,
        precision=arguments["precision"],
        target=arguments["target"],
        settings=arguments["settings"],
        plan=load_plan(Path(arguments["plan"])) if arguments["plan"] else None,
        canonical=Path(arguments["canonical"]),
        channel=channel,
        batch=arguments.get("batch", 1),
    )
    runtime = _runtime(plugin)
    start = perf_counter()
    made = runtime.prepare(Path(arguments["model"]), context.plan, context)
    build_s = perf_counter() - start
    prepared = answer(_id(plugin), "prepare", made, Prepared)
    deviations = answers(_id(plugin), "prepare: deviations", prepared.deviations, Deviation)
    return {
        **artifact_record(plugin, prepared, work_dir),
        "beside_sha256": _listing_sha256(work_dir, _beside(prepared.artifact, work_dir)),
        "deviations": [asdict(deviation) for deviation in deviations],
        "notes": texts(_id(plugin), "prepare: notes", prepared.notes),
        "declared": tensors_json(prepared.declared),
        "declared_biases": biases_json(prepared.declared_biases),
        "build_s": build_s,
    }


def read_back(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Read parameters from the artifact alone; arguments: artifact. Returns {"parameters": path} (`load_realised`)."""
    found = _runtime(plugin).read_back(Path(arguments["artifact"]))
    realised = answer(_id(plugin), "read_back", found, RealisedParameters)
    path = channel.work_dir / READ_BACK_NAME
    save_realised(realised, path)
    return {"parameters": str(path)}


def cell(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Accuracy and speed from one session; arguments and answer as in `cell_worker.run_cell`."""
    from workbench.execution.cell_worker import run_cell  # noqa: PLC0415  (decodes images: Pillow, not for other jobs)

    return run_cell(_id(plugin), _runtime(plugin), arguments, channel)


def artifact_record(plugin: PluginRef | None, prepared: Prepared, work_dir: Path) -> dict[str, Any]:
    """Return path, hash and size of what a plugin wrote. Raises ContractError: nothing is there, or it lies outside."""
    artifact = _checked_artifact(_id(plugin), prepared, work_dir)
    return {
        "artifact": str(artifact),
        "artifact_sha256": artifact_sha256(artifact),
        "artifact_bytes": sum(path.stat().st_size for path in _files(artifact)),
    }


def artifact_sha256(artifact: Path) -> str:
    """Return the hash of a file, or for a folder the hash of its files' relative names and hashes in name order."""
    if artifact.is_file():
        return sha256_of_file(artifact)
    return _listing_sha256(artifact, _files(artifact))


HANDLERS: dict[str, Handler] = {
    "probe": probe,
    "realise": realise,
    "prepare": prepare,
    "read_back": read_back,
    "cell": cell,
}


def _checked_artifact(plugin_id: str, prepared: Prepared, work_dir: Path) -> Path:
    artifact = answer(plugin_id, "prepare: artifact", prepared.artifact, Path).resolve()
    if not artifact.is_relative_to(work_dir.resolve()):
        raise ContractError(f"{plugin_id}: the artifact it named lies outside its work_dir")
    if not artifact.exists():
        raise ContractError(f"{plugin_id}: the artifact {artifact.name} that it named does not exist")
    return artifact


def _beside(artifact: Path, work_dir: Path) -> list[Path]:
    """Return what a plugin wrote besides the artifact, such as the names that `placement` will need."""
    return [path for path in _files(work_dir) if not path.resolve().is_relative_to(artifact.resolve())]


def _listing_sha256(folder: Path, paths: Sequence[Path]) -> str:
    listing = [[path.relative_to(folder).as_posix(), sha256_of_file(path)] for path in paths]
    return sha256_of_bytes(canonical_json(listing))


def _files(artifact: Path) -> list[Path]:
    if artifact.is_file():
        return [artifact]
    return sorted(path for path in artifact.rglob("*") if path.is_file())


def _id(plugin: PluginRef | None) -> str:
    return plugin.id if plugin else "?"


def _given(plugin: PluginRef | None) -> PluginRef:
    if plugin is None:
        raise ContractError("This job kind needs a plugin")
    return plugin


def _runtime(plugin: PluginRef | None) -> Runtime:
    return load_runtime(_given(plugin))
