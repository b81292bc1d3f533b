"""Cells as painted: a verdict's colour, heat as background, the weight of the best value."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from workbench.ui.tables.delegate import STATE_TOKENS
from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.tables.view import TableView
from workbench.ui.theme import Theme


def _painted(qtbot: QtBot, theme: Theme, cell: TableCell) -> QImage:
    view = TableView(theme, "cells")
    qtbot.addWidget(view)
    view.resize(240, 120)
    view.set_rows([Heading("Value")], [TableRow((cell,))])
    view.show()
    qtbot.waitExposed(view)
    return view.viewport().grab().toImage()


def _has(image: QImage, colour: str) -> bool:
    wanted = QColor(colour).rgb()
    return any(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(min(image.height(), 40)))


@pytest.mark.parametrize("state", sorted(STATE_TOKENS))
def test_a_verdict_has_its_colour(qtbot: QtBot, theme: Theme, state: str) -> None:
    colour = theme.tokens.colour(STATE_TOKENS[state])
    assert _has(_painted(qtbot, theme, TableCell("word", state=state)), colour)
    assert not _has(_painted(qtbot, theme, TableCell("word")), colour)


def test_full_heat_is_the_tokens_colour(qtbot: QtBot, theme: Theme) -> None:
    assert _has(_painted(qtbot, theme, TableCell("1", heat=1.0)), theme.tokens.heat_good)
    assert _has(_painted(qtbot, theme, TableCell("1", heat=-1.0)), theme.tokens.heat_bad)
    assert not _has(_painted(qtbot, theme, TableCell("1", heat=0.0)), theme.tokens.heat_good)


def test_the_best_value_looks_different(qtbot: QtBot, theme: Theme) -> None:
    assert _painted(qtbot, theme, TableCell("12", best=True)) != _painted(qtbot, theme, TableCell("12"))


def test_the_table_follows_the_theme(qtbot: QtBot, theme: Theme) -> None:
    view = TableView(theme, "cells")
    qtbot.addWidget(view)
    view.resize(240, 120)
    view.set_rows([Heading("Value")], [TableRow((TableCell("1", heat=1.0),))])
    view.show()
    theme.set_mode("dark")
    assert _has(view.viewport().grab().toImage(), theme.tokens.heat_good)
