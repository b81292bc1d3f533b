"""Reading and writing files safely: atomic writes, hashes, versioned JSON with migrations."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import FileFormatError, OutputError

Migration = Callable[[dict[str, Any]], dict[str, Any]]


def sha256_of_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 lower-case hex digits, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that a reader, or a kill at any instant, sees the old file or the new one.

    Temp file in the same folder, fsync, rename, fsync of the folder.

    Raises:
        OutputError: the folder is missing, read-only or full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path.name} cannot be written", why=error.strerror or str(error), how="Choose a writable folder."
        ) from error


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically. Raises OutputError."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_json_atomic(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document, two-space indented, key order kept, atomically.

    NaN and infinity are refused (ValueError): a non-finite value is a finding with a count, not a number.
    """
    write_text_atomic(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def remove_durable(path: Path) -> None:
    """Remove a file, if it is there, so that it stays away even when the machine fails right afterwards.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
        _fsync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"{path.name} cannot be removed", why=error.strerror or str(error)) from error


def canonical_json(document: Any) -> bytes:
    """Return the one byte string that stands for `document` in hashes: sorted keys, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def read_versioned_json(
    path: Path, kind: str, version: int, migrations: Mapping[int, Migration] | None = None
) -> dict[str, Any]:
    """Read a JSON object and bring it to `version`.

    Args:
        kind: the file's name for the user ("plan", "result", "sheet").
        version: the version this program writes.
        migrations: version found -> function giving the document one version later.

    Raises:
        FileFormatError: missing, not JSON, not an object, without version, or from a newer version.
    """
    return migrate(_read_object(path, kind), path.name, kind, version, migrations or {})


def migrate(
    document: dict[str, Any], name: str, kind: str, version: int, migrations: Mapping[int, Migration]
) -> dict[str, Any]:
    """Apply ordered migrations until `schema_version` equals `version`. Raises FileFormatError."""
    found = document.get("schema_version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise FileFormatError(f"{name} is not a {kind} file", why="it has no schema_version")
    if found > version:
        raise FileFormatError(
            f"{name} was written by a newer program",
            why=f"{kind} version {found}, this program reads up to {version}",
            how="Update int8-workbench.",
        )
    while found < version:
        if found not in migrations:
            raise FileFormatError(f"{name} is too old", why=f"{kind} version {found} cannot be read any more")
        document = migrations[found](document)
        found = document["schema_version"] = found + 1
    return document


def _read_object(path: Path, kind: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFormatError(f"{path.name} cannot be read", why=error.strerror or str(error)) from error
    except ValueError as error:
        how = "Copy it again, or make it anew."
        why = "it is not JSON, or it is cut off"
        raise FileFormatError(f"{path.name} is not a {kind} file", why=why, how=how) from error
    if not isinstance(document, dict):
        raise FileFormatError(f"{path.name} is not a {kind} file", why="its top level is not an object")
    return document


def _fsync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
