"""Bars per class, however many."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pytestqt.qtbot import QtBot

from workbench.ui.class_balance import ClassBalance
from workbench.ui.theme import Theme


def test_the_class_under_the_pointer_is_named(theme: Theme, qtbot: QtBot) -> None:
    bars = ClassBalance(theme, "balance")
    qtbot.addWidget(bars)
    bars.resize(100, 50)
    bars.set_classes([["cat", 1200], ["dog", 3]])
    assert bars.text_at(10) == "cat: 1,200"
    assert bars.text_at(90) == "dog: 3"
    assert bars.text_at(500) == ""


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_any_number_of_classes_is_drawn(theme: Theme, qtbot: QtBot, count: int) -> None:
    bars = ClassBalance(theme, "balance")
    qtbot.addWidget(bars)
    bars.set_classes([[str(number), number + 1] for number in range(count)])
    assert bars.isHidden() == (count == 0)
    bars.resize(300, 56)
    image = bars.grab().toImage()
    right = image.pixelColor(image.width() - 3, image.height() // 2).name().upper()
    assert (right == theme.tokens.accent) == (count > 0)
