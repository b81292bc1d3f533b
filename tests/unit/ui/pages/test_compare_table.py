"""From the report's comparison to the window's rows: groups, words below the line, what is sorted by."""

from __future__ import annotations

from helpers.results import ordinary

from workbench.report.sheet import build_sheet
from workbench.report.table import comparison
from workbench.ui.pages.compare_table import headings_of, rows_of
from workbench.ui.tables.filter import arranged
from workbench.ui.tables.rows import TableRow


def _rows() -> tuple[list[str], list[TableRow]]:
    table = comparison(build_sheet(ordinary()))
    return [column.key for column in table.columns], rows_of(table)


def test_every_cell_below_the_line_carries_its_word() -> None:
    _, rows = _rows()
    below = next(row.group for row in rows if row.is_below_line)
    words = [row for row in rows if row.group == below and not row.is_heading]
    assert words
    for row in words:
        assert all(cell.note or cell.is_missing for cell in row.cells[2:])
        assert row.cells[1].main in ("simulated", "reference")


def test_rates_are_sorted_by_value_not_by_text() -> None:
    keys, rows = _rows()
    order = arranged(rows, range(len(rows)), keys.index("rate"), descending=True)
    rates = [rows[i].cells[keys.index("rate")].sort for i in order if rows[i].group == 0 and not rows[i].is_heading]
    known = [rate for rate in rates if rate is not None]
    assert known == sorted(known, reverse=True) == [1821.0, 1154.0, 607.0, 412.0]


def test_verdicts_are_sorted_from_ship_to_failed() -> None:
    _, rows = _rows()
    order = arranged(rows, range(len(rows)), 1)
    words = [rows[i].cells[1].main for i in order if rows[i].group == 0 and not rows[i].is_heading]
    assert words[:3] == ["ship", "cannot tell", "crashed (SIGSEGV)"]


def test_colour_is_the_verdicts_alone() -> None:
    _, rows = _rows()
    assert {cell.state for row in rows for i, cell in enumerate(row.cells) if i != 1} == {""}
    assert {cell.heat for row in rows for cell in row.cells} == {None}


def test_headings_of_figures_carry_their_unit() -> None:
    headings = headings_of(comparison(build_sheet(ordinary())))
    assert all(heading.unit for heading in headings if heading.right)
