"""Scheme fields and tables agree."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from typing import Any

from pytestqt.qtbot import QtBot

from workbench.quant.scheme import METHODS, SCALE_ROUNDINGS, SCHEME_TITLES, WEIGHT_ROUNDINGS
from workbench.ui.scheme_editor import METHOD_WORDS, ROUNDING_WORDS, SCALE_WORDS, WORDS, SchemeEditor, names_of
from workbench.ui.theme import Theme


@pytest.fixture
def editor(theme: Theme, qtbot: QtBot) -> SchemeEditor:
    made = SchemeEditor("Scheme")
    qtbot.addWidget(made)
    return made


def test_every_scheme_and_method_has_words() -> None:
    assert set(WORDS) == set(SCHEME_TITLES)
    assert set(METHOD_WORDS) == set(METHODS)
    assert set(ROUNDING_WORDS) == set(WEIGHT_ROUNDINGS)
    assert set(SCALE_WORDS) == set(SCALE_ROUNDINGS)


@pytest.mark.parametrize(
    "table",
    [
        {"name": "S2", "method": "minmax"},
        {"name": "S1", "method": "percentile", "percentile": 99.9, "quantize_logits": False},
        {"name": "S1", "method": "mse", "bias_correction": False, "equalize_activations": True, "smoothing": 0.5},
        {"name": "S2", "method": "mse", "weight_rounding": "gptq", "scale_rounding": "power_of_two"},
        {"name": "S3", "method": "mse", "exclude_op_types": ["Softmax"], "exclude_nodes": ["a", "b"]},
    ],
)
def test_what_is_shown_is_what_is_written(editor: SchemeEditor, table: dict[str, Any]) -> None:
    editor.show_table(table)
    assert editor.table() == table


def test_showing_is_no_edit(editor: SchemeEditor, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(editor.edited):
        editor.show_table({"name": "S2", "method": "entropy", "exclude_nodes": ["x"]})


def test_fields_without_effect_are_hidden(editor: SchemeEditor) -> None:
    editor.show_table({"name": "fp32"})
    assert editor._method.isHidden()
    assert editor._nodes.isHidden()
    assert editor._biases.isHidden()
    assert editor._scales.isHidden()
    editor.show_table({"name": "S3"})
    assert editor._biases.isHidden()
    assert not editor._scales.isHidden()
    editor.show_table({"name": "S1", "method": "percentile"})
    assert not editor._percentile.isHidden()


def test_a_node_is_left_float_once(editor: SchemeEditor, qtbot: QtBot) -> None:
    editor.show_table({"name": "S1"})
    with qtbot.waitSignal(editor.edited) as told:
        editor.exclude_node("conv1")
    assert told.args[0]["exclude_nodes"] == ["conv1"]
    with qtbot.assertNotEmitted(editor.edited):
        editor.exclude_node("conv1")
    assert names_of(" a , ,b") == ["a", "b"]


def test_a_knob_is_written_when_it_is_turned(editor: SchemeEditor, qtbot: QtBot) -> None:
    editor.show_table({"name": "S1"})
    with qtbot.waitSignal(editor.edited) as told:
        editor._biases.setChecked(False)
    assert told.args[0]["bias_correction"] is False
    with qtbot.waitSignal(editor.edited) as told:
        editor._biases.setChecked(True)
    assert "bias_correction" not in told.args[0]
