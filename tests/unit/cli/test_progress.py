"""Progress lines on a terminal and elsewhere, and as JSON lines."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from workbench.cli import progress
from workbench.cli.progress import EventLines, Progress, duration, progress_line, rate_line, stage_line


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


def stage(name: str, state: str, **more: Any) -> dict[str, Any]:
    return {"event": "stage", "name": name, "state": state, **more}


def count(done: int, total: int = 100, **more: Any) -> dict[str, Any]:
    return {"event": "progress", "text": "samples", "done": done, "total": total, **more}


def seen(written: str) -> list[str]:
    """Return the lines as a terminal shows them after carriage returns."""
    lines = []
    for line in written.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (8.4, "8 s"), (89, "89 s"), (90, "2 min"), (3540, "59 min"), (3900, "1 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_stage_lines_are_one_line_each() -> None:
    assert stage_line(stage("Plan S1", "start", remaining_s=36)) == "- Plan S1  (36 s left)"
    assert stage_line(stage("Plan S1", "start", remaining_s=None)) == "- Plan S1"
    kept = stage("Run x", "start", text="answers kept", remaining_s=36)
    assert stage_line(kept) == "- Run x: answers kept  (36 s left)"
    assert stage_line(stage("Plan S1", "done", remaining_s=36), 4.2) == "+ Plan S1  4 s"
    assert stage_line(stage("Plan S1", "kept")) == "= Plan S1 (kept)"
    assert stage_line(stage("Run x", "failed", text="crashed\nSIGSEGV")) == "! Run x: crashed SIGSEGV"


def test_progress_line() -> None:
    assert progress_line(count(12, 200, remaining_s=3)) == "  samples 12/200 (6 %), 3 s left"
    assert progress_line({"text": "loading"}) == "  loading"


def test_plain_output_has_a_line_per_stage_and_few_counts(clock: Clock) -> None:
    stream = io.StringIO()
    show = Progress(stream)
    show(stage("Plan S1", "start"))
    for done in range(100):
        clock.now_s += 0.1
        show(count(done))
    show(stage("Plan S1", "done"))
    show.close()
    lines = stream.getvalue().splitlines()
    assert (lines[0], lines[-1]) == ("- Plan S1", "+ Plan S1  10 s")
    assert 1 <= len(lines) - 2 <= 2
    assert "\r" not in stream.getvalue()


def test_a_stage_that_others_ran_in_between_shows_no_time(clock: Clock) -> None:
    stream = io.StringIO()
    show = Progress(stream)
    show(stage("Run a", "start"))
    show(stage("Run b", "start"))
    clock.now_s += 10
    show(stage("Run a", "done"))
    assert stream.getvalue().splitlines()[-1] == "+ Run a"


def test_a_terminal_shows_one_live_line_that_the_end_replaces(clock: Clock) -> None:
    stream = Terminal()
    show = Progress(stream)
    show(stage("Plan S1", "start"))
    for done in (10, 20, 30):
        clock.now_s += 1
        show(count(done))
    assert seen(stream.getvalue()) == ["- Plan S1: samples 30/100 (30 %)"]
    show(stage("Plan S1", "done"))
    show(stage("Evaluate", "start"))
    show.close()
    assert seen(stream.getvalue()) == ["+ Plan S1  3 s", ""]


def test_a_live_line_is_cut_to_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    Progress(stream)(stage("x" * 200, "start"))
    assert len(seen(stream.getvalue())[0]) == 39


def test_events_as_lines_keep_every_stage_and_the_last_count(clock: Clock) -> None:
    stream = io.StringIO()
    show = EventLines(stream)
    show(stage("Plan S1", "start"))
    for done in range(1, 101):
        clock.now_s += 0.001
        show(count(done))
    show.close()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert events[0]["name"] == "Plan S1"
    assert events[-1]["done"] == 100
    assert len(events) < 10


RATE = {"event": "rate", "cell": "ORT · S1 · int8", "start_s": 3.0, "seconds": 1.0, "per_s": 1234.0, "phase": "block"}


def test_a_terminal_shows_the_rate_in_its_live_line_and_a_log_does_not(clock: Clock) -> None:
    for stream, line in (
        (Terminal(), "- Speed, round 1 of 5: ORT · S1 · int8: 1,234 per s, 40 s left"),
        (io.StringIO(), "- Speed, round 1 of 5"),
    ):
        show = Progress(stream)
        show(stage("Speed, round 1 of 5", "start"))
        clock.now_s += 6
        show({**RATE, "remaining_s": 40})
        assert seen(stream.getvalue().rstrip("\n")) == [line]


def test_the_rate_of_a_warm_up_does_not_name_the_cell_twice() -> None:
    assert rate_line(RATE, "Warm up ORT · S1 · int8") == "  1,234 per s"


def test_every_rate_is_a_line_for_programs(clock: Clock) -> None:
    stream = io.StringIO()
    show = EventLines(stream)
    for _ in range(3):
        show(RATE)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [RATE] * 3
