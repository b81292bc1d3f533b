"""Progress for a person: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

PLAIN_INTERVAL_S = 5.0
LIVE_INTERVAL_S = 0.1


class Progress:
    """Prints a study's events.

    Attributes:
        stream: where to print; a terminal gets one line that is rewritten.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._live = self.stream.isatty()
        self._last_s = 0.0
        self._width = 0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Print one event: stage lines always, counts now and then."""
        kind = event.get("event")
        if kind == "stage":
            self._line(stage_line(event))
        elif kind == "progress":
            self._count(progress_line(event))

    def close(self) -> None:
        """Clear the live line."""
        if self._live and self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self.stream.flush()
            self._width = 0

    def _line(self, text: str) -> None:
        self.close()
        self.stream.write(text + "\n")
        self.stream.flush()
        self._last_s = time.monotonic()

    def _count(self, text: str) -> None:
        now = time.monotonic()
        if now - self._last_s < (LIVE_INTERVAL_S if self._live else PLAIN_INTERVAL_S):
            return
        self._last_s = now
        if self._live:
            self.stream.write("\r" + text.ljust(self._width))
            self._width = max(self._width, len(text))
        else:
            self.stream.write(text + "\n")
        self.stream.flush()


def stage_line(event: Mapping[str, Any]) -> str:
    """Return the line for a stage that starts, was kept from before, or failed."""
    left = f"  ({duration(event['remaining_s'])} left)" if event.get("remaining_s") else ""
    marks = {"start": "-", "kept": "=", "done": "+", "failed": "!"}
    note = {"kept": " (kept)", "failed": f" {event.get('text', '')}"}.get(str(event.get("state")), "")
    return f"{marks.get(str(event.get('state')), '-')} {event['name']}{note}{left}"


def progress_line(event: Mapping[str, Any]) -> str:
    """Return "text 12/200 (6 %), 3 s left" for a progress event."""
    done, total = int(event.get("done", 0)), int(event.get("total", 0))
    share = f" {done}/{total} ({100 * done // total} %)" if total else ""
    left = f", {duration(event['remaining_s'])} left" if event.get("remaining_s") else ""
    return f"  {event.get('text', '')}{share}{left}"


def duration(seconds: float) -> str:
    """Return seconds as "8 s", "3 min" or "1 h 05 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
