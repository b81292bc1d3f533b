"""Cells and rows: what they are sorted and searched by."""

from __future__ import annotations

from workbench.ui.tables.rows import TableCell, TableRow, text_row


def test_a_cell_is_sorted_by_its_value_or_its_words_without_case() -> None:
    assert [TableCell("B").value, TableCell("x", sort=3.0).value, TableCell("1", sort="Z").value] == ["b", 3.0, "z"]
    assert TableCell("–").value is None


def test_a_dash_is_missing_unless_it_has_a_value() -> None:
    assert TableCell("–").is_missing
    assert TableCell("").is_missing
    assert not TableCell("–", sort=0.0).is_missing


def test_a_row_is_searched_by_everything_it_shows() -> None:
    row = TableRow((TableCell("1", "[0, 2]", "SHORT"),), message="needs macOS")
    assert row.text == "1 [0, 2] SHORT needs macOS"
    assert text_row("a", "b", data=3).data == 3
