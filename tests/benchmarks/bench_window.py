"""How fast the window opens and whether it ever freezes during a study: python tests/benchmarks/bench_window.py.

Time to the first paint is that of fresh processes. A timer of 5 ms in the window records how late it comes while the
bundled study runs and its result is shown, so a gap is the time in which the window answered nothing.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.benchmarks import print_conditions, print_table, say
from PySide6.QtCore import QElapsedTimer, QObject, Qt, QThread, QTimer
from PySide6.QtWidgets import QApplication

from workbench.ui.app import make_application
from workbench.ui.pages.run import RunPage
from workbench.ui.settings import Settings
from workbench.ui.theme import Theme
from workbench.ui.window import Window

ROOT = Path(__file__).resolve().parents[2]
STARTS = 5
TICK_MS = 5
MOST_S = 300
DEMO = ROOT / "resources" / "demo" / "study.toml"
CLOSE_AT_ONCE = """
import sys
from PySide6.QtCore import QTimer
from workbench.ui import app
after = app._after_first_paint
app._after_first_paint = lambda *arguments: (after(*arguments), app.QApplication.exit(0))
app.run_window(app.WindowArguments(print_first_paint=True))
"""


class Gaps(QObject):
    """The times between the ticks of a 5 ms timer, by what the window was doing.

    Attributes:
        found: milliseconds over the tick, per phase.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[float]] = {}
        self._phase, self._clock = "", QElapsedTimer()
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._clock.start()
        self._timer.start()

    def begin(self, phase: str) -> None:
        """What comes now is recorded under this name."""
        self._tick()
        self._phase = phase
        self.found[phase] = []

    def _tick(self) -> None:
        gap_ms = self._clock.nsecsElapsed() / 1e6 - TICK_MS
        self._clock.restart()
        if self._phase:
            self.found[self._phase].append(max(gap_ms, 0.0))


def first_paints_s() -> list[float]:
    """Seconds from the start of a process to its first paint; the first start only fills the disk's cache."""
    times = []
    for _ in range(STARTS + 1):
        command = [sys.executable, "-c", CLOSE_AT_ONCE]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        found = re.search(r"first paint after ([\d.]+) s", done.stderr)
        assert found is not None, done.stderr
        times.append(float(found.group(1)))
    return times[1:]


def look(application: QApplication, window: Window, key: str) -> None:
    """Show a page until what it asked for is there, half a second at least."""
    window.show_page(key)
    start = perf_counter()
    wait(application, lambda: window.desk.bridge.running == 0 and perf_counter() - start > 0.5)


def wait(application: QApplication, condition: Callable[[], bool]) -> None:
    """Run the event loop until the condition holds."""
    deadline = monotonic() + MOST_S
    while not condition():
        if monotonic() > deadline:
            raise SystemExit("The study does not come to an end.")
        application.processEvents()
        QThread.msleep(1)


def study_gaps(folder: Path) -> dict[str, list[float]]:
    """Open, run and look at the bundled study in a window; the gaps of each phase."""
    application = make_application()
    window = Window(Theme(application, "light"), Settings(folder / "window.ini"))
    gaps = Gaps()
    window.show()
    gaps.begin("preloading")
    window.start_preloading()
    start = perf_counter()
    wait(application, lambda: perf_counter() - start > 3)
    gaps.begin("opening the study")
    window.open_path(DEMO)
    wait(application, lambda: window.desk.bridge.running == 0)
    page = window.page("run")
    assert isinstance(page, RunPage)
    page.options.set_folder(folder / "study")
    window.show_page("run")
    gaps.begin("the study runs")
    page.state.connect(lambda text, _kind: gaps.begin("its result is shown") if text.startswith("finished") else None)
    page.start()
    wait(application, lambda: not page.is_running)
    if window.result is None:
        raise SystemExit(f"The study gave no result: {window.errors.text()}")
    look(application, window, "compare")
    for key in ("speed", "sheet", "history"):
        gaps.begin(f"first look at {key}")
        look(application, window, key)
    window.close()
    return gaps.found


def main() -> None:
    """Print both tables and the conditions."""
    times = first_paints_s()
    say(f"First paint, {STARTS} warm starts: median {statistics.median(times):.3f} s, longest {max(times):.3f} s")
    with tempfile.TemporaryDirectory() as folder:
        found = study_gaps(Path(folder))
    rows = []
    for phase, gaps in found.items():
        ordered = sorted(gaps)
        over = sum(gap > 50 for gap in gaps)
        rows.append(
            [phase, str(len(gaps)), f"{ordered[int(0.99 * len(ordered))]:.1f}", f"{ordered[-1]:.1f}", str(over)]
        )
    print_table("How late a 5 ms timer comes", ["phase", "ticks", "p99 ms", "longest ms", "over 50 ms"], rows)
    print_conditions(platform=os.environ["QT_QPA_PLATFORM"])


if __name__ == "__main__":
    main()
