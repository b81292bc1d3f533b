"""The table on the screen: nothing clipped at any width, sorting by the header, filter, copy, keyboard."""

from __future__ import annotations

import pytest
from helpers.results import long_names, ordinary, two_candidates
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from workbench.execution.result import Result
from workbench.report.sheet import build_sheet
from workbench.report.table import comparison
from workbench.ui.pages.compare_table import headings_of, rows_of
from workbench.ui.tables.rows import Heading, TableRow, text_row
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme


def _panel(qtbot: QtBot, theme: Theme, result: Result, width: int = 996) -> TablePanel:
    panel = TablePanel(theme, "comparison", grows=True)
    qtbot.addWidget(panel)
    panel.resize(width, 700)
    table = comparison(build_sheet(result))
    panel.set_rows(headings_of(table), rows_of(table))
    panel.show()
    qtbot.waitExposed(panel)
    qtbot.wait(1)
    return panel


@pytest.mark.parametrize("make", [ordinary, long_names, two_candidates])
@pytest.mark.parametrize("width", [760, 996, 1640])
def test_no_heading_is_clipped(qtbot: QtBot, theme: Theme, make, width: int) -> None:  # type: ignore[no-untyped-def]
    panel = _panel(qtbot, theme, make(), width)
    assert panel.view.columns.clipped() == []


def test_the_columns_fill_the_width_without_a_scroll_bar(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    view = panel.view
    assert view.columns.length() == view.viewport().width()
    assert view.horizontalScrollBar().maximum() == 0


def test_a_growing_table_shows_all_rows(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    view = panel.view
    rows = sum(view.rowHeight(position) for position in range(view.rows_model.rowCount()))
    assert view.minimumSizeHint().height() >= rows + view.columns.height()


def test_a_clicked_header_sorts_turns_and_lets_go(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    view = panel.view
    place = QPoint(view.columns.sectionViewportPosition(2) + 20, 20)
    states = []
    for _ in range(3):
        qtbot.mouseClick(view.columns.viewport(), Qt.MouseButton.LeftButton, pos=place)
        states.append(view.rows_model.sorted_by)
    assert states == [(2, False), (2, True), (None, False)]


def test_headings_and_messages_span_also_after_sorting(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    view = panel.view
    view.rows_model.sort(0, Qt.SortOrder.DescendingOrder)
    count = view.rows_model.columnCount()
    for position in range(view.rows_model.rowCount()):
        row = view.rows_model.row(position)
        assert view.columnSpan(position, 0) == (count if row.is_heading else 1)
        assert view.columnSpan(position, 2) == (count - 2 if row.message else 1) or row.is_heading


def test_typing_filters_and_counts(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    qtbot.keyClicks(panel.search, "openvino int8")
    assert panel.view.rows_model.shown == 1
    assert panel.count.text() == "1 of 8 rows"
    panel.search.clear()
    assert panel.count.text() == ""


def test_copy_takes_the_selection_or_everything(qtbot: QtBot, theme: Theme) -> None:
    panel = TablePanel(theme, "letters")
    qtbot.addWidget(panel)
    panel.set_rows([Heading("Letter", right=False), Heading("Number")], [text_row("a", "1"), text_row("b", "2")])
    panel.view.copy()
    assert QGuiApplication.clipboard().text() == "Letter\tNumber\na\t1\nb\t2"
    panel.show()
    panel.view.setFocus()
    panel.select(1)
    qtbot.keyClick(panel.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "Letter\tNumber\nb\t2"


def test_enter_and_double_click_choose_a_row(qtbot: QtBot, theme: Theme) -> None:
    panel = TablePanel(theme, "letters")
    qtbot.addWidget(panel)
    panel.set_rows([Heading("Letter", right=False)], [text_row("a", data=1), text_row("b", data=2)])
    panel.show()
    chosen: list[TableRow] = []
    panel.view.chosen.connect(chosen.append)
    panel.view.setFocus()
    panel.select(1)
    qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    panel.view.doubleClicked.emit(panel.view.rows_model.index(0, 0))
    assert [row.data for row in chosen] == [2, 1]
    assert [row.data for row in panel.view.chosen_rows()] == [2]


def test_the_keyboard_finds_the_first_row(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    view = panel.view
    view.setFocus()
    assert view.currentIndex().row() == 1


def test_parts_have_names_for_screen_readers(qtbot: QtBot, theme: Theme) -> None:
    panel = _panel(qtbot, theme, ordinary())
    assert panel.view.accessibleName() == "comparison"
    assert panel.search.accessibleName() == "Filter rows of comparison"


def test_fifty_thousand_rows_have_one_height(qtbot: QtBot, theme: Theme) -> None:
    panel = TablePanel(theme, "many")
    qtbot.addWidget(panel)
    panel.set_rows([Heading("Row", right=False)], [text_row(str(i)) for i in range(50_000)])
    assert panel.view.rowHeight(0) == panel.view.rowHeight(49_999) > 20
