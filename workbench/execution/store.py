"""The study folder: finished stages, kept by the hash of everything that went into them.

A stage is a folder with the files it wrote and `stage.json`, written last and atomically. After a kill at any
instant a stage either has a `stage.json` whose key matches, and is kept, or is done again from an empty folder.
One part of a stage is kept by itself: the answers of a cell, hours of work, recorded in `answers.json` before its
speed is measured. That file too is written after what it speaks of, and removed before that is changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import FileFormatError, OutputError, StudyError
from workbench.files import (
    canonical_json,
    migrate,
    remove_durable,
    sha256_of_bytes,
    write_json_atomic,
    write_text_atomic,
)

STAGE_VERSION = 1
ANSWERS_VERSION = 1
ANSWERS = "answers.json"
_STAGE = "stage.json"
_OLD = ".old-"
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
"""Names that the atomic writes of workbench.files give their temporary files."""


class Store:
    """One study folder.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def open(self) -> None:
        """Make the folder and see that it can be written, before any work is done. Raises OutputError."""
        if self.root.exists() and not self.root.is_dir():
            raise OutputError(f"{self.root.name} is a file", how="Give a folder with -o.")
        write_text_atomic(self.root / ".writable", "")
        (self.root / ".writable").unlink(missing_ok=True)  # of a program that starts at the same time

    def tidy(self) -> None:
        """Remove what a killed program left: emptied stages, temporary files, and a torn last line of the events log.

        Only for the program that holds the folder's lock. Temporary files inside a stage go when it is begun anew.
        """
        for folder in self.root.glob(f"{_OLD}*"):
            shutil.rmtree(folder, ignore_errors=True)
        for path in list(self.root.iterdir()):
            if _TEMPORARY.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                path.unlink(missing_ok=True)
        log = self.root / "events.jsonl"
        if log.is_file() and log.stat().st_size and not log.read_bytes().endswith(b"\n"):
            with log.open("ab") as stream:
                stream.write(b"\n")

    def folder(self, *parts: str) -> Path:
        """Return the folder of a stage, made of readable names that are safe on every file system."""
        return self.root.joinpath(*(safe_name(part) for part in parts))

    def finished(self, folder: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what a stage recorded if it was finished with the same key and its files are whole, else None.

        Raises:
            FileFormatError: the record is from a newer program.
        """
        return _recorded(folder, _STAGE, "stage", STAGE_VERSION, key)

    def answers(self, folder: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what `keep_answers` recorded with the same key if its files are whole, else None.

        Raises:
            FileFormatError: the record is from a newer program.
        """
        return _recorded(folder, ANSWERS, "answers", ANSWERS_VERSION, key)

    def begin(self, folder: Path, kept: Collection[str] = ()) -> Path:
        """Empty a stage's folder for a new attempt, but for the files `kept` (paths inside it). Raises OutputError.

        What goes is renamed first: a worker that outlives a killed program for a moment may still write there.
        What is kept is never moved, so that a kill in here loses nothing of it.
        """
        try:
            if folder.exists():
                old = self.root / f"{_OLD}{uuid.uuid4().hex}"
                _move(folder, old, frozenset(kept))
                shutil.rmtree(old, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=bool(kept))
        except OSError as error:
            raise OutputError(f"{folder.name} cannot be made", why=error.strerror or str(error)) from error
        return folder

    def finish(self, folder: Path, key: Mapping[str, Any], value: dict[str, Any]) -> None:
        """Bring everything the stage wrote to the disk, then record that it is complete. Raises OutputError."""
        _record(folder / _STAGE, STAGE_VERSION, key, value, _files(folder))

    def keep_answers(self, folder: Path, key: Mapping[str, Any], value: dict[str, Any]) -> None:
        """Bring a cell's output files to the disk, then record its answers. Raises OutputError.

        Args:
            value: with `outputs`, a list of {path, ...}; paths are relative to the folder.
        """
        paths = [folder / item["path"] for item in value["outputs"]]
        _record(folder / ANSWERS, ANSWERS_VERSION, key, value, paths)

    def forget_answers(self, folder: Path) -> None:
        """Remove the record of a cell's answers, before its output files are written anew. Raises OutputError."""
        remove_durable(folder / ANSWERS)

    def log_event(self, event: Mapping[str, Any]) -> None:
        """Append one line to events.jsonl; a torn last line is allowed, readers skip it. Raises OutputError."""
        line = json.dumps({"utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **event}, ensure_ascii=False)
        with writing("events.jsonl"), (self.root / "events.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Raise OutputError where the disk is full or fails while `name` is written."""
    try:
        yield
    except OSError as error:
        how = "Make room on the disk, or choose another folder; what is finished is kept."
        raise OutputError(f"{name} cannot be written", why=error.strerror or str(error), how=how) from error


def cell_folder(root: Path, label: str, candidate: str, precision: str) -> Path:
    """Return where the study folder `root` keeps a cell: its answers, its raw latencies."""
    return root.joinpath("cells", *(safe_name(part) for part in (label, candidate, precision)))


def answers_files(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files that hold recorded answers, as paths inside the stage's folder."""
    return (ANSWERS, *(item["path"] for item in value["outputs"]))


def stage_value(folder: Path) -> dict[str, Any] | None:
    """Return what a finished stage recorded, whatever went into it, if its files are whole, else None.

    Raises:
        FileFormatError: the record is from a newer program.
    """
    return _recorded(folder, _STAGE, "stage", STAGE_VERSION, None)


def _recorded(folder: Path, name: str, kind: str, version: int, key: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the value of a record with this key (None: any) whose files have the sizes it tells, else None."""
    try:
        record = json.loads((folder / name).read_text(encoding="utf-8"))
        record = migrate(record, name, kind, version, {})
    except FileFormatError as error:
        if "newer" in error.what:
            raise
        return None
    except (OSError, ValueError, AttributeError):
        return None
    value, files = record.get("value"), record.get("files")
    is_asked = key is None or record.get("key") == key_sha256(key)
    if not is_asked or not isinstance(value, dict) or not isinstance(files, dict):
        return None
    return value if all(_size(folder / file) == size for file, size in files.items()) else None


def _record(path: Path, version: int, key: Mapping[str, Any], value: dict[str, Any], files: Collection[Path]) -> None:
    """Write a record after everything it speaks of is on the disk."""
    with writing(path.parent.name):
        sizes = {file.relative_to(path.parent).as_posix(): _synced(file) for file in files}
    document = {"schema_version": version, "key": key_sha256(key), "files": sizes, "value": value}
    write_json_atomic(path, document)


def _move(folder: Path, old: Path, kept: Collection[str]) -> None:
    """Rename a folder to `old`, or where files in it are kept, everything else in it to a place in `old`."""
    if not kept:
        folder.rename(old)
        return
    old.mkdir()
    for number, path in enumerate(list(_others(folder, kept))):
        path.rename(old / str(number))


def _others(folder: Path, kept: Collection[str], inside: str = "") -> Iterator[Path]:
    """Yield what lies in a folder but the files `kept` and the folders that lead to them."""
    for path in folder.iterdir():
        name = f"{inside}{path.name}"
        if any(file.startswith(f"{name}/") for file in kept) and path.is_dir() and not path.is_symlink():
            yield from _others(path, kept, f"{name}/")
        elif name not in kept:
            yield path


def _files(folder: Path) -> list[Path]:
    """Return what a finished stage consists of: all files but records, logs and temporary ones."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    records = (folder / _STAGE, folder / ANSWERS)
    return [path for path in found if path.suffix not in (".log", ".tmp") and path not in records]


def _synced(path: Path) -> int:
    """Return a file's size after its content is on the disk."""
    with path.open("rb") as stream:
        if os.name == "posix":
            os.fsync(stream.fileno())
        return os.fstat(stream.fileno()).st_size


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def key_sha256(key: Mapping[str, Any]) -> str:
    """Return the hash that stands for everything that went into a stage."""
    return sha256_of_bytes(canonical_json(dict(key)))


def safe_name(text: str) -> str:
    """Return `text` as one path part: letters, digits and ._- only, at most 60 long, distinct texts stay distinct."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60]
    return safe if safe == text else f"{safe or 'x'}-{sha256_of_bytes(text.encode())[:8]}"


def require_study_folder(path: Path) -> Path:
    """Return `path` if it holds a finished study. Raises StudyError."""
    if not (path / "result.json").is_file():
        raise StudyError(
            f"{path.name} holds no result.json",
            why="it is not a study folder, or its study did not finish",
            how="Run `int8-workbench run STUDY.toml -o DIR` first; it resumes.",
        )
    return path
