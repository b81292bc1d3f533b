"""calibrate, quantize, parity: the plan on its own, one artifact on its own, and the check of a study's artifacts."""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.cli.common import (
    EXIT_GATE,
    EXIT_OK,
    add_json,
    aligned,
    check_file_target,
    print_json,
    print_text,
    stop_on_signal,
    study_folder,
)
from workbench.cli.progress import Progress
from workbench.errors import OutputError, RuntimeUnavailableError, StudyError
from workbench.execution.artifacts import Artifact, CellFailedError, announced_deviations, make_artifact
from workbench.execution.cells import Cell, native_target
from workbench.execution.checks import can_verify
from workbench.execution.discovery import Manifest, find_plugin
from workbench.execution.plans import plan_of
from workbench.execution.preparation import PreparedModel, prepare_data, prepare_model
from workbench.execution.probing import probe
from workbench.execution.stages import Stages
from workbench.execution.store import Store
from workbench.execution.study import RuntimeSection, Study, load_study, study_from_document
from workbench.quant.plan import QuantPlan, load_plan, save_plan

TARGETS = ("x64", "x64-no-vnni", "arm64", "wasm", "device")


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    calibrate = commands.add_parser("calibrate", help="find the quantization plan of a model")
    _add_source(calibrate)
    calibrate.add_argument("-o", "--output", type=Path, required=True, metavar="plan.json")
    calibrate.set_defaults(run_command=run_calibrate)
    quantize = commands.add_parser("quantize", help="write one runtime's INT8 model file from a plan or from data")
    _add_source(quantize).add_argument("--plan", type=Path, metavar="plan.json", help="a ready plan instead of data")
    quantize.add_argument("--runtime", required=True, metavar="ID")
    quantize.add_argument("--target", choices=TARGETS, help="the machine it is for; this one by default")
    quantize.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    quantize.add_argument("--plan-out", type=Path, metavar="plan.json", help="also write the plan")
    quantize.set_defaults(run_command=run_quantize)
    parity = commands.add_parser("parity", help="parameters read back from every artifact against the plan")
    parity.add_argument("folder", type=Path, metavar="DIR", help="a study folder")
    add_json(parity)
    parity.set_defaults(run_command=run_parity)


def _add_source(parser: argparse.ArgumentParser) -> Any:
    """Add the model and where its numbers come from; returns the group of which one may be given."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file (or PyTorch, with --allow-code)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", type=Path, metavar="ARRAYS", help="calibration samples, .npz or .npy")
    source.add_argument(
        "--study", type=Path, metavar="STUDY.toml", help="take calibration data and scheme from a study"
    )
    parser.add_argument("--scheme", choices=("S1", "S2", "S3"), help="default S1, or the study's")
    parser.add_argument(
        "--method", choices=("mse", "minmax", "percentile", "entropy"), help="default mse, or the study's"
    )
    parser.add_argument("--allow-code", action="store_true", help="allow a model that is code to run")
    return source


def run_calibrate(options: argparse.Namespace) -> int:
    """Calibrate and write the plan."""
    check_file_target(options.output, ".json")
    _require_source(options, None)
    with _scratch() as stages:
        plan, _, _ = _plan(stages, _study(options), options, None)
        save_plan(plan, options.output)
    print_text(f"{options.output} (and {options.output.with_suffix('.npz').name}): {plan_text(plan)}")
    return EXIT_OK


def plan_text(plan: QuantPlan) -> str:
    """Return what a plan holds in one line."""
    floats, found = len(plan.float_nodes), plan.calibration
    if not plan.quantized_nodes:
        return f"nothing in this model is INT8 under {plan.scheme.title}, all {floats} nodes stay in float"
    how = f"{found.method} on {found.n} samples" if plan.tensors else "no samples needed"
    return (
        f"{len(plan.tensors)} tensors, {len(plan.weights)} weights, {floats} {'node' if floats == 1 else 'nodes'} "
        f"in float, {how}, plan {plan.sha256[:12]}"
    )


def run_quantize(options: argparse.Namespace) -> int:
    """Lower a plan for one runtime, verify the file against the plan, and copy it to its place."""
    check_file_target(options.output)
    if options.plan_out:
        check_file_target(options.plan_out, ".json")
    manifest = find_plugin(options.runtime)
    _require_source(options, options.plan)
    with _scratch() as stages:
        study = _study(options)
        plan, plan_path, model = _plan(stages, study, options, options.plan)
        cell = Cell(RuntimeSection(id=manifest.id, target=options.target), study.candidates[0], "int8")
        announced = _announced(manifest, model, plan)
        artifact = _artifact(stages, cell, manifest, model, (plan, plan_path))
        _copy(artifact.path, options.output)
        if options.plan_out:
            save_plan(plan, options.plan_out)
    here = native_target(platform.machine())
    target = options.target or here
    changes = [*(announced if target == here else []), *artifact.record["deviations"]]
    print_text(artifact_text(options.output, f"{manifest.title} for {target}", artifact, changes))
    return EXIT_GATE if artifact.record["parity"]["mismatches"] else EXIT_OK


def artifact_text(path: Path, title: str, artifact: Artifact, changes: list[dict[str, Any]]) -> str:
    """Return where an artifact is, whether it holds the plan's numbers, and what the runtime changed."""
    record = artifact.record
    found = record["parity"]
    lines = [
        f"{path}: {record['artifact_bytes']:,} bytes for {title}",
        f"  same numbers as the plan: {_same(found)} ({found['checked']} checked)",
        f"  SHA-256 {record['artifact_sha256']}",
    ]
    lines += [f"  changed by the runtime: {_deviation(item)}" for item in changes]
    return "\n".join(lines)


