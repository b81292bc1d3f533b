"""The rate while a session is timed, told about once a second from between two runs.

Nothing is told inside a timed run, and the time it takes is left out of rates and blocks. A rate told here is for
people who watch; figures come from the latencies themselves. NOT aware of sessions, batches or who listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NEVER_NS = 1 << 62
TELL_S = 1.0


@dataclass(frozen=True)
class Rate:
    """How fast it ran in one stretch of running; pauses between runs are left out.

    Attributes:
        start_s: seconds of running before the stretch; seconds: its length; per_s: runs per second in it.
    """

    start_s: float
    seconds: float
    per_s: float


Tell = Callable[[Rate], None]


class Rates:
    """Cuts running time into stretches of about a second and tells the rate of each.

    Attributes:
        due_ns: when the present stretch ends, by the clock of the loop; the loop stops after the run that reaches it.
            Far away where nobody listens.

    Args:
        tell: called with each rate; None where nobody listens.
        start_ns: when running starts.
        seconds: how long it will run, cut into equal stretches; None where that is not known.
    """

    def __init__(self, tell: Tell | None, start_ns: int, seconds: float | None = None) -> None:
        whole_s = seconds or TELL_S
        self._stretch_ns = int(1e9 * whole_s / max(1, int(whole_s / TELL_S)))
        self._tell = tell
        self._first_ns = self._start_ns = start_ns
        self._runs = 0
        self.due_ns = NEVER_NS if tell is None else start_ns + self._stretch_ns

    def tell_due(self, runs: int, end_ns: int) -> None:
        """Tell the rate of the present stretch if it is over.

        Args:
            runs: made so far. end_ns: when the last of them ended.
        """
        if end_ns >= self.due_ns:
            self._tell_stretch(runs, end_ns)

    def tell_rest(self, runs: int, end_ns: int) -> None:
        """Running is over: tell the rate of the last stretch, unless less than half of it was run."""
        if self._tell is not None and 2 * (end_ns - self._start_ns) >= self._stretch_ns and runs > self._runs:
            self._tell_stretch(runs, end_ns)

    def leave_out(self, pause_ns: int) -> None:
        """Leave a pause between two runs out of the stretch and of the time that has run."""
        self._first_ns += pause_ns
        self._start_ns += pause_ns
        self.due_ns = min(self.due_ns + pause_ns, NEVER_NS)

    def _tell_stretch(self, runs: int, end_ns: int) -> None:
        assert self._tell is not None  # nothing is ever due otherwise
        spent_ns = end_ns - self._start_ns
        rate = Rate((self._start_ns - self._first_ns) / 1e9, spent_ns / 1e9, (runs - self._runs) * 1e9 / spent_ns)
        self._start_ns, self._runs = end_ns, runs
        self.due_ns = end_ns + self._stretch_ns
        self._tell(rate)
