"""The comparison as plain text for a terminal: verdict sentences above, a table grouped by machine below.

Pure functions that return text. From 80 columns on; where the table is wider than the terminal it is cut into
blocks that repeat the first column. `ascii_only` spells typographic signs in ASCII.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from workbench.report import numbers
from workbench.report.sheet import Sheet, first_line
from workbench.report.table import BLANK, Cell, Column, Row, Table, comparison, conditions_of
from workbench.report.view import completeness

MIN_WIDTH = 80
GUTTER = "  "
NAMED = 2
"""Required fields that are not disclosed and named here; the sheet and `check` name them all."""


def comparison_text(sheet: Sheet, width: int = 100, *, ascii_only: bool = False) -> str:
    """Return title, verdicts, table, notes and the line for a slide, no line longer than `width` (at least 80)."""
    width = max(width, MIN_WIDTH)
    blocks = [_wrap(sheet.title, width), _facts(sheet, width), _sentences(sheet, width)]
    blocks.append(_wrap(" ".join(sheet.notes), width))
    blocks += [_table(comparison(sheet), width), _caption(sheet, width)]
    blocks.append(_wrap(_disclosure(sheet), width))
    blocks.append(_wrap(f"For a slide: {first_line(sheet)}", width))
    text = "\n\n".join(block for block in blocks if block)
    return numbers.ascii_only(text) if ascii_only else text


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False) if text else ""


def _facts(sheet: Sheet, width: int) -> str:
    return _wrap(" \N{MIDDLE DOT} ".join(chip.text for chip in sheet.chips), width)


def _sentences(sheet: Sheet, width: int) -> str:
    lines = [_wrap(f"{entry.lead} {entry.detail}".rstrip(), width, "  ") for entry in sheet.sentences]
    return "\n".join(lines) or "Nothing was measured."


def _disclosure(sheet: Sheet) -> str:
    """Return whether required fields are missing, with the first of them."""
    names = sheet.not_disclosed
    more = f" and {len(names) - NAMED} more (`int8-workbench check` lists them)" if len(names) > NAMED else ""
    return f"{completeness(sheet).rstrip('.')}: {'; '.join(names[:NAMED])}{more}." if names else completeness(sheet)


def _caption(sheet: Sheet, width: int) -> str:
    conditions = conditions_of(sheet)
    speed = f" Speed: {conditions}." if conditions else ""
    return _wrap(f"Intervals at 95 %.{speed} Speed ratios only within one machine.", width)


def _table(table: Table, width: int) -> str:
    if not table.groups:
        return ""
    widths = [_column_width(table, index) for index in range(len(table.columns))]
    return "\n\n".join(_block(table, block, widths, width) for block in _blocks(widths, width))


def _blocks(widths: Sequence[int], width: int) -> list[list[int]]:
    """Return the columns of each block: the first column, then as many as fit."""
    blocks: list[list[int]] = [[0]]
    used = widths[0]
    for index in range(1, len(widths)):
        if used + len(GUTTER) + widths[index] > width and len(blocks[-1]) > 1:
            blocks.append([0])
            used = widths[0]
        blocks[-1].append(index)
        used += len(GUTTER) + widths[index]
    return blocks


def _column_width(table: Table, index: int) -> int:
    column = table.columns[index]
    cells = [_texts(row, index) for group in table.groups for row in group.rows]
    return max(len(part) for part in [column.title, column.unit, *(text for lines in cells for text in lines)])


def _texts(row: Row, index: int) -> tuple[str, str, str]:
    if row.message and index > 1:
        return ("", "", "")
    cell = row.cells[index]
    return (_mark(cell), cell.sub, cell.note)


def _mark(cell: Cell) -> str:
    return f"\N{BLACK DIAMOND} {cell.main}" if cell.best else cell.main


def _block(table: Table, block: Sequence[int], widths: Sequence[int], width: int) -> str:
    columns = [table.columns[index] for index in block]
    spans = [widths[index] for index in block]
    total = sum(spans) + len(GUTTER) * (len(spans) - 1)
    rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * min(width, total)
    lines = [_line([c.title for c in columns], columns, spans), _line([c.unit for c in columns], columns, spans)]
    for group in table.groups:
        rows = [row for row in group.rows if 1 in block or _says_something(row, block)]
        if rows:
            lines += [rule, numbers.shorten(group.title, width)]
        lines += [line for row in rows for line in _row_lines(row, block, columns, spans, width)]
    return "\n".join(lines)


def _says_something(row: Row, block: Sequence[int]) -> bool:
    return not row.message and any(row.cells[index].main != BLANK for index in block[1:])


def _row_lines(
    row: Row, block: Sequence[int], columns: Sequence[Column], spans: Sequence[int], width: int
) -> list[str]:
    texts = [_texts(row, index) for index in block]
    lines = [_line([cell[depth] for cell in texts], columns, spans) for depth in range(3)]
    if row.message:
        head = _line([cell[0] for cell in texts[:2]], columns[:2], spans[:2]).ljust(sum(spans[:2]) + len(GUTTER))
        lines[0] = head + GUTTER + numbers.shorten(row.message, max(width - len(head) - len(GUTTER), 20))
    return [lines[0], *(line for line in lines[1:] if line.strip())]


def _line(texts: Sequence[str], columns: Sequence[Column], spans: Sequence[int]) -> str:
    cells = [
        text.rjust(span) if column.right else text.ljust(span)
        for text, column, span in zip(texts, columns, spans, strict=True)
    ]
    return GUTTER.join(cells).rstrip()
