"""Named colours of shapes as "#RRGGBB" from the window's token table."""

from __future__ import annotations

from workbench.ui.charts.figure import SHAPES
from workbench.ui.tokens import Tokens

SERIES = "series"


def colour(tokens: Tokens, name: str) -> str:
    """Return a colour: the token of that name, or the colour of a series in "series3"."""
    if name.startswith(SERIES) and name[len(SERIES) :].isdigit():
        return tokens.series[int(name[len(SERIES) :]) % SHAPES]
    return tokens.colour(name)
