"""export on a study folder made without running one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.small_studies import complaint, run_command
from helpers.study_folder import make_study_folder


def test_rows_are_told_with_their_folder_or_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_study_folder(tmp_path / "study")
    assert run_command(["export", tmp_path / "study", "-o", tmp_path / "out"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ONNX Runtime: {tmp_path / 'out' / 'ONNX-Runtime'}"
    assert lines[2].startswith("  OpenVINO: cannot tell. ")
    assert lines[4] == "Core ML: not exported, Core ML needs macOS; the package is built here"


def test_json_lists_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_study_folder(tmp_path / "study")
    arguments = ["export", tmp_path / "study", "-o", tmp_path / "out", "--row", "OpenVINO", "--json"]
    assert run_command(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert all((Path(row["folder"]) / name).is_file() for name in row["files"])


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["export", tmp_path, "-o", tmp_path / "out"]) == 1
    assert "holds no result.json" in complaint(capsys.readouterr().err)
    make_study_folder(tmp_path / "study")
    assert run_command(["export", tmp_path / "study", "-o", tmp_path / "out", "--row", "TVM"]) == 1
    assert "no row 'TVM'" in complaint(capsys.readouterr().err)


def test_nothing_to_export_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_study_folder(tmp_path / "study")
    arguments = ["export", tmp_path / "study", "-o", tmp_path / "out", "--row", "Core ML"]
    assert run_command(arguments) == 4
    assert "Core ML: not exported" in capsys.readouterr().out
    assert run_command([*arguments, "--json"]) == 4
