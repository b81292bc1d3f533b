"""Progress for a person: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from workbench.report import numbers

PLAIN_INTERVAL_S = 5.0
LIVE_INTERVAL_S = 0.1
MARKS = {"start": "-", "kept": "=", "done": "+", "failed": "!"}


class Progress:
    """Prints a study's events.

    On a terminal the stage under way is a live line that its end replaces; elsewhere each start and end is a line.

    Attributes:
        stream: where to print.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._live = self.stream.isatty()
        self._last_s = 0.0
        self._width = 0
        self._under_way = ("", 0.0)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Print one event: stage lines always, counts now and then."""
        kind = event.get("event")
        if kind == "stage":
            self._stage_event(event)
        elif kind == "progress":
            self._count(progress_line(event))
        elif kind == "rate" and self._live:
            self._count(rate_line(event, self._under_way[0]))

    def close(self) -> None:
        """Clear the live line."""
        if self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self.stream.flush()
            self._width = 0

    def _stage_event(self, event: Mapping[str, Any]) -> None:
        name, state, now = str(event["name"]), event.get("state"), time.monotonic()
        if state == "start":
            self._under_way = (name, now)
            self._show(stage_line(event)) if self._live else self._line(stage_line(event))
            return
        alone = self._under_way[0] == name
        self._line(stage_line(event, now - self._under_way[1] if alone else None))

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
            name = self._under_way[0]
            self._show(f"- {name}: {text.strip()}" if name else text)
        else:
            self._line(text)

    def _show(self, text: str) -> None:
        """Rewrite the live line, cut to the terminal, where a wrapped line could not be rewritten."""
        text = text[: max(20, shutil.get_terminal_size((80, 24)).columns - 1)]
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)


class EventLines:
    """Prints a study's events as JSON, one per line, for another program.

    {"event": "stage", name, state: start | kept | done | failed, text, and of a failed one status, reason, remedy,
    log_tail}; {"event": "progress", done, total, text, and cell where there is one}; {"event": "rate", cell, start_s,
    seconds, per_s, phase: warm_up | block, and block: its number}, about once a second while a clock runs; each with
    remaining_s (null: not known); at the end {"event": "finished", exit_code}.

    Attributes:
        stream: where to print. Counts come at most every LIVE_INTERVAL_S, stages always.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self._last_s = -LIVE_INTERVAL_S

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Print one event."""
        now = time.monotonic()
        if event.get("event") == "progress":
            is_last = event.get("total") and event.get("done") == event.get("total")
            if now - self._last_s < LIVE_INTERVAL_S and not is_last:
                return
            self._last_s = now
        self.stream.write(json.dumps(dict(event), ensure_ascii=False, default=str) + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Nothing is left open."""


def stage_line(event: Mapping[str, Any], took_s: float | None = None) -> str:
    """Return the line for a stage that starts, is done, was kept from before, or failed; always one line.

    Args:
        took_s: seconds the stage took; None where other stages ran in between.
    """
    state = str(event.get("state"))
    left = f"  ({duration(event['remaining_s'])} left)" if state == "start" and event.get("remaining_s") else ""
    took = f"  {duration(took_s)}" if state == "done" and took_s is not None and took_s >= 1 else ""
    text = f": {event['text']}" if event.get("text") else ""
    note = {"kept": " (kept)", "start": text, "failed": text}.get(state, "")
    return " ".join(f"{MARKS.get(state, '-')} {event['name']}{note}".split()) + took + left


def progress_line(event: Mapping[str, Any]) -> str:
    """Return "text 12/200 (6 %), 3 s left" for a progress event."""
    done, total = int(event.get("done", 0)), int(event.get("total", 0))
    share = f" {done}/{total} ({100 * done // total} %)" if total else ""
    left = f", {duration(event['remaining_s'])} left" if event.get("remaining_s") else ""
    return f"  {event.get('text', '')}{share}{left}"


def rate_line(event: Mapping[str, Any], stage: str = "") -> str:
    """Return "ort · S1 · int8: 1,234 per s, 3 s left" for a rate event; without the cell where `stage` names it."""
    cell = "" if stage.endswith(str(event["cell"])) else f"{event['cell']}: "
    left = f", {duration(event['remaining_s'])} left" if event.get("remaining_s") else ""
    return f"  {cell}{numbers.significant(event['per_s'])} per s{left}"


def duration(seconds: float) -> str:
    """Return seconds as "8 s", "3 min" or "1 h 05 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
