"""Preprocessing fields and the document agree."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from typing import Any

from pytestqt.qtbot import QtBot

from workbench.ui.preprocess_editor import NORMALIZATIONS, PreprocessEditor, figures, fit_of
from workbench.ui.window import Window

TABLES: list[dict[str, Any]] = [
    {"resize": [48, 32], "color": "GRAY", "layout": "NCHW", "mean": [127.5], "std": [127.5]},
    {"resize_short": 256, "center_crop": 224, "color": "BGR", "layout": "NHWC", "mean": [1.0, 2.0, 3.0], "std": [1.0]},
    {"letterbox": {"size": 640, "pad": 0}, "color": "RGB", "layout": "NCHW", "mean": [0.0], "std": [255.0]},
    {"color": "RGB", "layout": "NCHW", "mean": [0.0], "std": [1.0]},
    {"resize_short": 256, "color": "RGB", "layout": "NCHW", "mean": [0.0], "std": [1.0]},
    {"center_crop": 20, "color": "RGB", "layout": "NCHW", "mean": [0.0], "std": [1.0]},
]


@pytest.fixture
def editor(window: Window, qtbot: QtBot) -> PreprocessEditor:
    made = PreprocessEditor(window.desk)
    qtbot.addWidget(made)
    window.desk.document.changed.connect(made.show_document)
    return made


@pytest.mark.parametrize("table", TABLES, ids=["exact", "crop", "letterbox", "none", "short side alone", "crop alone"])
def test_what_is_shown_is_what_is_written(editor: PreprocessEditor, window: Window, table: dict[str, Any]) -> None:
    window.desk.document.set("preprocess", table, "preprocess")
    assert editor.table() == table


def test_a_change_elsewhere_invents_no_side(editor: PreprocessEditor, window: Window) -> None:
    window.desk.document.set("preprocess", TABLES[4], "preprocess")
    editor._layout.setCurrentText("NHWC")
    editor._layout.activated.emit(1)
    assert window.desk.document.value("preprocess") == {**TABLES[4], "layout": "NHWC"}


def test_a_preset_fills_mean_and_std(editor: PreprocessEditor, window: Window) -> None:
    editor._normalization.setCurrentText("ImageNet (RGB)")
    editor._take_normalization()
    assert window.desk.document.value("preprocess", "mean") == NORMALIZATIONS["ImageNet (RGB)"][0]


def test_a_list_being_typed_is_marked_not_lost(editor: PreprocessEditor, window: Window) -> None:
    editor._mean.setText("1, x")
    editor._write()
    assert "not a list of numbers" in editor._problem.text()
    assert window.desk.document.value("preprocess") is None
    editor._mean.setText("1, 2,")
    editor._write()
    assert window.desk.document.value("preprocess", "mean") == [1.0, 2.0]
    assert editor._mean.text() == "1, 2,"
    assert editor._problem.isHidden()


def test_undo_shows_the_former_values(editor: PreprocessEditor, window: Window) -> None:
    window.desk.document.set("preprocess", TABLES[0], "preprocess")
    window.desk.document.set("preprocess", TABLES[1], "preprocess")
    window.desk.document.undo_stack.undo()
    assert editor.table() == TABLES[0]


def test_the_task_is_written_too(editor: PreprocessEditor, window: Window) -> None:
    editor._kind.setCurrentText("classification")
    editor._kind.activated.emit(0)
    editor._offset.setValue(1)
    assert window.desk.document.value("task") == {"kind": "classification", "class_offset": 1}


def test_helpers() -> None:
    assert figures("") == [0.0]
    assert figures("1;2") == [1.0, 2.0]
    assert [fit_of(table) for table in TABLES] == [2, 1, 3, 0, 1, 1]
