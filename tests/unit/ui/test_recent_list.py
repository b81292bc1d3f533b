"""Studies opened last."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="the window is not installed", exc_type=ImportError)

from pathlib import Path

from helpers.words import nameless
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from workbench.ui.recent_list import SHOWN, RecentList
from workbench.ui.theme import Theme


def test_the_last_studies_can_be_opened(theme: Theme, qtbot: QtBot) -> None:
    made = RecentList()
    qtbot.addWidget(made)
    made.show_paths([])
    assert made.isHidden()
    paths = [Path("/s/first/study.toml"), Path("/s/second"), *(Path(f"/s/{'n' * 60}{n}") for n in range(9))]
    made.show_paths(paths)
    assert not made.isHidden()
    buttons = made.findChildren(QPushButton)
    assert len(buttons) == SHOWN
    assert [one.text() for one in buttons[:2]] == ["first", "second"]
    assert max(len(one.text()) for one in buttons) <= 32
    assert nameless(made) == []
    with qtbot.waitSignal(made.open_requested) as told:
        buttons[0].click()
    assert told.args == [paths[0]]
