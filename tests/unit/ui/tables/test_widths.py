"""Columns share a width: it is filled exactly where it suffices, figures are never narrowed, words not below a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.tables.rows import Heading
from workbench.ui.tables.widths import fitted

COLUMNS = st.lists(st.tuples(st.integers(10, 300), st.integers(10, 300), st.booleans()), min_size=1, max_size=8)


@given(COLUMNS, st.integers(50, 1500))
def test_no_column_falls_below_what_it_needs_and_the_room_is_filled(
    columns: list[tuple[int, int, bool]], room: int
) -> None:
    needed, least = [n for n, _, _ in columns], [m for _, m, _ in columns]
    headings = [Heading("x", right=right) for _, _, right in columns]
    floors = [n if right else min(n, m) for n, m, right in columns]
    widths = fitted(needed, least, room, headings)
    assert all(width >= floor for width, floor in zip(widths, floors, strict=True))
    assert sum(widths) == room if sum(floors) <= room else widths == floors


def test_the_widest_words_give_first() -> None:
    headings = [Heading("a", right=False), Heading("b", right=False), Heading("c")]
    assert fitted([100, 300, 50], [20, 20, 50], 300, headings) == [100, 150, 50]
