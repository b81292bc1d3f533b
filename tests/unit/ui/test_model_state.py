"""The state of a recurrent model."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from workbench.ui.model_state import ModelState, pairs_of, text_of
from workbench.ui.window import Window

NAMES = st.text(st.characters(whitelist_categories=("L", "N"), whitelist_characters="_./:"), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, NAMES, max_size=4))
def test_text_and_pairs_are_the_same(state: dict[str, str]) -> None:
    assert pairs_of(text_of(state)) == state


@pytest.mark.parametrize("text", ["h", "h =", "= h", "a = b, c"])
def test_half_a_pair_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a pair"):
        pairs_of(text)


@pytest.fixture
def editor(window: Window, qtbot: QtBot) -> ModelState:
    window.desk.document.set("model", {"path": "net.onnx"}, "model")
    made = ModelState(window.desk)
    qtbot.addWidget(made)
    window.desk.document.changed.connect(made.show_document)
    return made


def test_it_is_folded_until_asked_for(editor: ModelState) -> None:
    assert editor._line.isHidden()
    editor._toggle.click()
    assert not editor._line.isHidden()
    assert editor._toggle.isHidden()


def test_it_goes_into_the_document_and_comes_back(editor: ModelState, window: Window) -> None:
    editor._field.setText("h_in=h_out,")
    editor._field.editingFinished.emit()
    assert window.desk.document.value("model") == {"path": "net.onnx", "state": {"h_in": "h_out"}}
    assert editor._field.text() == "h_in = h_out"
    editor._field.setText("h_in")
    editor._field.editingFinished.emit()
    assert "not a pair" in editor._problem.text()
    assert window.desk.document.value("model", "state") == {"h_in": "h_out"}
    window.desk.document.undo_stack.undo()
    assert window.desk.document.value("model") == {"path": "net.onnx"}
    assert editor._field.text() == ""
