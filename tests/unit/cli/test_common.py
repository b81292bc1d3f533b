"""Printing, stopping and refusing bad paths, as every command does it."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path

import pytest

from workbench.cli.common import (
    STOP_SIGNALS,
    aligned,
    can_show_unicode,
    check_file_target,
    check_folder_target,
    listed,
    print_json,
    print_text,
    stop_on_signal,
    study_folder,
    terminal_width,
)
from workbench.errors import OutputError, StudyError


def test_json_refuses_what_is_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"share": 0.5, "name": "größe"})
    assert '"größe"' in capsys.readouterr().out
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"share": float("nan")})


def test_text_survives_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert not can_show_unicode()
    print_text("2.5× faster")
    stream.flush()
    stream.seek(0)
    assert stream.read() == "2.5? faster\n"


def test_width_is_wide_where_the_output_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert terminal_width() == 160


def test_columns_are_aligned_and_the_last_is_free() -> None:
    assert aligned([["a", "bb", "x"], ["aaa", "b", "a long last one"]]) == "a    bb  x\naaa  b   a long last one"


def test_a_signal_sets_the_event_and_a_second_one_ends() -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with stop_on_signal() as cancel:
        assert not cancel.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert cancel.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_a_file_target_makes_its_folder(tmp_path: Path) -> None:
    check_file_target(tmp_path / "new" / "deep" / "plan.json", ".json")
    assert list((tmp_path / "new" / "deep").iterdir()) == []


def test_a_file_target_refuses_a_folder_and_another_ending(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"):
        check_file_target(tmp_path)
    with pytest.raises(OutputError, match=r"does not end in \.json"):
        check_file_target(tmp_path / "plan.npz", ".json")


def test_a_folder_target_names_the_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"file/a/b cannot be written to: .*/file is a file\. Choose"):
        check_folder_target(tmp_path / "file" / "a" / "b")


def test_a_study_folder_is_told_from_a_file_and_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="does not exist"):
        study_folder(tmp_path / "no")
    (tmp_path / "result.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StudyError, match="is a file"):
        study_folder(tmp_path / "result.json")
    assert study_folder(tmp_path) == tmp_path


def test_a_line_names_three_and_counts_the_rest() -> None:
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
