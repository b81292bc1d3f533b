"""Prints how long charts take: `python tests/benchmarks/bench_charts.py`. Not collected by the test run.

Redraw of 1e6 points (new data, zoom, pan, pointer), raw samples of a ten-minute study read and drawn, import of the
chart library. Median over several repetitions, offscreen, in milliseconds.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

REPEATS = 9
POINTS = 1_000_000


def timed(step: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median duration of a step in ms."""
    found = []
    for _ in range(repeats):
        start = perf_counter()
        step()
        found.append(1e3 * (perf_counter() - start))
    return statistics.median(found)


def say(what: str, ms: float) -> None:
    """Print one line."""
    print(f"{what:<58}{ms:10.1f} ms")  # noqa: T201  (its only output)


def redraw_of_a_million() -> None:
    """Draw four noisy curves of 250,000 points each."""
    from helpers.figures import curve, curves

    from workbench.ui.charts.plot import FigurePlot
    from workbench.ui.tokens import LIGHT

    plot = FigurePlot(LIGHT)
    plot.resize(1200, 400)
    plot.show()
    lines = [curve(i, 20.0 * (i + 1), count=POINTS // 4, dashed=i % 2 == 1) for i in range(4)]
    generator = np.random.default_rng(0)
    for line in lines:
        line.y[:] += generator.normal(size=line.y.size)
    figure = curves(*lines)

    def shown(step: Callable[[], object]) -> Callable[[], object]:
        return lambda: (step(), plot.grab())

    say("new data, 1e6 points in 4 curves", timed(shown(lambda: plot.show_figure(figure))))
    say("zoom", timed(shown(lambda: plot.zoom(1.1))))
    say("pan", timed(shown(lambda: plot.pan(0.02, 0.0))))
    plot.reset_view()
    spots = iter(range(100, 1000, 10))
    say("pointer moved", timed(shown(lambda: plot.read_at(plot.reading_at(QPointF(next(spots), 150))))))


def ten_minutes() -> None:
    """Read and draw the raw samples of a study of six runtimes, two precisions, 600 s each."""
    from helpers.speed_folders import six_runtimes, write_cells

    from workbench.ui.charts.latency import latency_figure
    from workbench.ui.charts.plot import FigurePlot
    from workbench.ui.charts.samples import read_samples, timed_runs
    from workbench.ui.tokens import LIGHT

    result = six_runtimes()
    with tempfile.TemporaryDirectory() as folder:
        write_cells(Path(folder), result, rounds=10, round_s=60.0)
        runs = timed_runs(result)
        largest = max(runs, key=lambda run: run.throughput_per_s.sustained if run.throughput_per_s else 0.0)
        say("largest cell read (6.75e6 runs)", timed(lambda: read_samples(largest, result, Path(folder)), 3))
        cells = [read_samples(run, result, Path(folder)) for run in runs]
    total = sum(cell.latencies_ms.size for cell in cells)
    plot = FigurePlot(LIGHT)
    plot.resize(560, 300)
    plot.show()
    draw = timed(lambda: (plot.show_figure(figure) if (figure := latency_figure(cells)) else None, plot.grab()), 3)
    say(f"latency distribution of {total:.2e} runs", draw)


def main() -> None:
    """Print everything."""
    application = QApplication([])
    start = perf_counter()
    import workbench.ui.charts.base  # noqa: F401  (the import is what is timed)

    say("import of the charts", 1e3 * (perf_counter() - start))
    from workbench.ui.theme import Theme

    Theme(application, "light")
    redraw_of_a_million()
    ten_minutes()


if __name__ == "__main__":
    main()
