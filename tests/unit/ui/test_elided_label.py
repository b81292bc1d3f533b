"""Paths on one line."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from workbench.ui.elided_label import ElidedLabel
from workbench.ui.theme import Theme

LONG = "/data/" + "a_model_name_from_an_export_script_" * 4 + "final.onnx"


def test_a_long_path_loses_its_middle_and_keeps_it_in_the_tool_tip(theme: Theme, qtbot: QtBot) -> None:
    made = ElidedLabel(LONG)
    qtbot.addWidget(made)
    made.resize(300, 20)
    made.show()
    shown = QLabel.text(made)
    assert shown.startswith("/data/")
    assert shown.endswith(".onnx")
    assert made.fontMetrics().horizontalAdvance(shown) <= 300
    assert (made.text(), made.toolTip(), made.accessibleName()) == (LONG, LONG, LONG)
    made.resize(2000, 20)
    assert QLabel.text(made) == LONG
    assert made.toolTip() == ""


def test_it_never_asks_for_the_width_of_its_path(theme: Theme, qtbot: QtBot) -> None:
    made = ElidedLabel(LONG)
    qtbot.addWidget(made)
    assert made.minimumSizeHint().width() < 100
    assert made.sizeHint().width() > 800
