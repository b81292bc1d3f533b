"""The header by itself: its height follows its lines, the sorted column is marked, clipping would be told."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from workbench.ui.tables.rows import Heading, text_row
from workbench.ui.tables.view import TableView
from workbench.ui.theme import Theme


def _view(qtbot: QtBot, theme: Theme) -> TableView:
    view = TableView(theme, "header")
    qtbot.addWidget(view)
    view.resize(400, 200)
    view.set_rows([Heading("Name", right=False), Heading("× best float", "here [95 %]")], [text_row("a", "1")])
    view.show()
    qtbot.waitExposed(view)
    return view


def test_two_lines_need_more_height_than_one(qtbot: QtBot, theme: Theme) -> None:
    view = _view(qtbot, theme)
    view.columns.resizeSection(1, 300)
    one = view.columns.sizeHint().height()
    view.columns.resizeSection(1, 70)
    assert view.columns.sizeHint().height() > one


def test_a_column_that_is_too_narrow_is_told(qtbot: QtBot, theme: Theme) -> None:
    view = _view(qtbot, theme)
    assert view.columns.clipped() == []
    view.columns.resizeSection(1, 40)
    assert view.columns.clipped() == ["× best float"]


def test_the_sorted_column_looks_different(qtbot: QtBot, theme: Theme) -> None:
    view = _view(qtbot, theme)
    pictures = [view.columns.viewport().grab().toImage()]
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        view.columns.setSortIndicator(1, order)
        pictures.append(view.columns.viewport().grab().toImage())
    assert all(a != b for i, a in enumerate(pictures) for b in pictures[i + 1 :])


def test_it_has_a_name(qtbot: QtBot, theme: Theme) -> None:
    assert _view(qtbot, theme).columns.accessibleName()
