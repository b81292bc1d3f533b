"""Atomic writes, hashes and versioned JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from workbench import files
from workbench.errors import FileFormatError, OutputError


def test_write_is_whole_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.bin"
    files.write_bytes_atomic(target, b"one")
    files.write_bytes_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert os.listdir(target.parent) == ["file.bin"]


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    former = os.umask(0o027)
    try:
        files.write_bytes_atomic(tmp_path / "file.bin", b"one")
    finally:
        os.umask(former)
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == 0o640


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file.json"
    files.write_json_atomic(target, {"a": 1})

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", broken)
    with pytest.raises(OutputError, match="No space left"):
        files.write_json_atomic(target, {"a": 2})
    assert json.loads(target.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["file.json"]


def test_a_file_in_the_way_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match=r"x\.json cannot be written"):
        files.write_json_atomic(tmp_path / "taken" / "x.json", {})


def test_nan_is_refused_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json_atomic(tmp_path / "x.json", {"a": float("nan")})


def test_canonical_json_does_not_depend_on_key_order() -> None:
    assert (
        files.canonical_json({"b": 1, "a": [1, 2]})
        == files.canonical_json({"a": [1, 2], "b": 1})
        == b'{"a":[1,2],"b":1}'
    )


def test_hash_of_file_equals_hash_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert files.sha256_of_file(tmp_path / "x") == files.sha256_of_bytes(b"abc" * 100_000)


def test_migrations_run_in_order() -> None:
    migrations = {1: lambda d: {**d, "log": [1]}, 2: lambda d: {**d, "log": [*d["log"], 2]}}
    document = files.migrate({"schema_version": 1}, "f", "plan", 3, migrations)
    assert document == {"schema_version": 3, "log": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[1]", "not an object"),
        (b"{}", "no schema_version"),
        (b'{"schema_version": true}', "no schema_version"),
        (b'{"schema_version": 9}', "newer program"),
    ],
)
def test_wrong_files_get_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        files.read_versioned_json(path, "plan", 1)


def test_a_version_without_migration_is_too_old() -> None:
    with pytest.raises(FileFormatError, match="too old"):
        files.migrate({"schema_version": 1}, "f", "plan", 3, {})


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"gone\.json cannot be read"):
        files.read_versioned_json(tmp_path / "gone.json", "plan", 1)


def test_a_removed_file_is_gone_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text("{}")
    files.remove_durable(path)
    files.remove_durable(path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder cannot be removed"):
        files.remove_durable(tmp_path / "folder")
