"""The models of a finished study as folders to hand over: model, preprocessing, label map, sheet, SHA-256 list.

One folder per runtime (and candidate); nothing outside it is needed to ship the model or to check where it came from.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import OutputError, StudyError
from workbench.execution.handlers import artifact_sha256
from workbench.execution.result import Result, Run
from workbench.execution.store import safe_name
from workbench.files import sha256_of_file, write_bytes_atomic, write_json_atomic, write_text_atomic
from workbench.report.names import row_name, several_candidates
from workbench.report.render import render
from workbench.report.sheet import Sheet, build_sheet
from workbench.report.worst import label_names, read_json

CHECKSUMS = "SHA256SUMS"
SHEET_FORMATS = ("json", "html", "pdf")
EXPORT_VERSION = 1


@dataclass(frozen=True)
class Exported:
    """One row of the comparison.

    Attributes:
        name: as on the Compare page; folder: where it was written, None where there was nothing to write.
        files: paths relative to `folder`; reason: why nothing was written.
    """

    name: str
    folder: Path | None = None
    files: tuple[str, ...] = ()
    reason: str = ""


def export_models(result: Result, folder: Path, out: Path, labels: Collection[str] = ()) -> list[Exported]:
    """Write one folder per runtime and candidate into `out`.

    Args:
        folder: the study folder that `result` lies in.
        labels: rows to export; all by default. A row whose artifact was never built is returned with its reason.

    Raises:
        StudyError: a label is unknown, or a stored artifact is not the one that was measured.
        OutputError: `out` cannot be written.
    """
    runs = _exportable(result)
    unknown = sorted(set(labels) - {run.label for run in runs})
    if unknown:
        known = ", ".join(dict.fromkeys(run.label for run in runs))
        raise StudyError(f"This study has no row {unknown[0]!r}", how=f"Choose from: {known or 'none'}.")
    wanted = [run for run in runs if not labels or run.label in labels]
    sheets = _sheets(build_sheet(result)) if wanted else {}
    several = several_candidates(result)
    named = [(run, row_name(run.label, run.candidate, several)) for run in wanted]
    targets = _folder_names([name for _, name in named])
    return [
        _export(run, name, result, folder, out / target, sheets)
        for (run, name), target in zip(named, targets, strict=True)
    ]


def label_map(result: Result, folder: Path) -> dict[str, Any]:
    """Return which output stands for which class; without class names the numbers are the labels."""
    offset = int(result.task.get("class_offset", 0) or 0)
    names = label_names(folder)
    return {
        "schema_version": EXPORT_VERSION,
        "class_offset": offset,
        "labels": {str(index): name for index, name in enumerate(names)},
        "outputs": {str(index + offset): name for index, name in enumerate(names)},
        "note": "label = output index - class_offset" + ("" if names else "; the data names no classes"),
    }


def preprocess_document(result: Result) -> dict[str, Any]:
    """Return what turns a sample into the model's input, with the inputs it has to fit."""
    return {
        "schema_version": EXPORT_VERSION,
        "preprocess": result.preprocess,
        "rule": "x = (pixel - mean) / std; pixels 0..255; mean and std in the order of color",
        "inputs": result.model.inputs,
        "outputs": result.model.outputs,
    }


def _exportable(result: Result) -> list[Run]:
    """Return one run per row: the INT8 one, or the float one of a float candidate."""
    rows: dict[tuple[str, str], Run] = {}
    for run in result.runs:
        key = (run.label, run.candidate)
        if run.runtime != "reference" and (key not in rows or run.precision == "int8"):
            rows[key] = run
    return list(rows.values())


def _sheets(sheet: Sheet) -> dict[str, bytes]:
    return {f"sheet.{name}": render(sheet, name) for name in SHEET_FORMATS}


def _folder_names(names: list[str]) -> list[str]:
    """Return one folder name per row, readable and safe; names that would be the same get their hash."""
    plain = [re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] for name in names]
    return [
        text if text and [other.lower() for other in plain].count(text.lower()) == 1 else safe_name(f"{name} ")
        for name, text in zip(names, plain, strict=True)
    ]


def _export(run: Run, name: str, result: Result, folder: Path, target: Path, sheets: dict[str, bytes]) -> Exported:
    artifact = _artifact_of(run, folder)
    if artifact is None:
        reason = run.problem.message if run.problem else "its model was not built"
        return Exported(name, reason=reason)
    if run.artifact_sha256 and artifact_sha256(artifact) != run.artifact_sha256:
        raise StudyError(
            f"{name}: the stored model is not the one that was measured",
            why="its SHA-256 differs from the result's",
            how="Run the study again.",
        )
    files = [*_copy_model(artifact, target), "preprocess.json", "labels.json", *sheets]
    write_json_atomic(target / "preprocess.json", preprocess_document(result))
    write_json_atomic(target / "labels.json", label_map(result, folder))
    for file, data in sheets.items():
        write_bytes_atomic(target / file, data)
    lines = [f"{sha256_of_file(target / file)}  {file}\n" for file in files]
    write_text_atomic(target / CHECKSUMS, "".join(lines))
    return Exported(name, target, (*files, CHECKSUMS))


def _artifact_of(run: Run, folder: Path) -> Path | None:
    """Return the stored artifact of a run, None where none was finished."""
    place = folder.joinpath("artifacts", *(safe_name(part) for part in (run.label, run.candidate, run.precision)))
    record = read_json(place / "stage.json")
    found = (record.get("value") or {}).get("artifact")
    path = (place / str(found)).resolve() if found else place
    is_inside = path.is_relative_to(place.resolve()) and path != place.resolve()
    return path if is_inside and path.exists() else None


def _copy_model(artifact: Path, target: Path) -> list[str]:
    """Copy a model file or folder; return the names, relative and sorted.

    A file is called "model"; one with external weights keeps its name, which it speaks of inside.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        if artifact.is_dir():
            shutil.copytree(artifact, target / artifact.name, dirs_exist_ok=True)
            found = [path for path in (target / artifact.name).rglob("*") if path.is_file()]
            return sorted(path.relative_to(target).as_posix() for path in found)
        weights = artifact.with_name(f"{artifact.name}.data")
        if weights.is_file():
            return [_copied(part, target / part.name) for part in (artifact, weights)]
        return [_copied(artifact, target / f"model{artifact.suffix}")]
    except OSError as error:
        raise OutputError(f"{target.name} cannot be written", why=error.strerror or str(error)) from error


def _copied(source: Path, target: Path) -> str:
    shutil.copyfile(source, target)
    return target.name
