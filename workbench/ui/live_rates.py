"""The rates a running study has told so far, per cell, over seconds of its own running; plain values without Qt.

They are what the clock saw second by second, for people who watch; figures come from the latencies, afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.execution.cells import Cell

FLOATS = ("fp32", "fp16")


@dataclass(frozen=True)
class Told:
    """One rate: samples per second over `seconds` of running from `start_s` on, in the warm-up or a block."""

    start_s: float
    seconds: float
    per_s: float
    block: int | None

    @property
    def end_s(self) -> float:
        """Seconds of running at its end."""
        return self.start_s + self.seconds


@dataclass
class LiveCell:
    """One cell and what it told.

    Attributes:
        title: as in events. name: for people. series: number of colour and marker of its row, as on the Speed page.
        warm_up: its seconds count from the start of the warm-up. blocks: seconds of all blocks, others' turns left out.
    """

    title: str
    name: str
    series: int
    is_float: bool
    warm_up: list[Told] = field(default_factory=list)
    blocks: list[Told] = field(default_factory=list)

    @property
    def last(self) -> Told | None:
        """The newest rate."""
        return self.blocks[-1] if self.blocks else self.warm_up[-1] if self.warm_up else None


class LiveRates:
    """Takes "rate" events.

    Attributes:
        cells: by title, in the order of the study. seconds, rounds: of timed running planned per cell.
    """

    def __init__(self) -> None:
        self.cells: dict[str, LiveCell] = {}
        self.seconds, self.rounds = 0.0, 0

    def begin(self, cells: Sequence[LiveCell], seconds: float, rounds: int) -> None:
        """Start anew."""
        self.cells = {cell.title: cell for cell in cells}
        self.seconds, self.rounds = seconds, rounds

    def clear(self) -> None:
        """Forget what was told; the cells stay."""
        for cell in self.cells.values():
            cell.warm_up.clear()
            cell.blocks.clear()

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event; rates of cells that are not known are left alone."""
        cell = self.cells.get(str(event.get("cell", "")))
        if event.get("event") != "rate" or cell is None:
            return
        told = Told(float(event["start_s"]), float(event["seconds"]), float(event["per_s"]), event.get("block"))
        (cell.warm_up if event["phase"] == "warm_up" else cell.blocks).append(told)

    @property
    def measured(self) -> list[LiveCell]:
        """Cells that have told a rate."""
        return [cell for cell in self.cells.values() if cell.last is not None]


def live_cells(cells: Sequence[Cell]) -> list[LiveCell]:
    """Return a study's cells, one colour and marker per row and candidate, numbered as in the result."""
    rows = list(dict.fromkeys((cell.row.label, cell.candidate.name) for cell in cells))
    several = len({candidate for _, candidate in rows}) > 1
    return [_live_cell(cell, rows, several=several) for cell in cells]


def _live_cell(cell: Cell, rows: Sequence[tuple[str, str]], *, several: bool) -> LiveCell:
    label, candidate, precision = cell.name
    middle = f" \N{MIDDLE DOT} {candidate}" if several else ""
    name = f"{label}{middle} {precision.upper()}"
    return LiveCell(cell.title, name, rows.index((label, candidate)), precision in FLOATS)
