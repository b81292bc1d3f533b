"""Names that Core ML takes: letters, digits and underscores, no digit first, each one once."""

from __future__ import annotations

import re


class Names:
    """Hands out names; the same wish twice gives two names."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, wish: str) -> str:
        """Return the nearest free name: unfit characters become "_", a number is added where it is taken."""
        fit = fitting(wish)
        name, count = fit, 1
        while name in self._taken:
            name, count = f"{fit}_{count}", count + 1
        self._taken.add(name)
        return name


def fitting(wish: str) -> str:
    """Return `wish` with every unfit character as "_"."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", wish)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"
