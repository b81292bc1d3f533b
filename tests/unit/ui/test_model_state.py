"""The state of a recurrent model."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from workbench.ui.model_state import ModelState, pairs_of, text_of
from workbench.ui.theme import Theme

NAMES = st.text(st.characters(whitelist_categories=("L", "N"), whitelist_characters="_./:"), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, NAMES, max_size=4))
def test_text_and_pairs_are_the_same(state: dict[str, str]) -> None:
    assert pairs_of(text_of(state)) == state


@pytest.mark.parametrize("text", ["h", "h =", "= h", "a = b, c"])
def test_half_a_pair_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a pair"):
        pairs_of(text)


@pytest.fixture
def editor(theme: Theme, qtbot: QtBot) -> ModelState:
    made = ModelState(" of x")
    qtbot.addWidget(made)
    made.show_state({})
    return made


def test_it_is_folded_until_asked_for_or_there_is_a_state(editor: ModelState) -> None:
    assert editor.isHidden()
    editor.toggle.click()
    assert not editor.isHidden()
    assert editor.toggle.isHidden()
    other = ModelState()
    other.show_state({"h": "h_out"})
    assert (other.isHidden(), other._field.text()) == (False, "h = h_out")


def test_what_is_typed_is_told_and_half_a_pair_is_marked(editor: ModelState) -> None:
    told: list[object] = []
    editor.edited.connect(told.append)
    for text in ("h_in=h_out,", "h_in", ""):
        editor._field.setText(text)
        editor._field.editingFinished.emit()
        assert editor._problem.isHidden() == (text != "h_in")
    assert told == [{"h_in": "h_out"}, None]
    editor._field.setText("h_in")
    editor._field.editingFinished.emit()
    editor.show_state({"a": "b"})
    assert (editor._field.text(), editor._problem.isHidden()) == ("a = b", True)
