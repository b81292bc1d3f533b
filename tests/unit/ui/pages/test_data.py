"""The Data page: scanned in another process, findings and sample shown."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

import tomllib
from pathlib import Path

from PIL import Image
from pytestqt.qtbot import QtBot

from workbench.ui.pages.data import DataPage, fault_of, lost_rows, scan_study
from workbench.ui.window import Window


def test_a_folder_is_scanned_and_a_sample_shown(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "cat" / "a.png")
    (tmp_path / "cat" / "broken.png").write_bytes(b"no picture")
    window.open_path(tmp_path)
    page = window.page("data")
    assert isinstance(page, DataPage)
    qtbot.waitUntil(lambda: not page._lost_card.isHidden(), timeout=30_000)
    assert page._parts["evaluation"]._found.text() == "1 of 2 · 1 class, 1 each · 1 cannot be decoded"
    assert page._sample._name.text() == "cat/a.png"
    assert page._lost.view.rows_model.rowCount() == 1
    window.desk.document.undo_stack.undo()
    qtbot.waitUntil(lambda: page._sample._name.text() == "No image to show yet", timeout=20_000)


def test_overlap_is_said(window: Window) -> None:
    page = window.page("data")
    assert isinstance(page, DataPage)
    page._show_overlap(0)
    assert page._overlap.text() == "No sample is in both sets."
    page._show_overlap(1200)
    assert page._overlap.text().startswith("1,200 evaluation samples")
    assert page._overlap.property("role") == "warn"


def test_the_scan_gets_the_data_tables_alone() -> None:
    found = tomllib.loads(scan_study({"calibration": {"kind": "images", "path": "/c"}}))
    assert found["data"]["evaluation"] == found["data"]["calibration"]


def test_lost_files_of_both_sets_are_rows() -> None:
    parts = {"evaluation": {"undecodable": [["a.png", "cut off"]]}, "calibration": None}
    assert [cell.text for cell in lost_rows(parts)[0].cells] == ["Evaluation set", "a.png", "cut off"]


def test_a_set_that_cannot_be_read_is_named() -> None:
    assert fault_of({"evaluation": {"n": 1}, "calibration": {"error": "no image lies in c"}}) == (
        "Calibration set: no image lies in c"
    )
    assert fault_of({"evaluation": {"n": 1}, "calibration": None}) == ""
