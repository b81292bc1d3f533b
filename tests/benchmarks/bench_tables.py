"""How long a table of 50,000 rows takes to fill, sort, filter and scroll: python tests/benchmarks/bench_tables.py."""

from __future__ import annotations

import os
import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import say

from workbench.ui.tables.rows import Heading, TableCell, TableRow
from workbench.ui.tables.view import TablePanel
from workbench.ui.theme import Theme

ROWS = 50_000
REPEATS = 5
STEPS = 100


def _rows() -> list[TableRow]:
    chance = random.Random(0)
    return [_row(number, chance.gauss(0.0, 1.0), chance.random()) for number in range(ROWS)]


def _row(number: int, change: float, rate: float) -> TableRow:
    return TableRow(
        (
            TableCell(f"images/{number % 1000:04d}/{number:06d}.jpg"),
            TableCell(f"{change:+.3f}", "[-0.1, +0.1]", sort=change),
            TableCell(f"{1000 * rate:.1f}", sort=rate, heat=2 * rate - 1),
            TableCell("ship" if change > 0 else "cannot tell", state="pass" if change > 0 else "unknown"),
        )
    )


def _median_ms(work: Callable[[], object], application: QApplication) -> float:
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        work()
        application.processEvents()
        times.append(1000 * (perf_counter() - start))
    return statistics.median(times)


def _scroll(panel: TablePanel, application: QApplication) -> list[float]:
    bar, times = panel.view.verticalScrollBar(), []
    for step in range(STEPS):
        start = perf_counter()
        bar.setValue(bar.maximum() * step // STEPS)
        panel.view.viewport().repaint()
        application.processEvents()
        times.append(1000 * (perf_counter() - start))
    return times


def main() -> None:
    """Print the medians of each action."""
    application = QApplication([])
    panel = TablePanel(Theme(application, "light"), "rows")
    panel.resize(1000, 700)
    panel.show()
    headings = [Heading("File", right=False), Heading("Change", "points"), Heading("Rate", "per s"), Heading("Verdict")]
    rows = _rows()
    model = panel.view.rows_model
    orders = iter([Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder] * REPEATS)
    words = iter(["cannot", "0042", "ship 7", "images/0001", "nothing like it"] * 2)
    say(f"{ROWS:,} rows, median of {REPEATS}")
    say(f"fill            {_median_ms(lambda: panel.set_rows(headings, rows), application):8.1f} ms")
    say(f"sort by number  {_median_ms(lambda: model.sort(1, next(orders)), application):8.1f} ms")
    say(f"sort by text    {_median_ms(lambda: model.sort(0, next(orders)), application):8.1f} ms")
    say(f"filter          {_median_ms(lambda: model.set_search(next(words)), application):8.1f} ms")
    model.set_search("")
    times = _scroll(panel, application)
    say(f"scroll a page   {statistics.median(times):8.1f} ms, longest {max(times):.1f} ms")


if __name__ == "__main__":
    main()
