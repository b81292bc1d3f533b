"""Which sets lie at a path, and which are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.ui.data_sets import missing_set, needs_calibration, set_at, sets_at

EVALUATION = {"evaluation": {"kind": "arrays", "path": "x.npz"}}


def test_a_plain_folder_is_the_set_that_was_wanted(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    assert sets_at(tmp_path, "evaluation") == {"evaluation": {"kind": "images", "path": str(tmp_path)}}
    assert sets_at(tmp_path, "calibration") == {"calibration": {"kind": "images", "path": str(tmp_path)}}


@pytest.mark.parametrize("name", ["evaluation", "val", "test"])
def test_a_folder_with_both_sets_gives_both(tmp_path: Path, name: str) -> None:
    (tmp_path / "calibration").mkdir()
    (tmp_path / name).mkdir()
    found = sets_at(tmp_path, "evaluation")
    assert {part: Path(table["path"]).name for part, table in found.items()} == {
        "evaluation": name,
        "calibration": "calibration",
    }


def test_one_named_folder_alone_may_be_a_class(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    assert sets_at(tmp_path, "evaluation")["evaluation"]["path"] == str(tmp_path)


def test_lists_of_files_become_sets_with_labels(tmp_path: Path) -> None:
    for part in ("calibration", "evaluation"):
        (tmp_path / f"{part}.csv").write_text("file,label\na.png,1\n")
    found = sets_at(tmp_path, "evaluation")
    assert found["calibration"]["labels"] == str(tmp_path / "calibration.csv")
    assert set_at(tmp_path, "evaluation")["labels"] == str(tmp_path / "evaluation.csv")


def test_a_csv_of_something_else_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "evaluation.csv").write_text("epoch,loss\n1,2\n")
    (tmp_path / "calibration.csv").write_bytes(b"\xff\xfe\x00")
    assert sets_at(tmp_path, "evaluation") == {"evaluation": {"kind": "images", "path": str(tmp_path)}}


def test_an_array_file_goes_where_its_name_says(tmp_path: Path) -> None:
    calibration = tmp_path / "calibration.npz"
    assert list(sets_at(calibration, "evaluation")) == ["calibration"]
    assert list(sets_at(tmp_path / "other.npz", "evaluation")) == ["evaluation"]
    assert set_at(calibration, "evaluation") == {"kind": "arrays", "path": str(calibration)}


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "evaluation"),
        ({"data": EVALUATION}, "calibration"),
        ({"data": EVALUATION, "scheme": {"name": "S3"}}, None),
        ({"data": EVALUATION, "scheme": {"name": "fp32"}}, None),
        ({"data": {**EVALUATION, "calibration": {"path": "y"}}}, None),
        ({"data": EVALUATION, "candidates": [{"name": "a", "plan": "plan.json"}]}, None),
        ({"data": EVALUATION, "candidates": [{"name": "a", "scheme": {"name": "S2"}}]}, "calibration"),
    ],
)
def test_the_missing_set_is_named(values: dict[str, Any], missing: str | None) -> None:
    assert missing_set(values) == missing


def test_a_native_tool_chain_needs_samples_too() -> None:
    assert needs_calibration({"candidates": [{"name": "n", "native": "x", "scheme": {"name": "fp32"}}]})
