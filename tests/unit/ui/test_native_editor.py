"""The editor of a native candidate: a field per declared option, only changes are told, state and remedy are shown."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from typing import Any

from helpers.words import words_of
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from workbench.ui.native_editor import NativeEditor
from workbench.ui.theme import Theme
from workbench.ui.window import Window

OPTIONS: dict[str, Any] = {
    "method": ["a", "b"],
    "deep": [False, True],
    "share": 99.999,
    "subset": 0,
    "skipped": [],
    "kind": "none",
}
STATE = {"ok": True, "reason": "", "remedy": "", "versions": {"t": "1"}}
TOOL = {"id": "tool", "title": "Tool", "options": OPTIONS, **STATE}
OTHER = {**TOOL, "id": "other", "title": "Other", "options": {"way": ["x", "y"]}}


@pytest.fixture
def editor(window: Window, qtbot: QtBot) -> NativeEditor:
    theme: Theme = window.desk.theme
    made = NativeEditor(theme)
    qtbot.addWidget(made)
    made.show_candidate([TOOL, OTHER], "tool", {})
    return made


def field(editor: NativeEditor, key: str) -> Any:
    return editor._fields[key]


def test_every_kind_of_option_has_its_field(editor: NativeEditor) -> None:
    kinds = (QComboBox, QComboBox, QDoubleSpinBox, QSpinBox, QLineEdit, QLineEdit)
    assert [type(field(editor, key)) for key in OPTIONS] == list(kinds)
    assert [field(editor, key).accessibleName() for key in ("method", "deep")] == [
        "Native tool-chain: method",
        "Native tool-chain: deep",
    ]
    assert editor.options() == {}


@pytest.mark.parametrize(
    ("key", "put", "found"),
    [
        ("method", "b", "b"),
        ("deep", "yes", True),
        ("share", 99.9, 99.9),
        ("subset", 5, 5),
        ("skipped", "a, b", ["a", "b"]),
    ],
)
def test_a_change_is_told_alone(editor: NativeEditor, qtbot: QtBot, key: str, put: Any, found: Any) -> None:
    part = field(editor, key)
    with qtbot.waitSignal(editor.edited) as told:
        if isinstance(part, QComboBox):
            part.setCurrentIndex(part.findText(put))
            part.activated.emit(part.currentIndex())
        elif isinstance(part, QLineEdit):
            part.setText(put)
            part.editingFinished.emit()
        else:
            part.setValue(put)
    assert told.args == [{key: found}]


def test_given_options_are_shown_and_not_told_again(editor: NativeEditor, qtbot: QtBot) -> None:
    given = {"method": "b", "deep": True, "share": 50.5, "subset": 3, "skipped": ["n1", "n2"], "kind": "deep"}
    with qtbot.assertNotEmitted(editor.edited):
        editor.show_candidate([TOOL, OTHER], "tool", given)
    assert editor.options() == given


def test_another_tool_chain_has_other_fields(editor: NativeEditor, qtbot: QtBot) -> None:
    with qtbot.waitSignal(editor.tool_chosen) as told:
        editor._which.setCurrentIndex(1)
        editor._which.activated.emit(1)
    assert told.args == ["other"]
    editor.show_candidate([TOOL, OTHER], "other", {"way": "y"})
    assert list(editor._fields) == ["way"]
    assert editor.options() == {"way": "y"}


def test_one_that_cannot_be_used_says_why_and_how(editor: NativeEditor) -> None:
    missing = {**TOOL, "ok": False, "reason": "it is not installed", "remedy": "pip install tool"}
    editor.show_candidate([missing], "tool", {})
    words = words_of(editor)
    assert "it is not installed" in words
    assert "pip install tool" in words


def test_one_that_is_not_here_at_all_keeps_its_id(editor: NativeEditor) -> None:
    editor.show_candidate([TOOL], "gone", {"x": 1})
    assert editor._which.currentData() == "gone"
    assert "There is no tool-chain 'gone' here." in words_of(editor)
    assert editor.options() == {}
