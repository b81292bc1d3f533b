"""How columns share the width of their table."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.ui.tables.rows import Heading


def fitted(needed: Sequence[int], least: Sequence[int], room: int, headings: Sequence[Heading]) -> list[int]:
    """Fit columns into a width: the widest columns of words give first, down to a common width; figures never do.

    What is left over is shared in proportion to the widths.
    """
    floors = [n if h.right else min(n, m) for n, m, h in zip(needed, least, headings, strict=True)]
    level = max(needed, default=0)
    while level > 0 and sum(_cut(needed, floors, level)) > max(room, sum(floors)):
        level -= 1
    widths = _cut(needed, floors, level)
    left, total = room - sum(widths), sum(widths)
    if left <= 0 or total == 0:
        return widths
    shared = [width + left * width // total for width in widths]
    shared[-1] += room - sum(shared)
    return shared


def _cut(needed: Sequence[int], floors: Sequence[int], level: int) -> list[int]:
    return [max(floor, min(width, level)) for width, floor in zip(needed, floors, strict=True)]
