"""A stage is kept only when it was finished with the same key and its files are whole."""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FileFormatError, OutputError, StudyError
from workbench.execution.store import Store, answers_files, key_sha256, require_study_folder, safe_name
from workbench.files import write_text_atomic

KEY = {"model": "abc", "threads": 1}
ANSWERS = {"n": 3, "outputs": [{"name": "a", "path": "outputs/0.npy"}, {"name": "b", "path": "outputs/1.npy"}]}


def _finished(root: Path) -> tuple[Store, Path]:
    store = Store(root)
    store.open()
    folder = store.begin(store.folder("plans", "S1"))
    (folder / "outputs").mkdir()
    (folder / "outputs" / "0.npy").write_bytes(b"12345")
    (folder / "worker.log").write_text("noise")
    store.finish(folder, KEY, {"n": 3})
    return store, folder


def _answered(root: Path) -> tuple[Store, Path]:
    """A cell that was killed in its speed rounds."""
    store = Store(root)
    store.open()
    folder = store.begin(store.folder("cells", "row"))
    for name, content in {"outputs/0.npy": b"12345", "outputs/1.npy": b"67", "work/worker.log": b"noise"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    store.keep_answers(folder, KEY, ANSWERS)
    (folder / "work" / "block_0.npy").write_bytes(b"8")
    return store, folder


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_stage_is_kept_under_its_key_alone(tmp_path: Path) -> None:
    store, folder = _finished(tmp_path)
    assert store.finished(folder, KEY) == {"n": 3}
    assert store.finished(folder, {**KEY, "threads": 2}) is None
    assert store.finished(folder, dict(reversed(KEY.items()))) == {"n": 3}


def test_a_stage_without_its_record_or_with_a_torn_one_is_done_again(tmp_path: Path) -> None:
    store, folder = _finished(tmp_path)
    whole = (folder / "stage.json").read_bytes()
    for torn in (whole[: len(whole) // 2], b"", b"[1]", b"null"):
        (folder / "stage.json").write_bytes(torn)
        assert store.finished(folder, KEY) is None
    (folder / "stage.json").unlink()
    assert store.finished(folder, KEY) is None


@pytest.mark.parametrize("damage", ["shorter", "gone"])
def test_a_stage_whose_file_is_damaged_is_done_again(tmp_path: Path, damage: str) -> None:
    store, folder = _finished(tmp_path)
    file = folder / "outputs" / "0.npy"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"123")
    assert store.finished(folder, KEY) is None


def test_a_log_is_no_part_of_a_stage(tmp_path: Path) -> None:
    store, folder = _finished(tmp_path)
    (folder / "worker.log").unlink()
    assert store.finished(folder, KEY) == {"n": 3}


def test_a_record_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    store, folder = _finished(tmp_path)
    document = json.loads((folder / "stage.json").read_text())
    (folder / "stage.json").write_text(json.dumps({**document, "schema_version": 99}))
    with pytest.raises(FileFormatError, match="newer"):
        store.finished(folder, KEY)


def test_begin_empties_a_folder_and_tidy_removes_what_a_kill_left(tmp_path: Path) -> None:
    store, folder = _finished(tmp_path)
    store.begin(folder)
    assert list(folder.iterdir()) == []
    (tmp_path / ".old-123").mkdir()
    (tmp_path / ".old-123" / "0.npy").write_bytes(b"1")
    store.tidy()
    assert not (tmp_path / ".old-123").exists()


def test_two_programs_may_open_a_folder_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written_and_removed_by_the_other(path: Path, text: str) -> None:
        write_text_atomic(path, text)
        path.unlink()

    monkeypatch.setattr("workbench.execution.store.write_text_atomic", written_and_removed_by_the_other)
    Store(tmp_path).open()


def test_a_full_disk_is_one_line_whatever_was_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, folder = _answered(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("workbench.execution.store.os.fsync", full)
        with pytest.raises(OutputError, match=r"row cannot be written: No space left on device\. Make room"):
            store.finish(folder, KEY, {"n": 3})
        with pytest.raises(OutputError, match="row cannot be written"):
            store.keep_answers(folder, KEY, ANSWERS)
    assert store.finished(folder, KEY) is None
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OutputError, match=r"events\.jsonl cannot be written"):
        store.log_event({"event": "stage"})


def test_answers_are_kept_under_their_key_alone(tmp_path: Path) -> None:
    store, folder = _answered(tmp_path)
    assert store.finished(folder, KEY) is None
    assert store.answers(folder, KEY) == ANSWERS
    assert store.answers(folder, {**KEY, "threads": 2}) is None
    document = json.loads((folder / "answers.json").read_text())
    assert document["files"] == {"outputs/0.npy": 5, "outputs/1.npy": 2}
    store.forget_answers(folder)
    assert store.answers(folder, KEY) is None
    (folder / "answers.json").write_text(json.dumps({**document, "schema_version": 99}))
    with pytest.raises(FileFormatError, match="newer"):
        store.answers(folder, KEY)


@pytest.mark.parametrize("damage", ["shorter", "gone", "torn record"])
def test_damaged_answers_are_given_again(tmp_path: Path, damage: str) -> None:
    store, folder = _answered(tmp_path)
    file = folder / ("answers.json" if damage == "torn record" else "outputs/1.npy")
    file.unlink() if damage == "gone" else file.write_bytes(file.read_bytes()[:-1].replace(b"}", b""))
    assert store.answers(folder, KEY) is None


def test_answers_are_no_part_of_the_finished_stage(tmp_path: Path) -> None:
    store, folder = _answered(tmp_path)
    store.finish(folder, KEY, {"n": 3})
    assert set(json.loads((folder / "stage.json").read_text())["files"]) == {
        "outputs/0.npy", "outputs/1.npy", "work/block_0.npy",
    }  # fmt: skip
    store.forget_answers(folder)
    assert store.finished(folder, KEY) == {"n": 3}


def test_begin_keeps_the_files_with_the_answers_and_nothing_else(tmp_path: Path) -> None:
    store, folder = _answered(tmp_path)
    for name in ("stage.json", "outputs/2.partial", "outputs/10.npy", "latencies.npz", ".answers.json.0.tmp"):
        (folder / name).write_bytes(b"9")
    (folder / "outputs" / "deep").mkdir()
    before = _content(folder)
    state = (folder / "outputs" / "0.npy").stat()
    store.begin(folder, answers_files(ANSWERS))
    assert _content(folder) == {name: before[name] for name in ("answers.json", "outputs/0.npy", "outputs/1.npy")}
    assert sorted(path.name for path in folder.iterdir()) == ["answers.json", "outputs"]
    after = (folder / "outputs" / "0.npy").stat()
    assert (after.st_ino, after.st_mtime_ns) == (state.st_ino, state.st_mtime_ns)
    assert not list(tmp_path.glob(".old-*"))


@pytest.mark.parametrize("renames", range(4))
def test_a_kill_while_a_cell_is_emptied_costs_no_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    store, folder = _answered(tmp_path)
    for name in ("stage.json", "outputs/2.partial"):
        (folder / name).write_bytes(b"9")
    left = [renames]
    rename = Path.rename

    def killed_at_last(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(Path, "rename", killed_at_last)
        store.begin(folder, answers_files(ANSWERS))
    assert left == [0]
    assert store.answers(folder, KEY) == ANSWERS
    assert store.finished(folder, KEY) is None
    store.tidy()
    store.begin(folder, answers_files(ANSWERS))
    assert sorted(_content(folder)) == ["answers.json", "outputs/0.npy", "outputs/1.npy"]
    assert not list(tmp_path.glob(".old-*"))


def test_begin_without_answers_empties_an_answered_cell(tmp_path: Path) -> None:
    store, folder = _answered(tmp_path)
    store.begin(folder)
    assert list(folder.iterdir()) == []


def test_tidy_removes_temporary_files_of_killed_writes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = _answered(tmp_path)
    monkeypatch.setattr("workbench.files.os.replace", lambda *_: pytest.exit("killed"))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in (".writable", "result.json"):
        with pytest.raises(pytest.exit.Exception):
            write_text_atomic(tmp_path / name, "half")
    monkeypatch.undo()
    assert len(list(tmp_path.glob(".*.tmp"))) == 2
    own = ("notes.tmp", ".notes.tmp", ".result.json.0123.tmp", "result.json.0123456789ab.tmp")
    for name in own:
        (tmp_path / name).write_text("the user's")
    (tmp_path / ".folder.0123456789ab.tmp").mkdir()
    store.tidy()
    assert {path.name for path in tmp_path.iterdir()} == {*own, ".folder.0123456789ab.tmp", "cells"}


def test_a_torn_line_of_the_log_does_not_swallow_the_next(tmp_path: Path) -> None:
    store, _ = _finished(tmp_path)
    store.log_event({"event": "stage", "name": "one"})
    with (tmp_path / "events.jsonl").open("a") as stream:
        stream.write('{"event": "sta')
    store.tidy()
    store.log_event({"event": "stage", "name": "two"})
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in (lines[0], lines[2])] == ["one", "two"]


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        Store(tmp_path / "file").open()
    with pytest.raises(OutputError):
        Store(tmp_path / "file" / "below").open()
    with pytest.raises(StudyError, match=r"holds no result\.json"):
        require_study_folder(tmp_path)


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_are_safe_and_stay_distinct(a: str, b: str) -> None:
    for name in (safe_name(a), safe_name(b)):
        assert name not in ("", ".", "..")
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert len(name) <= 70
    assert (safe_name(a) == safe_name(b)) == (a == b)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_a_key_does_not_depend_on_order(key: dict[str, object]) -> None:
    assert key_sha256(key) == key_sha256(dict(reversed(key.items())))
    assert key_sha256({**key, "new": 1}) != key_sha256({**key, "new": 2})
