"""Widths: lines that fit, headings on at most two lines, figures that are never broken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.tables.metrics import PAD_X, Metrics, wrapped
from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.theme import Theme


@given(st.text("ab_/ ", max_size=40), st.integers(1, 12))
def test_lines_fit_and_no_letter_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width, len)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_long_words_break_after_a_sign() -> None:
    assert wrapped("/home/jane/studies", 12, len) == ["/home/jane/", "studies"]


def test_a_dot_between_names_never_ends_a_line() -> None:
    assert wrapped("ONNX Runtime · model", 14, len) == ["ONNX Runtime", "·\N{NO-BREAK SPACE}model"]


def test_a_heading_takes_one_line_where_there_is_room(theme: Theme) -> None:
    metrics, heading = Metrics(), Heading("× best float here", "[95 %]")
    assert metrics.heading_lines(heading, 400) == ["× best float here"]
    assert len(metrics.heading_lines(heading)) == 2
    assert metrics.heading_width(heading) < metrics.of(metrics.head).horizontalAdvance(heading.title)


def test_figures_get_their_whole_width_and_words_may_shrink(theme: Theme) -> None:
    metrics = Metrics()
    row = TableRow((TableCell("a fairly long name of a runtime"),))
    cells = [(row, row.cells[0])]
    words, figures = Heading("Name", right=False), Heading("Name")
    assert metrics.least_width(words, cells) < metrics.column_width(words, cells)
    needed = metrics.of(metrics.main).horizontalAdvance(row.cells[0].main) + 2 * PAD_X
    assert metrics.column_width(figures, cells) >= needed


def test_a_narrow_column_of_words_makes_a_higher_row(theme: Theme) -> None:
    metrics, heading = Metrics(), (Heading("Name", right=False),)
    row = TableRow((TableCell("a fairly long name of a runtime"),))
    assert metrics.row_height(row, heading, [80]) > metrics.row_height(row, heading, [400])
