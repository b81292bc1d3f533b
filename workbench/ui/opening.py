"""What a dropped or chosen path is: a model, data, a study, its folder, a zip of one or of a job's result; no Qt."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import FileFormatError, StudyError
from workbench.execution.elsewhere.names import JOB_NAME, RETURNED_NAME, RUNNER_NAME

What = Literal["model", "data", "study", "result", "zip", "returned"]
MODEL_SUFFIXES = (".onnx", ".pt2", ".pt", ".pth")
ARRAY_SUFFIXES = (".npz", ".npy")
TUNE_FILE = "tune.json"
ZIP_MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class Opened:
    """A path and what it is; for a study folder `study` is its study file, if it has one."""

    what: What
    path: Path
    study: Path | None = None


def classify(path: Path) -> Opened:
    """Return what `path` is. Raises StudyError: nothing that this program opens."""
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.lower()
    if suffix in MODEL_SUFFIXES:
        return Opened("model", path)
    if suffix in ARRAY_SUFFIXES:
        return Opened("data", path)
    if suffix == ".toml":
        return Opened("study", path, path)
    if suffix == ".zip":
        return Opened(_zip(path), path)
    if path.name == "result.json":
        return _folder(path.parent)
    raise StudyError(
        f"{path.name} is nothing this program opens" if path.exists() else f"{path.name} does not exist",
        how="Open a model, a folder of images, .npz or .npy, a study (.toml), a study folder or its zip.",
    )


def unpack(path: Path, into: Path) -> Path:
    """Unpack a zip into the empty folder `into` and return the study folder in it.

    Raises:
        FileFormatError: not a zip, or entries point outside. StudyError: it holds no study.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, path, into)
            archive.extractall(into)
    except (zipfile.BadZipFile, OSError) as error:
        raise FileFormatError(f"{path.name} cannot be unpacked", why=str(error)) from error
    found = sorted(into.rglob("result.json"), key=lambda item: len(item.parts))
    if not found:
        shutil.rmtree(into, ignore_errors=True)
        raise StudyError(f"{path.name} holds no study folder", why="there is no result.json in it")
    return found[0].parent


def _zip(path: Path) -> What:
    """Return what a zip is by the names in it. Raises StudyError: a job, which runs elsewhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return "zip"
    if RETURNED_NAME in names:
        return "returned"
    if JOB_NAME in names:
        how = f"Unpack it there and run `python3 {RUNNER_NAME}`; what that writes is opened here."
        raise StudyError(f"{path.name} is a bundle for another machine", how=how)
    return "zip"


def _check_entries(archive: zipfile.ZipFile, path: Path, into: Path) -> None:
    """Refuse entries outside the folder, and archives that would fill the disk."""
    root = into.resolve()
    for entry in archive.infolist():
        if not (root / entry.filename).resolve().is_relative_to(root):
            raise FileFormatError(f"{path.name} is not safe to unpack", why=f"{entry.filename!r} lies outside of it")
    if sum(entry.file_size for entry in archive.infolist()) > ZIP_MOST_BYTES:
        raise FileFormatError(f"{path.name} is too large to unpack", why="it holds more than 4 GiB")


def _folder(path: Path) -> Opened:
    study = path / "study.toml"
    if (path / "result.json").is_file():
        return Opened("result", path, study if study.is_file() else None)
    if not study.is_file() and (path / TUNE_FILE).is_file():
        how = "Open the study that was tuned; its Tune page shows what was found."
        raise StudyError(f"{path.name} holds what a search for float layers found, not a study", how=how)
    return Opened("study", study, study) if study.is_file() else Opened("data", path)
