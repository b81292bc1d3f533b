"""A stage is kept only when it was finished with the same key and its files are whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FileFormatError, OutputError, StudyError
from workbench.execution.store import Store, key_sha256, require_study_folder, safe_name

KEY = {"model": "abc", "threads": 1}


def _finished(root: Path) -> tuple[Store, Path]:
    store = Store(root)
    store.open()
    folder = store.begin(store.folder("plans", "S1"))
    (folder / "outputs").mkdir()
    (folder / "outputs" / "0.npy").write_bytes(b"12345")
    (folder / "worker.log").write_text("noise")
    store.finish(folder, KEY, {"n": 3})
    return store, folder


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
