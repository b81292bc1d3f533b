"""table: rows of several studies in one CSV, printed or written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from helpers.results import ordinary
from helpers.small_studies import complaint, run_command


@pytest.fixture
def studies(tmp_path: Path) -> list[Path]:
    """Two study folders of different names."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        result = ordinary().model_copy(update={"study_name": folder.name})
        (folder / "result.json").write_text(result.model_dump_json(), encoding="utf-8")
    return folders


def test_every_run_of_every_study_is_a_row(studies: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["table", *studies]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 2 * len(ordinary().runs)
    assert {row["study"] for row in rows} == {"first", "second"}
    known = next(run for run in ordinary().runs if run.precision == "int8" and run.status == "ok")
    found = next(row for row in rows if (row["label"], row["precision"]) == (known.label, "int8"))
    assert float(found["sqnr_db"]) == known.sqnr_db


def test_gates_go_to_a_file(studies: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "gates.csv"
    assert run_command(["table", studies[0], "--gates", "-o", target]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"))))
    assert [row["verdict"] for row in rows] == [verdict.verdict for verdict in ordinary().verdicts]


def test_what_is_no_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["table", tmp_path / "nowhere"]) == 1
    assert "does not exist" in complaint(capsys.readouterr().err)
    assert run_command(["table", tmp_path, "-o", tmp_path / "runs.csv"]) == 1
    assert "holds no result.json" in complaint(capsys.readouterr().err)
    assert not (tmp_path / "runs.csv").exists()
