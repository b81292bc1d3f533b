"""Gates: one field per gate, words for all of them."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.measure.gates import GATES
from workbench.ui.gate_editor import TITLES, GateEditor
from workbench.ui.window import Window


def test_every_gate_has_words() -> None:
    assert set(TITLES) == set(GATES)


def test_adding_changing_and_removing_a_gate(window: Window, qtbot: QtBot) -> None:
    editor, document = GateEditor(window.desk), window.desk.document
    qtbot.addWidget(editor)
    document.changed.connect(editor.show_document)
    editor._add(editor._more.findData("max_accuracy_drop_points"))
    assert document.value("gates") == {"max_accuracy_drop_points": 1.0}
    assert editor._limits["max_accuracy_drop_points"].text() == "1 point"
    editor._limits["max_accuracy_drop_points"].setValue(0.5)
    assert editor._limits["max_accuracy_drop_points"].text() == "0.5 points"
    assert document.value("gates", "max_accuracy_drop_points") == 0.5
    assert editor._more.findData("max_accuracy_drop_points") == -1
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert not editor._limits


def test_limits_stay_in_their_range(window: Window, qtbot: QtBot) -> None:
    editor = GateEditor(window.desk)
    qtbot.addWidget(editor)
    window.desk.document.changed.connect(editor.show_document)
    editor._add(editor._more.findData("min_top1_agreement"))
    field = editor._limits["min_top1_agreement"]
    assert field.text() == "99 %"
    field.setValue(99.5)
    assert window.desk.document.value("gates", "min_top1_agreement") == 0.995
    assert field.text() == "99.5 %"
    field.setValue(700.0)
    assert window.desk.document.value("gates", "min_top1_agreement") == 1.0
