"""sheet, check and compare on sheets made from recorded results, no runtime involved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.results import ordinary, without_gates
from helpers.small_studies import complaint, run_command

from workbench.report.sheet import build_sheet, save_sheet


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study folder with result.json and sheet.json."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "result.json").write_text(ordinary().model_dump_json(), encoding="utf-8")
    save_sheet(build_sheet(ordinary()), folder / "sheet.json")
    return folder


def test_one_format_goes_to_the_named_file_several_to_a_folder(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["sheet", study, "-f", "md", "-o", tmp_path / "page.md"]) == 0
    assert run_command(["sheet", study / "sheet.json", "-f", "md, csv,md", "-o", tmp_path / "both"]) == 0
    assert (tmp_path / "page.md").read_bytes() == (tmp_path / "both" / "sheet.md").read_bytes()
    told = capsys.readouterr().out.splitlines()
    assert told == [
        str(tmp_path / "page.md"),
        str(tmp_path / "both" / "sheet.md"),
        str(tmp_path / "both" / "sheet.csv"),
    ]


@pytest.mark.parametrize(
    ("formats", "words"), [("docx", "'docx'"), ("md,xls", "'xls'"), (",", "No sheet format"), ("pdf", "one html file")]
)
def test_formats_that_cannot_be_written(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], formats: str, words: str
) -> None:
    assert run_command(["sheet", study, "-f", formats, "-o", tmp_path / "out.html"]) == 1
    assert words in complaint(capsys.readouterr().err)
    assert not (tmp_path / "out.html").exists()


def test_a_file_of_no_study_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["sheet", tmp_path / "no", "-o", tmp_path / "x"], ["check", tmp_path / "no"]):
        assert run_command(command) == 1
        assert "does not exist" in complaint(capsys.readouterr().err)
    assert run_command(["check", tmp_path]) == 1
    assert "holds no result.json" in complaint(capsys.readouterr().err)


def test_check_takes_a_study_folder_too(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [run_command(["check", path]) for path in (study, study / "sheet.json")]
    texts = capsys.readouterr().out.split("sheet.json: ")[1:]
    assert codes[0] == codes[1]
    assert texts[0] == texts[1]


def test_an_edited_sheet_is_found_and_not_passed_on(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = json.loads((study / "sheet.json").read_text(encoding="utf-8"))
    sheet["headline"] = sheet["headline"].replace("2,000", "9,000")
    (tmp_path / "edited.json").write_text(json.dumps(sheet), encoding="utf-8")
    assert run_command(["check", tmp_path / "edited.json"]) == 3
    assert "DOES NOT MATCH" in capsys.readouterr().out
    for command in (["sheet", "-f", "md", "-o", tmp_path / "x"], ["compare", study]):
        assert run_command([command[0], tmp_path / "edited.json", *command[1:]]) == 1
        assert "was edited after it was written" in complaint(capsys.readouterr().err)


def test_an_empty_line_is_checked_as_a_line(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["check", study, "--line", ""]) == 3
    assert "carries no hash" in capsys.readouterr().out


def test_compare_prints_text_or_json(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_sheet(build_sheet(without_gates()), tmp_path / "other.json")
    assert run_command(["compare", study, tmp_path / "other.json"]) == 0
    assert "what differs" in capsys.readouterr().out
    assert run_command(["compare", study / "sheet.json", tmp_path / "other.json", "--json"]) == 0
    assert "runs" in json.loads(capsys.readouterr().out)


def test_pages_are_drawn_beside_the_formats(study: Path, tmp_path: Path) -> None:
    assert run_command(["sheet", study, "-f", "json", "-o", tmp_path / "out", "--pages", tmp_path / "pages"]) == 0
    names = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert names[:2] == ["page-1.png", "page-2.png"]
