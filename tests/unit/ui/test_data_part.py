"""Editor of one set of samples."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from workbench.ui.data_part import DataPart, found_line
from workbench.ui.window import Window

FOUND: dict[str, Any] = {
    "n": 3,
    "available": 5,
    "classes": [["a", 1], ["b", 2]],
    "duplicates": 1,
    "undecodable": [["x.png", "cut off"]],
    "nonfinite": 0,
}


@pytest.fixture
def part(window: Window, qtbot: QtBot) -> DataPart:
    made = DataPart(window.desk, "evaluation")
    qtbot.addWidget(made)
    window.desk.document.changed.connect(made.show_document)
    return made


def test_without_data_only_choosing_is_possible(part: DataPart) -> None:
    assert not part._limit.isEnabled()
    assert part._clear.isHidden()


def test_fields_write_and_defaults_leave_no_key(part: DataPart, window: Window, tmp_path: Path) -> None:
    part.take(tmp_path)
    part._limit.setValue(100)
    part._choose_labels(2)
    assert window.desk.document.value("data", "evaluation") == {
        "kind": "images",
        "path": str(tmp_path),
        "limit": 100,
        "labels": "",
    }
    part._limit.setValue(0)
    part._choose_labels(0)
    assert window.desk.document.value("data", "evaluation") == {"kind": "images", "path": str(tmp_path)}


def test_another_folder_keeps_limit_and_seed(part: DataPart, window: Window, tmp_path: Path) -> None:
    part.take(tmp_path)
    part._limit.setValue(7)
    part.take(Path("/data/a.npz"))
    assert window.desk.document.value("data", "evaluation") == {"kind": "arrays", "path": "/data/a.npz", "limit": 7}
    assert part._labels.itemText(0) == 'the array "labels"'


def test_findings_in_a_line(part: DataPart) -> None:
    text = "3 of 5 · 2 classes, 1 to 2 each · 1 twice or more · 1 cannot be decoded"
    assert found_line(FOUND) == text
    part.show_scan(FOUND)
    assert part._found.text() == text
    part.show_scan({"error": "The folder is empty."})
    assert part._problem.text() == "The folder is empty."
    assert part._found.isHidden()


def test_one_class_alone_is_doubted(part: DataPart, tmp_path: Path) -> None:
    part.take(tmp_path)
    part.show_scan({**FOUND, "classes": [["images", 3]]})
    assert part._problem.text().startswith("All samples are of one class")
    assert part._problem.property("role") == "warn"
    part._choose_labels(2)
    part.show_scan({**FOUND, "classes": None})
    assert part._problem.isHidden()


def test_unlabelled_is_said() -> None:
    assert "unlabelled" in found_line({**FOUND, "classes": None})
