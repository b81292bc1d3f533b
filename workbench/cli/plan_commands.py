"""calibrate, quantize, parity: the plan on its own, one artifact on its own, and the check of a study's artifacts."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from workbench.cli.common import add_json, aligned, print_json, print_text
from workbench.cli.progress import Progress
from workbench.errors import OutputError, StudyError
from workbench.execution.artifacts import CellFailedError, announced_deviations, make_artifact
from workbench.execution.cells import Cell, native_target
from workbench.execution.discovery import find_plugin
from workbench.execution.preparation import plan_of, prepare_data, prepare_model
from workbench.execution.probing import probe
from workbench.execution.stages import Stages
from workbench.execution.store import Store, require_study_folder
from workbench.execution.study import RuntimeSection, Study, load_study, study_from_document
from workbench.quant.plan import load_plan, save_plan

TARGETS = ("x64", "x64-no-vnni", "arm64", "wasm", "device")


def add_to(commands: Any) -> None:
    """Add this module's commands to the parser."""
    calibrate = commands.add_parser("calibrate", help="find the quantization plan of a model")
    _add_source(calibrate)
    calibrate.add_argument("-o", "--output", type=Path, required=True, metavar="plan.json")
    calibrate.set_defaults(run_command=run_calibrate)
    quantize = commands.add_parser("quantize", help="write one runtime's INT8 model file from a plan or from data")
    _add_source(quantize)
    quantize.add_argument("--plan", type=Path, metavar="plan.json", help="a ready plan instead of data")
    quantize.add_argument("--runtime", required=True, metavar="ID")
    quantize.add_argument("--target", choices=TARGETS, help="the machine it is for; this one by default")
    quantize.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    quantize.add_argument("--plan-out", type=Path, metavar="plan.json", help="also write the plan")
    quantize.set_defaults(run_command=run_quantize)
    parity = commands.add_parser("parity", help="parameters read back from every artifact against the plan")
    parity.add_argument("folder", type=Path, metavar="DIR", help="a study folder")
    add_json(parity)
    parity.set_defaults(run_command=run_parity)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="an .onnx file (or PyTorch, with --allow-code)")
    parser.add_argument("--data", type=Path, metavar="ARRAYS", help="calibration samples, .npz or .npy")
    parser.add_argument(
        "--study", type=Path, metavar="STUDY.toml", help="take calibration data and scheme from a study"
    )
    parser.add_argument("--scheme", choices=("S1", "S2", "S3"), help="default S1, or the study's")
    parser.add_argument(
        "--method", choices=("mse", "minmax", "percentile", "entropy"), help="default mse, or the study's"
    )
    parser.add_argument("--allow-code", action="store_true", help="allow a model that is code to run")


def run_calibrate(options: argparse.Namespace) -> int:
    """Calibrate and write the plan."""
    _check_output(options.output)
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as scratch:
        stages, progress = _stages(Path(scratch))
        study = _study(options)
        plan, _, _ = _plan(stages, study, options, None)
        progress.close()
        save_plan(plan, options.output)
    print_text(
        f"{options.output}: {len(plan.tensors)} tensors, {len(plan.weights)} weights, "
        f"{len(plan.float_nodes)} nodes in float, {plan.calibration.method} on {plan.calibration.n} samples, plan {plan.sha256[:12]}"
    )
    return 0


def run_quantize(options: argparse.Namespace) -> int:
    """Lower a plan for one runtime, verify the file against the plan, and copy it to its place."""
    _check_output(options.output)
    manifest = find_plugin(options.runtime)
    if not (options.plan or options.data or options.study):
        raise StudyError(
            "quantize needs numbers", how="Give --plan plan.json, or calibration data with --data or --study."
        )
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as scratch:
        stages, progress = _stages(Path(scratch))
        study = _study(options)
        plan, plan_path, model = _plan(stages, study, options, options.plan)
        row = RuntimeSection(id=manifest.id, target=options.target)
        cell = Cell(row, study.candidates[0], "int8")
        _print_deviations(manifest, model, plan)
        versions = probe(manifest).versions
        try:
            artifact = make_artifact(stages, cell, manifest, versions, model, (plan, plan_path))
        except CellFailedError as error:
            raise StudyError(f"{manifest.title} made no artifact", why=str(error)) from error
        progress.close()
        _copy(artifact.path, options.output)
        if options.plan_out:
            save_plan(plan, options.plan_out)
    found = artifact.record["parity"]
    print_text(
        f"{options.output}: {artifact.record['artifact_bytes']:,} bytes for {manifest.title} on "
        f"{options.target or native_target(_machine())}, same numbers as the plan: "
        f"{'yes' if not found['mismatches'] else 'NO'} ({found['checked']} checked), "
        f"SHA-256 {artifact.record['artifact_sha256']}"
    )
    return 0 if not found["mismatches"] else 3


