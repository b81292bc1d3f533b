"""Checks of sheets, claims and pasted lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import results

from workbench.errors import FileFormatError, SheetError
from workbench.report.check import check_line, check_sheet
from workbench.report.numbers import ascii_only
from workbench.report.sheet import build_sheet, first_line, save_sheet, to_document

SHEET = build_sheet(results.ordinary(), hosts=())


def test_ordinary_sheet_is_complete_and_intact(tmp_path: Path) -> None:
    save_sheet(SHEET, tmp_path / "sheet.json")
    report = check_sheet(tmp_path / "sheet.json")
    assert report.complete
    assert report.hash_matches is True
    assert report.required > 60
    assert json.loads(json.dumps(report.to_json()))["missing"] == []


def edits() -> list[dict[str, Any]]:
    better = to_document(SHEET)
    better["runs"][3]["fields"]["accuracy_change_points"]["value"] = 0.1
    renamed = {**to_document(SHEET), "title": "all is well"}
    hidden = to_document(SHEET)
    hidden["runs"] = hidden["runs"][:-1]
    return [better, renamed, hidden]


@pytest.mark.parametrize("edited", edits())
def test_edited_sheet_is_found_out(edited: dict[str, Any]) -> None:
    report = check_sheet(edited)
    assert report.hash_matches is False
    assert not report.complete
    assert "DOES NOT MATCH" in str(report)


def test_missing_fields_are_named() -> None:
    report = check_sheet(to_document(build_sheet(results.all_null(), hosts=())))
    assert "Evaluation set" in report.missing
    assert "OpenVINO int8: Tool-chain" in report.missing
    assert len(report.missing) < report.required


CLAIM = """
[model]
name = "ResNet-50"
[task]
metric = "top-1"
[machine]
cpu = "X"
[[runs]]
label = "vendor"
throughput = 12000
versions = {sdk = "1.2"}
accuracy_change_points = {value = -0.1, interval = [-0.2, 0.0], n = 50000}
"""


def test_claim_names_what_is_not_disclosed(tmp_path: Path) -> None:
    path = tmp_path / "claim.toml"
    path.write_text(CLAIM, encoding="utf-8")
    report = check_sheet(path)
    assert report.kind == "claim"
    assert report.hash_matches is None
    assert "Evaluation set SHA-256 (evaluation.sha256)" in report.missing
    assert "vendor: Same numbers in the artifact (parity)" in report.missing
    for told in ("model.name", "task.metric", "machine.cpu", "(versions)", "(accuracy_change_points)"):
        assert not any(told in line for line in report.missing)
    assert report.figures_without_interval == ("vendor: Sustained throughput (throughput)",)


def test_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(SheetError, match=r"'calibration.methd'.*'calibration.method'"):
        check_sheet({"calibration": {"methd": "mse"}})


@pytest.mark.parametrize(("name", "text"), [("claim.toml", "= ="), ("sheet.json", "{"), ("sheet.json", '{"a": 1}')])
def test_damaged_file_gets_one_clear_line(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=name):
        check_sheet(tmp_path / name)


def test_absent_file() -> None:
    with pytest.raises(FileFormatError, match="cannot be read"):
        check_sheet(Path("there-is-none.toml"))


def test_own_line_is_verified() -> None:
    line = first_line(SHEET)
    for pasted in (line, ascii_only(line), line.replace(" ", "\n  "), line.replace("[sheet", "sheet")):
        assert check_line(pasted, SHEET).ok


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2.8×", "3.8×", "the words are not"),
        ("cannot tell", "ship", "the words are not"),
        (SHEET.sheet_sha256[:12], "0" * 12, "another sheet"),
        (f"[sheet {SHEET.sheet_sha256[:12]}]", "", "another sheet"),
    ],
)
def test_changed_line_is_found_out(old: str, new: str, words: str) -> None:
    report = check_line(first_line(SHEET).replace(old, new), SHEET)
    assert not report.ok
    assert words in str(report)


def test_edited_sheet_verifies_no_line() -> None:
    edited = SHEET.model_copy(update={"headline": "All ship."})
    report = check_line(first_line(edited), edited)
    assert not report.ok
    assert "edited" in str(report)