def _deviation(item: dict[str, Any]) -> str:
    where = f"{item['node']}: " if item.get("node") else ""
    return f"{where}{item['requested']} -> {item['realised']} ({item['reason']})"


def _artifact(
    stages: Stages, cell: Cell, manifest: Manifest, model: PreparedModel, plan: tuple[QuantPlan, Path]
) -> Artifact:
    state = probe(manifest)
    if not state.ok and not can_verify(cell, state):
        reason = f"{state.reason.rstrip('.')}. {state.remedy}".strip()
        raise RuntimeUnavailableError(f"{manifest.title} cannot be used here: {reason}")
    try:
        return make_artifact(stages, cell, manifest, state.tool_chain, model, plan)
    except CellFailedError as error:
        raise StudyError(
            f"{manifest.title} made no artifact", why=error.outcome.message, how=error.outcome.remedy
        ) from error


def _announced(manifest: Manifest, model: PreparedModel, plan: QuantPlan) -> list[dict[str, Any]]:
    """Return what the runtime says it does otherwise on this machine. Raises StudyError where it refuses the plan."""
    import onnx  # noqa: PLC0415  (only here)

    from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)

    graph = graph_summary(onnx.load(str(model.canonical)))
    found = announced_deviations(manifest, graph, plan.scheme, {})
    for deviation in found:
        if deviation.refuses:
            raise StudyError(f"{manifest.title} cannot realise {plan.scheme.title}", why=deviation.reason)
    return [asdict(deviation) for deviation in found]


def _require_source(options: argparse.Namespace, plan: Path | None) -> None:
    """Refuse what cannot work before anything is loaded. Raises StudyError."""
    if plan and (options.scheme or options.method):
        raise StudyError("A plan brings its own scheme", how="Leave out --scheme and --method, or give data instead.")
    if not (plan or options.data or options.study or options.scheme == "S3"):
        ready = "" if "plan" not in vars(options) else "--plan plan.json, or "
        raise StudyError(
            f"{options.command} needs numbers", how=f"Give {ready}calibration samples with --data or --study."
        )


def _plan(
    stages: Stages, study: Study, options: argparse.Namespace, ready: Path | None
) -> tuple[QuantPlan, Path, PreparedModel]:
    candidate = study.candidates[0]
    calibration = prepare_data(stages, study, "calibration") if ready is None else None
    model = prepare_model(stages, study, candidate.source, options.allow_code, calibration)
    plan, path, _ = plan_of(stages, study, candidate, model, calibration, None, ready)
    return plan, path, model


