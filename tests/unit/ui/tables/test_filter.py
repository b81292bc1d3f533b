"""Search and order of rows: laws that hold whatever the rows are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.tables.filter import arranged, matching, search_texts
from workbench.ui.tables.rows import TableCell, TableRow, text_row

VALUES = st.one_of(st.none(), st.floats(-9, 9), st.sampled_from(["b", "A", "c"]))


def _row(value: float | str | None, group: int = 0) -> TableRow:
    return TableRow((TableCell("–" if value is None else str(value), sort=value),), group)


def _heading(group: int) -> TableRow:
    return TableRow((TableCell(f"group {group}"),), group, is_heading=True)


@given(st.lists(st.tuples(VALUES, st.integers(0, 2))), st.booleans())
def test_sorting_keeps_every_row_its_group_and_missing_ones_last(
    values: list[tuple[float | str | None, int]], descending: bool
) -> None:
    rows = [_row(value, group) for value, group in values]
    shown = arranged(rows, range(len(rows)), 0, descending=descending)
    assert sorted(shown) == list(range(len(rows)))
    assert [rows[i].group for i in shown] == sorted(row.group for row in rows)
    for group in range(3):
        cells = [rows[i].cells[0] for i in shown if rows[i].group == group]
        known = [(isinstance(cell.value, str), cell.value) for cell in cells if not cell.is_missing]
        assert known == sorted(known, reverse=descending)
        assert all(cell.is_missing for cell in cells[len(known) :])


def test_without_a_column_the_order_is_the_one_given() -> None:
    rows = [_row(3.0), _row(1.0), _row(2.0)]
    assert arranged(rows, [0, 1, 2]) == [0, 1, 2]


def test_equal_values_keep_their_order_either_way() -> None:
    rows = [_row(1.0), _row(2.0), _row(1.0)]
    assert arranged(rows, [0, 1, 2], 0) == [0, 2, 1]
    assert arranged(rows, [0, 1, 2], 0, descending=True) == [1, 0, 2]


def test_headings_stay_on_top_and_go_with_their_last_row() -> None:
    rows = [_heading(0), _row(2.0, 0), _row(1.0, 0), _heading(1), _row(0.0, 1)]
    assert arranged(rows, range(5), 0) == [0, 2, 1, 3, 4]
    assert arranged(rows, [4]) == [3, 4]


@given(st.lists(st.text("ab ", max_size=6)), st.text("ab ", max_size=4))
def test_matching_wants_every_word(texts: list[str], search: str) -> None:
    wanted = [i for i, text in enumerate(texts) if all(word in text for word in search.split())]
    assert matching(texts, search) == wanted


def test_search_knows_no_case() -> None:
    assert matching(search_texts([text_row("OpenVINO"), text_row("ONNX Runtime")]), "VINO open") == [0]
