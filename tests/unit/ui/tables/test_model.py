"""The table model: Qt's own checks, sorting with selections kept, search, copying."""

from __future__ import annotations

from PySide6.QtCore import QPersistentModelIndex, Qt
from pytestqt.modeltest import ModelTester

from workbench.ui.tables.model import CELL_ROLE, TableModel, as_text
from workbench.ui.tables.rows import Heading, TableCell, TableRow, text_row

HEADINGS = (Heading("Runtime", right=False), Heading("Rate", "per s"), Heading("Size", "MiB"))


def _row(name: str, rate: float | None, group: int = 0) -> TableRow:
    cell = TableCell("–") if rate is None else TableCell(f"{rate:,.0f}", "[1, 2]", sort=rate)
    return TableRow((TableCell(name), cell, TableCell("2")), group, data=name)


def _model() -> TableModel:
    model = TableModel()
    heading = TableRow((TableCell("machine"),), 0, is_heading=True)
    failed = TableRow((TableCell("Core ML"), TableCell("–")), 0, message="needs macOS")
    model.set_rows(HEADINGS, [heading, _row("b", 900), _row("a", 1100), failed, _row("c", None)])
    return model


def _names(model: TableModel) -> list[str]:
    return [model.row(position).cells[0].main for position in range(model.rowCount())]


def test_qt_finds_no_fault_while_rows_are_sorted_and_searched(qtmodeltester: ModelTester) -> None:
    model = _model()
    qtmodeltester.check(model)
    model.sort(1, Qt.SortOrder.DescendingOrder)
    model.set_search("a")
    model.set_search("")
    model.set_rows(HEADINGS, [])
    qtmodeltester.check(model)


def test_numbers_are_sorted_as_numbers_and_missing_ones_come_last() -> None:
    model = _model()
    model.sort(1)
    assert _names(model)[:3] == ["machine", "b", "a"]
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert _names(model)[:3] == ["machine", "a", "b"]
    assert _names(model)[-1] == "c"
    model.sort(-1)
    assert _names(model) == ["machine", "b", "a", "Core ML", "c"]


def test_a_marked_row_stays_marked_when_rows_move() -> None:
    model = _model()
    kept = QPersistentModelIndex(model.index(1, 1))
    model.sort(0)
    assert model.row(kept.row()).data == "b"
    assert kept.row() == 2


def test_search_hides_rows_and_counts_them() -> None:
    model = _model()
    model.set_search("macos")
    assert _names(model) == ["machine", "Core ML"]
    assert (model.shown, model.total) == (1, 4)
    model.set_search("nothing like it")
    assert model.rowCount() == 0


def test_new_rows_begin_unsorted_and_unsearched() -> None:
    model = _model()
    model.sort(1)
    model.set_search("a")
    model.set_rows(HEADINGS, [_row("z", 1), _row("y", 0)])
    assert _names(model) == ["z", "y"]
    assert model.sorted_by == (None, False)


def test_texts_for_the_eye_the_ear_and_the_delegate() -> None:
    model = _model()
    rate = model.index(1, 1)
    assert rate.data() == "900 [1, 2]"
    assert rate.data(Qt.ItemDataRole.AccessibleTextRole) == "Rate: 900 [1, 2]"
    assert rate.data(CELL_ROLE).sort == 900
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Rate\nper s"
    assert model.index(3, 2).data() == "needs macOS"


def test_a_groups_heading_cannot_be_chosen() -> None:
    model = _model()
    assert not model.flags(model.index(0, 0)) & Qt.ItemFlag.ItemIsSelectable
    assert model.flags(model.index(1, 0)) & Qt.ItemFlag.ItemIsSelectable


def test_copied_text_is_what_a_spreadsheet_takes() -> None:
    model = _model()
    assert as_text(model, [0, 1, 3], [0, 1]).splitlines() == [
        "Runtime\tRate per s",
        "machine",
        "b\t900 [1, 2]",
        "Core ML\t–",
    ]


def test_a_tab_inside_a_cell_does_not_shift_the_columns() -> None:
    model = TableModel()
    model.set_rows(HEADINGS[:1], [text_row("a\tb\nc")])
    assert as_text(model, [0], [0]).splitlines()[1] == "a b c"
