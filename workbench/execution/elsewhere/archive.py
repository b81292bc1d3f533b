"""Zip archives that travel: written alike each time, and unpacked only while every byte is what their list says.

An archive has one list, a JSON file with "files": name -> SHA-256 and size. Whatever is not in it, points outside or is
no plain file is refused before anything is written.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from workbench.errors import FileFormatError, OutputError
from workbench.execution.elsewhere.records import FileFacts
from workbench.files import sha256_of_file

LIST_MOST_BYTES = 64 << 20
MOST_BYTES, MOST_MEMBERS = 256 << 30, 100_000
_ENCRYPTED = 0x1
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every member: the same job gives the same archive."""
_PIECE = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
AGAIN = "Copy it again from the machine it comes from."


def file_facts(folder: Path, names: Iterable[str]) -> dict[str, FileFacts]:
    """Return size and SHA-256 of files by their names inside a folder."""
    return {
        name: FileFacts(sha256=sha256_of_file(folder / name), bytes=(folder / name).stat().st_size) for name in names
    }


def write_archive(path: Path, folder: Path, names: Iterable[str]) -> None:
    """Write files of a folder as a zip, appearing under its name only when complete. Raises OutputError."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in names:
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
                entry.file_size = (folder / name).stat().st_size
                with (folder / name).open("rb") as source, archive.open(entry, "w") as target:
                    _copy(source, target)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputError(f"{path.name} cannot be written", why=error.strerror or str(error)) from error


def member_names(path: Path) -> frozenset[str]:
    """Return the names in a zip, unchecked, to tell what it is. Raises FileFormatError: it is no zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(archive.namelist())
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def read_list(path: Path, name: str) -> bytes:
    """Return one small member, after a look at all of them. Raises FileFormatError."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(archive, path)
            if name not in entries:
                raise FileFormatError(f"{path.name} holds no {name}", how=AGAIN)
            if entries[name].file_size > LIST_MOST_BYTES:
                raise FileFormatError(f"{path.name} is not safe to open", why=f"its {name} claims to be huge")
            return archive.read(name)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def unpack(path: Path, into: Path, files: Mapping[str, FileFacts], lists: Iterable[str]) -> None:
    """Unpack the files that the list names into the folder `into`, each compared with its hash.

    Args:
        lists: members beside them that the list does not name (the lists themselves); they are unpacked unseen.

    Raises:
        FileFormatError: a member is missing, unlisted, another than listed, or not safe.
        OutputError: the folder cannot be written, or the disk has no room for what the archive says it holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(archive, path)
            _compare_names(path, set(entries), {*files, *lists})
            _find_room(path, into, sum(entry.file_size for entry in entries.values()))
            for name, entry in entries.items():
                _unpack_one(archive, entry, into / name, files.get(name), path)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _checked_entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name. Raises FileFormatError where one is not a plain file inside, or all are too large."""
    entries, seen = archive.infolist(), set[str]()
    for entry in entries:
        problem = _problem_of(entry, seen)
        if problem:
            raise FileFormatError(f"{path.name} is not safe to unpack", why=f"{entry.filename[:80]!r} {problem}")
        seen.add(entry.filename.casefold())
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise FileFormatError(f"{path.name} is not safe to unpack", why="it claims to hold more than 256 GiB")
    if len(entries) > MOST_MEMBERS:
        raise FileFormatError(f"{path.name} is not safe to unpack", why=f"it holds more than {MOST_MEMBERS:,} files")
    return {entry.filename: entry for entry in entries}


def _problem_of(entry: zipfile.ZipInfo, seen: Set[str]) -> str:
    """Return why a member is not unpacked, or ""; names that differ in case alone are one file on some machines."""
    name, kind = PurePosixPath(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
    is_plain = not any(mark in entry.filename for mark in ("\\", ":", "\0"))
    if name.is_absolute() or ".." in name.parts or not is_plain or name.as_posix() != entry.filename:
        return "lies outside of it"
    if kind not in (0, stat.S_IFREG):
        return "is a link, not a file" if kind == stat.S_IFLNK else "is no plain file"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    return "stands in it twice" if entry.filename.casefold() in seen else ""


def _compare_names(path: Path, have: set[str], wanted: set[str]) -> None:
    if missing := sorted(wanted - have):
        raise FileFormatError(f"{path.name} is not complete", why=f"{missing[0]} is missing", how=AGAIN)
    if foreign := sorted(have - wanted):
        raise FileFormatError(f"{path.name} was changed", why=f"{foreign[0][:80]} is not on its list", how=AGAIN)


def _find_room(path: Path, into: Path, size: int) -> None:
    there = next(folder for folder in (into, *into.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if size > free:
        why = f"it holds {size / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free"
        raise OutputError(f"{path.name} cannot be unpacked", why=why)


def _unpack_one(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, known: FileFacts | None, path: Path
) -> None:
    if known is not None and entry.file_size != known.bytes:
        raise _changed(path, entry.filename)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(entry) as source, target.open("wb") as stream:
            found = _copy(source, stream)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _changed(path, entry.filename) from error
    if known is not None and found != known.sha256:
        raise _changed(path, entry.filename)


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()


def _changed(path: Path, name: str) -> FileFormatError:
    return FileFormatError(f"{path.name} was changed", why=f"{name} is not what its list says", how=AGAIN)


def _damaged(path: Path, error: BaseException) -> FileFormatError | OutputError:
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, FileNotFoundError):
        return OutputError(f"{path.name} cannot be unpacked", why=error.strerror or str(error))
    reason = (
        "there is no such file" if isinstance(error, FileNotFoundError) else "it is no zip archive, or it is cut off"
    )
    return FileFormatError(f"{path.name} cannot be read", why=reason, how="" if path.exists() else "Mend the name.")
