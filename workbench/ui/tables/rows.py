"""Rows and cells of a table as plain values, without Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MISSING = frozenset({"", "\N{EN DASH}"})


@dataclass(frozen=True, slots=True)
class Heading:
    """One column: heading, unit under it, and whether figures stand to the right."""

    title: str
    unit: str = ""
    right: bool = True


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell: the figure, below it its interval, below that its word.

    Attributes:
        state: pass | fail | unknown | none | missing gives the colour of a verdict; "" for any other cell.
        best: no other row reaches it. heat: -1 (bad) .. +1 (good) as background, None for none.
        sort: what the column is sorted by; the text where it is None.
    """

    main: str
    sub: str = ""
    note: str = ""
    state: str = ""
    best: bool = False
    heat: float | None = None
    sort: float | str | None = None

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(part for part in (self.main, self.sub, self.note) if part)

    @property
    def is_missing(self) -> bool:
        """Whether there is no value; such cells stand last, whichever way a column is sorted."""
        return self.sort is None and self.main in MISSING

    @property
    def value(self) -> float | str | None:
        """What the cell is sorted by: a number, words without regard to case, None where there is nothing."""
        if self.sort is None:
            return None if self.main in MISSING else self.main.casefold()
        return self.sort.casefold() if isinstance(self.sort, str) else self.sort


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row.

    Attributes:
        cells: one per column; a group's heading has one cell across all.
        group: rows of one number stay together, in rising order, however the table is sorted.
        style: strong | plain | muted; message: text across all cells after the second.
        is_heading: this row is the heading of its group; is_below_line: a line parts it from what is above.
        data: whatever the page wants back when the row is chosen.
    """

    cells: tuple[TableCell, ...]
    group: int = 0
    style: str = "plain"
    message: str = ""
    is_heading: bool = False
    is_below_line: bool = False
    data: Any = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """What the row is searched by."""
        parts = [cell.text for cell in self.cells]
        return " ".join([*parts, self.message] if self.message else parts)


def text_row(*texts: str, data: Any = None) -> TableRow:
    """Return a plain row of texts."""
    return TableRow(tuple(TableCell(text) for text in texts), data=data)
