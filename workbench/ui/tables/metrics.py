"""Fonts of a table and how much room its texts need, in logical pixels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache

from PySide6.QtGui import QFont, QFontMetrics

from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.theme import number_font
from workbench.ui.tokens import FONT_PX, SMALL_PX

SUB_PX = SMALL_PX - 1
PAD_X, PAD_Y = 6, 7
TEXT_COLUMN_MOST_PX = 420
TEXT_COLUMN_LEAST_PX = 168
HEADING_ONE_LINE_PX = 56
DOT_PX = 14
BEST_MARK = "\N{BLACK DIAMOND} "
MEASURED_ROWS = 400
KEPT_TEXTS = 20_000
"""Texts whose width is kept, per font."""


class Metrics:
    """Fonts and widths; made once per table."""

    def __init__(self) -> None:
        self.main, self.strong = number_font(FONT_PX), number_font(FONT_PX, QFont.Weight.DemiBold)
        self.sub = number_font(SUB_PX)
        self.head = number_font(SMALL_PX, QFont.Weight.Medium)
        self.group = number_font(SMALL_PX, QFont.Weight.DemiBold)
        self._metrics = {id(font): QFontMetrics(font) for font in self._fonts()}
        # The same texts are measured whenever columns are fitted and cells painted.
        self._widths = {key: lru_cache(KEPT_TEXTS)(found.horizontalAdvance) for key, found in self._metrics.items()}

    def of(self, font: QFont) -> QFontMetrics:
        """Return the metrics of one of this table's fonts."""
        return self._metrics[id(font)]

    def advance(self, font: QFont) -> Callable[[str], int]:
        """Return what measures the width of a text in one of this table's fonts."""
        return self._widths[id(font)]

    def font_of(self, cell: TableCell, row: TableRow) -> QFont:
        """Return the font of a cell's main line: weight marks the rows that count, verdicts and the best value."""
        return self.strong if cell.best or cell.state or row.style == "strong" else self.main

    def column_width(self, heading: Heading, cells: Sequence[tuple[TableRow, TableCell]]) -> int:
        """Return the width a column would like; words to the left may wrap, figures never do."""
        widest = max((self._cell_width(row, cell) for row, cell in cells), default=0)
        if not heading.right:
            widest = min(widest, TEXT_COLUMN_MOST_PX)
        return max(widest, self.heading_width(heading)) + 2 * PAD_X

    def least_width(self, heading: Heading, cells: Sequence[tuple[TableRow, TableCell]]) -> int:
        """Return the width below which a column of words would break inside a word."""
        words = [word for row, cell in cells for word in self._words(row, cell)]
        widest = min(max(words, default=0), TEXT_COLUMN_LEAST_PX)
        return max(widest, self.heading_width(heading)) + 2 * PAD_X

    def heading_lines(self, heading: Heading, width: int = 0) -> list[str]:
        """Return a heading's title on one line where the column is wide enough, else on the two that are narrowest."""
        words = heading.title.split()
        splits = [[" ".join(words[:n]), " ".join(words[n:])] for n in range(1, len(words))]
        unit = self.advance(self.sub)(heading.unit)
        if not splits or self._widest([heading.title]) <= max(unit, HEADING_ONE_LINE_PX, width - 2 * PAD_X):
            return [heading.title]
        return min(splits, key=self._widest)

    def heading_width(self, heading: Heading) -> int:
        """Return the width in which a heading and its unit stand whole."""
        unit = self.advance(self.sub)(heading.unit)
        return max(self._widest(self.heading_lines(heading)), unit) + 1

    def lines(self, text: str, font: QFont, width: int) -> list[str]:
        """Return a text as lines no wider than `width`."""
        return wrapped(text, width, self.advance(font))

    def header_height(self, headings: Sequence[Heading], widths: Sequence[int]) -> int:
        """Return the height of the header: the longest title's lines and one line of units."""
        lines = max((len(self.heading_lines(h, w)) for h, w in zip(headings, widths, strict=True)), default=1)
        units = self.of(self.sub).lineSpacing() if any(heading.unit for heading in headings) else 0
        return lines * self.of(self.head).lineSpacing() + units + 2 * PAD_Y

    def row_height(self, row: TableRow, headings: Sequence[Heading], widths: Sequence[int]) -> int:
        """Return the height a row needs."""
        if row.is_heading:
            return self.of(self.group).lineSpacing() + (22 if row.is_below_line else 16)
        heights = [self._cell_height(row, row.cells[c], headings[c], widths[c]) for c in range(len(row.cells))]
        if row.message and len(widths) > 2:
            room = sum(widths[2:]) - 2 * PAD_X
            heights = [*heights[:2], self._height(row.message, self.sub, room)]
        return max(heights, default=0) + 2 * PAD_Y

    def _cell_width(self, row: TableRow, cell: TableCell) -> int:
        main = self.advance(self.font_of(cell, row))((BEST_MARK if cell.best else "") + cell.main)
        small = self.advance(self.sub)
        extra = DOT_PX + 2 if cell.state else 0
        return max(main + extra, small(cell.sub), small(cell.note)) + 1

    def _words(self, row: TableRow, cell: TableCell) -> list[int]:
        extra = DOT_PX + 2 if cell.state else 0
        main = [self.advance(self.font_of(cell, row))(word) + extra for word in cell.main.split(" ")]
        small = self.advance(self.sub)
        return [*main, *(small(word) for text in (cell.sub, cell.note) for word in text.split(" "))]

    def _widest(self, lines: Sequence[str]) -> int:
        return max(map(self.advance(self.head), lines), default=0)

    def _cell_height(self, row: TableRow, cell: TableCell, heading: Heading, width: int) -> int:
        room = width - 2 * PAD_X - (DOT_PX if cell.state else 0)
        first = self._height(cell.main, self.font_of(cell, row), room, wraps=not heading.right)
        subs = [self._height(text, self.sub, room, wraps=not heading.right) for text in (cell.sub, cell.note) if text]
        return first + sum(subs)

    def _height(self, text: str, font: QFont, width: int, *, wraps: bool = True) -> int:
        return (len(self.lines(text, font, width)) if wraps else 1) * self.of(font).lineSpacing()

    def _fonts(self) -> tuple[QFont, ...]:
        return (self.main, self.strong, self.sub, self.head, self.group)


def wrapped(text: str, width: int, measure: Callable[[str], int]) -> list[str]:
    """Return a text as lines no wider than `width`, broken between words, inside those that are too long."""
    lines: list[str] = []
    for word in text.replace(" \N{MIDDLE DOT} ", " \N{MIDDLE DOT}\N{NO-BREAK SPACE}").split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and measure(joined) <= width:
            lines[-1] = joined
        else:
            lines += _pieces(word, width, measure)
    return lines or [""]


def _pieces(word: str, width: int, measure: Callable[[str], int]) -> list[str]:
    pieces, rest = [], word
    while len(rest) > 1 and measure(rest) > width:
        fits = max(1, bisect_right(range(1, len(rest) + 1), width, key=lambda n: measure(rest[:n])))
        sign = max(rest.rfind(mark, 0, fits) for mark in "/\\_.-") + 1
        fits = sign if sign > fits // 2 else fits
        pieces.append(rest[:fits])
        rest = rest[fits:]
    return [*pieces, rest]
