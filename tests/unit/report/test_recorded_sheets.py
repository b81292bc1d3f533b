"""Sheets under resources/recorded: unchanged since they were written, without paths, hosts or users."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from workbench.report.sheet import load_sheet, sheet_hash

RECORDED = Path(__file__).resolve().parents[3] / "resources" / "recorded"
SHEETS = sorted(RECORDED.glob("*.json"))
PLACE = re.compile(r"(?:^|[\s\"'(=])(?:/(?:home|root|tmp|work|opt|usr|var|Users|mnt)/|[A-Za-z]:\\\\)")


def test_there_are_some_and_each_is_explained() -> None:
    told = (RECORDED / "README.md").read_text(encoding="utf-8")
    assert SHEETS
    assert [path.name for path in SHEETS if f"## {path.name}" not in told] == []


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_it_is_as_it_was_written(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert sheet_hash(document) == document["sheet_sha256"]
    assert load_sheet(path).runs
    document["title"] = f"{document['title']}!"
    assert sheet_hash(document) != document["sheet_sha256"]


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_it_names_no_place_on_a_machine(path: Path) -> None:
    assert PLACE.search(path.read_text(encoding="utf-8")) is None
    assert PLACE.search('"file": "/home/somebody/model.onnx"')
    assert PLACE.search("written to /tmp/x")