def _print_deviations(manifest: Any, model: Any, plan: Any) -> None:
    import onnx  # noqa: PLC0415  (only here)

    from workbench.model.summary import graph_summary  # noqa: PLC0415  (loads onnx)

    graph = graph_summary(onnx.load(str(model.canonical)))
    for deviation in announced_deviations(manifest, graph, plan.scheme):
        if deviation.refuses:
            raise StudyError(f"{manifest.title} cannot realise {plan.scheme.title}", why=deviation.reason)
        where = f"{deviation.node}: " if deviation.node else ""
        print(
            f"changed by the runtime: {where}{deviation.requested} -> {deviation.realised} ({deviation.reason})",
            file=sys.stderr,
        )


def _machine() -> str:
    import platform  # noqa: PLC0415  (only here)

    return platform.machine()


def _plan(stages: Stages, study: Study, options: argparse.Namespace, ready: Path | None) -> tuple[Any, Path, Any]:
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
        document.pop("preprocess", None)
    is_file = ":" not in options.model or Path(options.model).exists()
    document["model"] = {"path": str(Path(options.model).resolve())} if is_file else {"factory": options.model}
    scheme = {**document.get("scheme", {})}
    scheme |= {key: value for key, value in (("name", options.scheme), ("method", options.method)) if value}
    document["scheme"] = scheme
    return study_from_document(document, folder, "command line")


def _stages(scratch: Path) -> tuple[Stages, Progress]:
    progress = Progress()
    store = Store(scratch)
    store.open()
    return Stages(store, progress, threading.Event()), progress


def _check_output(path: Path) -> None:
    """Refuse an output that cannot be written before any work is done."""
    if not path.resolve().parent.is_dir():
        raise OutputError(f"{path} cannot be written", why="its folder does not exist", how="Make the folder first.")
    if path.is_dir():
        raise OutputError(f"{path} cannot be written", why="it is a folder", how="Give a file name.")


def _copy(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written", why=error.strerror or str(error)) from error


def run_parity(options: argparse.Namespace) -> int:
    """Read every INT8 artifact of a study back in a fresh worker and compare it with its plan; 3 when one differs."""
    rows = parity_rows(require_study_folder(options.folder))
    if options.json:
        print_json(rows)
    else:
        print_text(parity_text(rows))
    return 3 if any(row["mismatches"] for row in rows) else 0


def parity_rows(folder: Path) -> list[dict[str, Any]]:
    """Return one record per INT8 artifact: label, candidate, checked, mismatches. Raises StudyError."""
    from workbench.execution.artifacts import read_back_and_compare  # noqa: PLC0415  (with workers only)
    from workbench.execution.cells import cells_of  # noqa: PLC0415  (with the above)

    study, store = load_study(folder / "study.toml"), Store(folder)
    rows = []
    for cell in cells_of(study):
        place = store.folder("artifacts", *cell.name)
        if cell.precision != "int8" or not (place / "stage.json").is_file():
            continue
        plan = load_plan(store.folder("plans", cell.candidate.name) / "plan.json")
        found = read_back_and_compare(cell, find_plugin(cell.row.id), plan, place)
        rows.append({"label": cell.row.label, "candidate": cell.candidate.name, **found})
    if not rows:
        raise StudyError(f"{folder.name} holds no INT8 artifacts")
    return rows


def parity_text(rows: list[dict[str, Any]]) -> str:
    """Return the parity result for a person, every mismatch in a line."""
    lines = [
        [
            row["label"],
            row["candidate"],
            f"{row['checked']} checked",
            "same numbers: yes" if not row["mismatches"] else f"same numbers: NO, {len(row['mismatches'])} differ",
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