def _study(options: argparse.Namespace) -> Study:
    """Return a study with one candidate: the given one with the model put in, or one made of the options."""
    document: dict[str, Any] = {"schema_version": 1, "data": {"evaluation": {"kind": "arrays", "path": "-"}}}
    folder = Path.cwd()
    if options.study:
        study = load_study(options.study)
        folder = study.folder
        document = study.file.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        document.pop("candidates", None)
        document["schema_version"] = 1
    if options.data:
        document["data"] = {**document["data"], "calibration": {"kind": "arrays", "path": str(options.data.resolve())}}
    is_file = ":" not in options.model or Path(options.model).exists()
    state = document.get("model", {}).get("state", {})
    model = {"path": str(Path(options.model).resolve())} if is_file else {"factory": options.model}
    document["model"] = {**model, "state": state}
    scheme = {**document.get("scheme", {})}
    scheme |= {key: value for key, value in (("name", options.scheme), ("method", options.method)) if value}
    document["scheme"] = scheme
    return study_from_document(document, folder, "command line")


@contextmanager
def _scratch() -> Iterator[Stages]:
    """Give stages in a folder that is gone afterwards, with progress and Ctrl-C."""
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as folder, stop_on_signal() as cancel:
        store = Store(Path(folder))
        store.open()
        try:
            yield Stages(store, progress, cancel)
        finally:
            progress.close()


def _copy(source: Path, target: Path) -> None:
    if source.suffix != target.suffix and not source.is_dir():
        raise OutputError(
            f"{target} was not written",
            why=f"this runtime's file is a {source.suffix} file",
            how=f"Give a name that ends in {source.suffix}.",
        )
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written", why=error.strerror or str(error)) from error


def run_parity(options: argparse.Namespace) -> int:
    """Read every INT8 artifact of a study back in a fresh worker and compare it with its plan; 3 when one differs."""
    rows = parity_rows(study_folder(options.folder))
    if options.json:
        print_json(rows)
    else:
        print_text(parity_text(rows))
    return EXIT_GATE if any(row["mismatches"] for row in rows) else EXIT_OK


def parity_rows(folder: Path) -> list[dict[str, Any]]:
    """Return one record per INT8 artifact: label, candidate, checked, mismatches. Raises StudyError."""
    from workbench.execution.artifacts import read_back_and_compare  # noqa: PLC0415  (with workers only)
    from workbench.execution.cells import cells_of  # noqa: PLC0415  (with the above)

    study, store = load_study(folder / "study.toml"), Store(folder)
    rows = []
    for cell in cells_of(study):
        place = store.folder("artifacts", *cell.name)
        if cell.precision != "int8" or cell.candidate.native or not (place / "stage.json").is_file():
            continue  # a native tool-chain's artifact has no plan to be compared with
        plan = load_plan(store.folder("plans", cell.candidate.name) / "plan.json")
        found = read_back_and_compare(cell, find_plugin(cell.row.id), plan, place)
        rows.append({"label": cell.row.label, "candidate": cell.candidate.name, **found})
    if not rows:
        raise StudyError(f"{folder.name} holds no INT8 artifacts")
    return rows


def _same(found: dict[str, Any]) -> str:
    """Return whether an artifact holds the plan's numbers, in words."""
    if found["mismatches"]:
        return f"NO, {len(found['mismatches'])} differ"
    declared = found.get("declared", 0)
    return f"yes, but for {declared} that a deviation declares" if declared else "yes"


def parity_text(rows: list[dict[str, Any]]) -> str:
    """Return the parity result for a person, every mismatch in a line."""
    lines = [
        [
            row["label"],
            row["candidate"],
            f"{row['checked']} checked",
            f"same numbers: {_same(row)}",
        ]
        for row in rows
    ]
    details = [
        f"  {row['label']}: {item['kind']} {item['name']} {item['field']}: "
        f"planned {item['planned']}, found {item['found']}"
        for row in rows
        for item in row["mismatches"]
    ]
    return "\n".join([aligned(lines), *details])
