"""Pieces of work: in order, one per turn, dropped when others come."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from workbench.ui.turns import Turns


def test_other_events_come_between_two_pieces(qtbot: QtBot) -> None:
    owner = QObject()
    turns, done = Turns(owner), list[str]()
    turns.begin([lambda: (done.append("a"), QTimer.singleShot(0, owner, lambda: done.append("event"))),
                 *(lambda: done.append("b") for _ in range(3))])  # fmt: skip
    assert done == []
    qtbot.waitUntil(lambda: turns.is_done and len(done) == 5, timeout=20_000)
    assert done[0] == "a"
    assert done.index("event") < 4


def test_new_pieces_take_the_place_of_those_that_wait(qtbot: QtBot) -> None:
    owner = QObject()
    turns, done = Turns(owner), list[int]()
    turns.begin([lambda: done.append(1), lambda: done.append(2)])
    turns.begin([lambda: done.append(3), lambda: turns.begin([lambda: done.append(4)]), lambda: done.append(5)])
    qtbot.waitUntil(lambda: 4 in done, timeout=20_000)
    assert done == [3, 4]
    turns.begin([lambda: done.append(6)])
    turns.stop()
    assert turns.is_done
