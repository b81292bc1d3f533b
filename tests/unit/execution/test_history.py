"""The machine-wide history: what was added comes back, searched, newest first; damage is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from workbench.errors import FileFormatError, OutputError
from workbench.execution.history import Entry, History, history_path


def _entry(path: Path, name: str = "digits", opened: str = "2026-11-20T10:00:00Z", verdict: str = "ship") -> Entry:
    return Entry(path, name, "digits.onnx", "2026-11-20T09:00:00Z", opened, verdict)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "place" / "history.sqlite")


def test_a_fresh_history_is_empty_and_makes_no_file(history: History) -> None:
    assert history.entries() == []
    assert not history.path.exists()


def test_last_opened_comes_first_and_a_folder_appears_once(history: History, tmp_path: Path) -> None:
    history.add(_entry(tmp_path / "a", "old"))
    history.add(_entry(tmp_path / "b", opened="2026-11-20T11:00:00Z"))
    history.add(_entry(tmp_path / "a", "new", "2026-11-20T12:00:00Z"))
    assert [(entry.path, entry.name) for entry in history.entries()] == [
        (tmp_path / "a", "new"),
        (tmp_path / "b", "digits"),
    ]


def test_what_was_added_comes_back_whole(history: History, tmp_path: Path) -> None:
    entry = _entry(tmp_path / "a", "Größe · 120", verdict="OpenVINO: cannot tell")
    history.add(entry)
    assert history.entries() == [entry]


@pytest.mark.parametrize(
    ("search", "found"),
    [("", 2), ("MOBILE", 1), ("cannot mobile", 1), ("mobile resnet", 0), ("%", 0), ("_", 0), ("onnx", 2)],
)
def test_search_wants_every_word_and_takes_signs_as_they_are(
    history: History, tmp_path: Path, search: str, found: int
) -> None:
    home = Path("/studies")
    history.add(_entry(home / "one", "mobilenet", verdict="cannot tell"))
    history.add(_entry(home / "two", "resnet"))
    assert len(history.entries(search)) == found


def test_forgetting_leaves_the_folder(history: History, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    history.add(_entry(folder))
    history.forget(folder)
    assert history.entries() == []
    assert folder.is_dir()


def test_a_study_whose_result_is_gone_says_so(history: History, tmp_path: Path) -> None:
    assert not _entry(tmp_path).exists
    (tmp_path / "result.json").write_text("{}")
    assert _entry(tmp_path).exists


def test_the_file_is_in_write_ahead_mode(history: History, tmp_path: Path) -> None:
    history.add(_entry(tmp_path))
    with closing(sqlite3.connect(history.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_damage_is_named_with_a_way_out(history: History) -> None:
    history.path.parent.mkdir()
    history.path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(FileFormatError, match=r"damaged.*Delete history\.sqlite"):
        history.entries()


def test_a_newer_file_is_refused(history: History, tmp_path: Path) -> None:
    history.add(_entry(tmp_path))
    with closing(sqlite3.connect(history.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(FileFormatError, match="newer program"):
        history.entries()


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be kept"):
        History(tmp_path / "file" / "history.sqlite").add(_entry(tmp_path))


def test_the_place_follows_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert history_path().name == "history.sqlite"
    assert history_path().parent.name == "int8-workbench"
