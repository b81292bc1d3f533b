"""Fields of one row and the document agree."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.runtime_row import RuntimeRow
from workbench.ui.window import Window


@pytest.fixture
def row(window: Window, qtbot: QtBot) -> RuntimeRow:
    window.desk.document.set("rows", [{"id": "openvino"}, {"id": "ort_cpu", "name": "ORT", "threads": 2}], "runtimes")
    made = RuntimeRow(window.desk, 1, "ONNX Runtime CPU")
    qtbot.addWidget(made)
    return made


def test_it_shows_its_row_and_changes_nothing_by_itself(row: RuntimeRow, window: Window) -> None:
    assert (row._name.text(), row._threads.value(), row._batch.value()) == ("ORT", 2, 1)
    assert window.desk.document.undo_stack.count() == 1


def test_changes_go_into_its_row(row: RuntimeRow, window: Window) -> None:
    row._threads.setValue(4)
    row._precisions["fp16"].setChecked(True)
    row._required.setChecked(False)
    row._options.setText('{"mode": 1}')
    row._options.editingFinished.emit()
    assert window.desk.document.value("runtimes") == [
        {"id": "openvino"},
        {
            "id": "ort_cpu",
            "name": "ORT",
            "threads": 4,
            "precisions": ["fp32", "fp16", "int8"],
            "required": False,
            "options": {"mode": 1},
        },
    ]


def test_defaults_leave_no_key(row: RuntimeRow, window: Window) -> None:
    row._required.setChecked(False)
    row._required.setChecked(True)
    assert "required" not in window.desk.document.value("runtimes", 1)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_options_that_are_no_object_are_marked(row: RuntimeRow, window: Window, text: str) -> None:
    row._options.setText(text)
    row._options.editingFinished.emit()
    assert not row._problem.isHidden()
    assert "options" not in window.desk.document.value("runtimes", 1)


def test_remove_takes_this_row_only(row: RuntimeRow, window: Window) -> None:
    row._remove()
    assert window.desk.document.value("runtimes") == [{"id": "openvino"}]
