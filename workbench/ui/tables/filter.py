"""Which rows of a table are shown and in which order; plain functions, fast enough for 50,000 rows."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.ui.tables.rows import TableRow


def search_texts(rows: Sequence[TableRow]) -> list[str]:
    """Return what each row is searched by, without regard to case."""
    return [row.text.casefold() for row in rows]


def matching(texts: Sequence[str], search: str) -> list[int]:
    """Return the indices of texts that hold every word of `search`, in order; all of them without a word."""
    words = search.casefold().split()
    if not words:
        return list(range(len(texts)))
    if len(words) == 1:
        return [index for index, text in enumerate(texts) if words[0] in text]
    return [index for index, text in enumerate(texts) if all(word in text for word in words)]


def arranged(
    rows: Sequence[TableRow], indices: Sequence[int], column: int | None = None, *, descending: bool = False
) -> list[int]:
    """Return row indices in the order they are shown.

    Groups keep their order and their heading on top; a heading without a row left is dropped. Within a group rows are
    sorted by a column, missing values last; without a column they stay as given. Equal ones keep their order.

    Args:
        indices: rows to show, in the order given; headings may be left out, they are found.
    """
    headings = {row.group: index for index, row in enumerate(rows) if row.is_heading}
    members: dict[int, list[int]] = {}
    for index in indices:
        if not rows[index].is_heading:
            members.setdefault(rows[index].group, []).append(index)
    shown: list[int] = []
    for group in sorted(members):
        shown += [headings[group]] if group in headings else []
        shown += members[group] if column is None else _sorted(rows, members[group], column, descending)
    return shown


def _sorted(rows: Sequence[TableRow], indices: Sequence[int], column: int, descending: bool) -> list[int]:
    """Sort numbers and words apart, so that plain values are compared and not pairs; numbers come first, rising."""
    numbers: dict[int, float] = {}
    words: dict[int, str] = {}
    missing: list[int] = []
    for index in indices:
        cells = rows[index].cells
        value = cells[column].value if column < len(cells) else None
        if value is None:
            missing.append(index)
        elif isinstance(value, str):
            words[index] = value
        else:
            numbers[index] = value
    known = [sorted(numbers, key=numbers.__getitem__, reverse=descending)]
    known.append(sorted(words, key=words.__getitem__, reverse=descending))
    first, second = reversed(known) if descending else known
    return first + second + missing
