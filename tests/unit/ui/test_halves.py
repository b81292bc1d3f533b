"""Two halves: side by side where there is room, below each other where not."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from workbench.ui.halves import Halves
from workbench.ui.theme import Theme


def test_halves_go_below_each_other_when_narrow(qtbot: QtBot, theme: Theme) -> None:
    left, right = QLabel("l"), QLabel("r")
    halves = Halves(left, right)
    qtbot.addWidget(halves)
    halves.resize(1200, 300)
    halves.show()
    assert left.y() == right.y()
    halves.resize(700, 300)
    qtbot.waitUntil(lambda: right.y() > left.y(), timeout=20_000)


def test_halves_ask_for_no_more_room_than_the_wider_one(qtbot: QtBot, theme: Theme) -> None:
    left, right = QLabel(), QLabel()
    left.setMinimumWidth(390)
    right.setMinimumWidth(400)
    halves = Halves(left, right, narrow_px=820)
    qtbot.addWidget(halves)
    assert halves.minimumSizeHint().width() == 400
