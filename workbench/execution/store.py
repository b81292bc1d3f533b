"""The study folder: finished stages, kept by the hash of everything that went into them.

A stage is a folder with the files it wrote and `stage.json`, written last and atomically. After a kill at any
instant a stage either has a `stage.json` whose key matches, and is kept, or is done again from an empty folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import FileFormatError, OutputError, StudyError
from workbench.files import (
    canonical_json,
    migrate,
    sha256_of_bytes,
    write_json_atomic,
    write_text_atomic,
)

STAGE_VERSION = 1
_OLD = ".old-"


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
        (self.root / ".writable").unlink()

    def tidy(self) -> None:
        """Remove what a killed program left: emptied stages, and a torn last line of the events log."""
        for folder in self.root.glob(f"{_OLD}*"):
            shutil.rmtree(folder, ignore_errors=True)
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
        try:
            record = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
            record = migrate(record, "stage.json", "stage", STAGE_VERSION, {})
        except FileFormatError as error:
            if "newer" in error.what:
                raise
            return None
        except (OSError, ValueError, AttributeError):
            return None
        value, files = record.get("value"), record.get("files")
        if record.get("key") != key_sha256(key) or not isinstance(value, dict) or not isinstance(files, dict):
            return None
        return value if all(_size(folder / name) == size for name, size in files.items()) else None

    def begin(self, folder: Path) -> Path:
        """Empty a stage's folder for a new attempt. Raises OutputError.

        The old folder is renamed first: a worker that outlives a killed program for a moment may still write there.
        """
        try:
            if folder.exists():
                old = self.root / f"{_OLD}{uuid.uuid4().hex}"
                folder.rename(old)
                shutil.rmtree(old, ignore_errors=True)
            folder.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{folder.name} cannot be made", why=error.strerror or str(error)) from error
        return folder

    def finish(self, folder: Path, key: Mapping[str, Any], value: dict[str, Any]) -> None:
        """Bring everything the stage wrote to the disk, then record that it is complete. Raises OutputError."""
        files = {path.relative_to(folder).as_posix(): _synced(path) for path in _files(folder)}
        document = {"schema_version": STAGE_VERSION, "key": key_sha256(key), "files": files, "value": value}
        write_json_atomic(folder / "stage.json", document)

    def log_event(self, event: Mapping[str, Any]) -> None:
        """Append one line to events.jsonl; a torn last line is allowed, readers skip it."""
        line = json.dumps({"utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **event}, ensure_ascii=False)
        with (self.root / "events.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def _files(folder: Path) -> list[Path]:
    """Return what a finished stage consists of: all files but logs and temporary ones."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in found if path.suffix not in (".log", ".tmp") and path.name != "stage.json"]


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
