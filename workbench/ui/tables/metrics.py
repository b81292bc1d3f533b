"""Fonts of a table and how much room its texts need, in logical pixels."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics

from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.theme import number_font
from workbench.ui.tokens import FONT_PX, SMALL_PX

SUB_PX = SMALL_PX - 1
PAD_X, PAD_Y = 7, 7
TEXT_COLUMN_MOST_PX = 176
TEXT_COLUMN_LEAST_PX = 84
DOT_PX = 14
BEST_MARK = "\N{BLACK DIAMOND} "
WRAP = int(Qt.TextFlag.TextWordWrap) | int(Qt.TextFlag.TextWrapAnywhere)
MEASURED_ROWS = 400
_UNBOUNDED = 100_000


class Metrics:
    """Fonts and widths; made once per table."""

    def __init__(self) -> None:
        self.main, self.strong = number_font(FONT_PX), number_font(FONT_PX, QFont.Weight.DemiBold)
        self.sub = number_font(SUB_PX)
        self.head = number_font(SMALL_PX, QFont.Weight.Medium)
        self.group = number_font(SMALL_PX, QFont.Weight.DemiBold)
        self._metrics = {id(font): QFontMetrics(font) for font in self._fonts()}

    def of(self, font: QFont) -> QFontMetrics:
        """Return the metrics of one of this table's fonts."""
        return self._metrics[id(font)]

    def font_of(self, cell: TableCell, row: TableRow) -> QFont:
        """Return the font of a cell's main line: weight marks the rows that count, verdicts and the best value."""
        return self.strong if cell.best or cell.state or row.style == "strong" else self.main

    def column_width(self, heading: Heading, cells: Sequence[tuple[TableRow, TableCell]]) -> int:
        """Return the width a column needs; words to the left may wrap, figures never do."""
        widest = max((self._cell_width(row, cell) for row, cell in cells), default=0)
        if not heading.right:
            widest = min(widest, TEXT_COLUMN_MOST_PX)
            widest = max(widest, min(TEXT_COLUMN_LEAST_PX, self._cell_least(cells)))
        return max(widest, self.heading_width(heading)) + 2 * PAD_X

    def heading_width(self, heading: Heading) -> int:
        """Return the narrowest width in which a heading stands on two lines and its unit below on one."""
        metrics = self.of(self.head)
        words = heading.title.split()
        splits = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words) + 1)]
        title = min((max(map(metrics.horizontalAdvance, split)) for split in splits), default=0)
        return max(title, self.of(self.sub).horizontalAdvance(heading.unit)) + 3

    def heading_lines(self, heading: Heading, width: int) -> int:
        """Return how many lines a heading's title takes in a column of a width."""
        metrics = self.of(self.head)
        return max(1, self._height(metrics, heading.title, width - 2 * PAD_X) // metrics.lineSpacing())

    def header_height(self, headings: Sequence[Heading], widths: Sequence[int]) -> int:
        """Return the height of the header: the longest title's lines and one line of units."""
        lines = max((self.heading_lines(h, w) for h, w in zip(headings, widths, strict=True)), default=1)
        units = self.of(self.sub).lineSpacing() if any(heading.unit for heading in headings) else 0
        return lines * self.of(self.head).lineSpacing() + units + 2 * PAD_Y

    def row_height(self, row: TableRow, headings: Sequence[Heading], widths: Sequence[int]) -> int:
        """Return the height a row needs."""
        if row.is_heading:
            return self.of(self.group).lineSpacing() + (22 if row.is_below_line else 16)
        heights = [self._cell_height(row, row.cells[c], headings[c], widths[c]) for c in range(len(row.cells))]
        if row.message and len(widths) > 2:
            room = sum(widths[2:]) - 2 * PAD_X
            heights = [*heights[:2], self._height(self.of(self.sub), row.message, room)]
        return max(heights, default=0) + 2 * PAD_Y

    def _cell_width(self, row: TableRow, cell: TableCell) -> int:
        main = self.of(self.font_of(cell, row)).horizontalAdvance((BEST_MARK if cell.best else "") + cell.main)
        small = self.of(self.sub)
        extra = DOT_PX + 2 if cell.state else 0
        return max(main + extra, small.horizontalAdvance(cell.sub), small.horizontalAdvance(cell.note)) + 1

    def _cell_least(self, cells: Sequence[tuple[TableRow, TableCell]]) -> int:
        return max((self._cell_width(row, cell) for row, cell in cells), default=0)

    def _cell_height(self, row: TableRow, cell: TableCell, heading: Heading, width: int) -> int:
        main, small = self.of(self.font_of(cell, row)), self.of(self.sub)
        room = width - 2 * PAD_X - (DOT_PX if cell.state else 0)
        first = main.lineSpacing() if heading.right else self._height(main, cell.main, room)
        subs = [self._height(small, text, room) for text in (cell.sub, cell.note) if text]
        return first + sum(subs)

    @staticmethod
    def _height(metrics: QFontMetrics, text: str, width: int) -> int:
        return metrics.boundingRect(QRect(0, 0, max(width, 1), _UNBOUNDED), WRAP, text).height()

    def _fonts(self) -> tuple[QFont, ...]:
        return (self.main, self.strong, self.sub, self.head, self.group)
