"""What a running study has told so far, as lanes: one for the preparation, one per cell; plain values without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

LaneKind = Literal["planned", "waiting", "running", "done", "failed", "stopped"]
PREPARATION = "Preparation"
CELL_STAGES = ("Build", "Run", "Warm up")
ANSWERING, WARM_UP = "Run", "Warm up"
SPEED = "Speed, "
FAILED = "failed"
NOT_AVAILABLE = "not_available"
FINISHED_BEFORE = "finished before, kept unless something changed"


@dataclass(frozen=True)
class Failure:
    """Why a cell has no answer.

    Attributes:
        status: failed | crashed | timed_out | not_available. reason, remedy: a sentence each, the second may be "".
        log_tail: the last lines of its worker's log.
    """

    status: str
    reason: str
    remedy: str = ""
    log_tail: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The status in words."""
        return self.status.replace("_", " ")

    @property
    def text(self) -> str:
        """Everything that is worth pasting into a report."""
        return "\n".join(part for part in (self.reason, self.remedy, *self.log_tail) if part)


@dataclass(frozen=True)
class Lane:
    """One lane.

    Attributes:
        stage: what is done now, in words; text: more about it or its progress.
        done, total: counts of the stage, in `unit`s ("s" for seconds of running); total 0 where there are none.
        per_s: samples per second as told last. failure: why it has no answer.
    """

    name: str
    kind: LaneKind = "waiting"
    stage: str = ""
    text: str = ""
    done: float = 0
    total: float = 0
    unit: str = ""
    per_s: float | None = None
    failure: Failure | None = None

    @property
    def share(self) -> float | None:
        """Share of the stage that is done, 0..1; None where it cannot be told."""
        return min(self.done / self.total, 1.0) if self.total else None


NO_COUNTS: Mapping[str, Any] = {"done": 0, "total": 0, "unit": "", "per_s": None}


@dataclass
class RunState:
    """Takes events and keeps the lanes.

    Attributes:
        lanes: by name, preparation first. remaining_s: as estimated with the last event that said so.
        measuring: the clock runs; the window keeps still.
        seconds: of timed running planned per cell.
    """

    lanes: dict[str, Lane] = field(default_factory=dict)
    remaining_s: float | None = None
    measuring: bool = False
    seconds: float = 0.0
    _active: str = PREPARATION

    def begin(self, cells: Sequence[str], seconds: float = 0.0) -> None:
        """Start anew with a lane per cell."""
        self.lanes = {name: Lane(name) for name in (PREPARATION, *cells)}
        self.remaining_s, self.measuring, self._active = None, False, PREPARATION
        self.seconds = seconds

    def preview(self, cells: Mapping[str, bool]) -> None:
        """Show what a run would do before there is one: cells by name, and whether each was finished before."""
        self.begin(list(cells))
        for name in list(self.lanes):
            self._set(name, kind="planned", stage=FINISHED_BEFORE if cells.get(name) else "")
        if not cells:
            self.lanes.clear()

    @property
    def failed(self) -> list[Lane]:
        """Lanes of cells that have no answer."""
        return [lane for lane in self.lanes.values() if lane.failure is not None]

    @property
    def finished(self) -> int:
        """How many cells are finished."""
        return sum(lane.kind == "done" and lane.name != PREPARATION for lane in self.lanes.values())

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event of the command."""
        if event.get("remaining_s"):
            self.remaining_s = float(event["remaining_s"])
        if event.get("event") == "stage":
            self._stage(event)
        elif event.get("event") == "progress":
            self._progress(event)
        elif event.get("event") == "rate":
            self._rate(event)

    def end(self, *, failed: bool) -> None:
        """Close what is still open: the command is over; it was stopped, or could not go on, where it `failed`."""
        self.remaining_s, self.measuring = None, False
        for lane in list(self.lanes.values()):
            if lane.kind == "running":
                stage = f"{lane.stage} was under way" if failed else ""
                self._set(lane.name, kind="stopped" if failed else "done", stage=stage, text="", **NO_COUNTS)

    def _stage(self, event: Mapping[str, Any]) -> None:
        name, state = str(event.get("name", "")), str(event.get("state", ""))
        self.measuring = name.startswith(SPEED) or (name.startswith(WARM_UP) and state == "start")
        if name.startswith(SPEED):
            for lane in list(self.lanes.values()):
                if lane.kind == "running" and lane.name != PREPARATION:
                    self._set(lane.name, stage=name, text="")
            return
        stage, lane_name = self._lane_of(name)
        if state == FAILED:
            self._fail(lane_name, stage, event)
        elif state in ("done", "kept"):
            self._finish(lane_name, stage, kept=state == "kept")
        else:
            self._active = lane_name
            self._rest(lane_name)
            self._set(lane_name, kind="running", stage=stage, text=str(event.get("text") or ""), **NO_COUNTS)

    def _rest(self, active: str) -> None:
        """Cells that have answered wait for the others before their speed is measured."""
        for lane in list(self.lanes.values()):
            if lane.kind == "running" and lane.stage == ANSWERING and lane.name != active:
                self._set(lane.name, stage="Answered", text="", **NO_COUNTS)

    def _fail(self, name: str, stage: str, event: Mapping[str, Any]) -> None:
        log = tuple(str(line) for line in event.get("log_tail") or ())
        reason = str(event.get("reason") or event.get("text") or "No reason was told.")
        failure = Failure(str(event.get("status") or FAILED), reason, str(event.get("remedy") or ""), log)
        words = "" if failure.status == NOT_AVAILABLE else f"{stage} failed"
        self._set(name, kind="failed", stage=words, text="", failure=failure, **NO_COUNTS)

    def _rate(self, event: Mapping[str, Any]) -> None:
        name = str(event.get("cell", ""))
        if name not in self.lanes:
            return
        self._set(name, per_s=float(event["per_s"]))
        if event["phase"] == "block":
            ran_s = float(event["start_s"]) + float(event["seconds"])
            self._set(name, done=round(ran_s, 1), total=self.seconds, unit="s")

    def _finish(self, name: str, stage: str, *, kept: bool) -> None:
        words = f"{stage} {'kept from before' if kept else 'done'}"
        is_over = name == PREPARATION or stage == ANSWERING
        self._set(name, kind="done" if is_over else "waiting", stage=words, text="", **NO_COUNTS)

    def _progress(self, event: Mapping[str, Any]) -> None:
        done, total = int(event.get("done") or 0), int(event.get("total") or 0)
        self._set(self._active, done=done, total=total, unit="", text=str(event.get("text") or ""))

    def _lane_of(self, name: str) -> tuple[str, str]:
        """Return the stage's word and its lane: "Build X" belongs to lane X, anything else to the preparation."""
        for stage in CELL_STAGES:
            cell = name.removeprefix(f"{stage} ")
            if cell != name and cell in self.lanes:
                return stage, cell
        return name, PREPARATION

    def _set(self, name: str, **changes: Any) -> None:
        self.lanes[name] = replace(self.lanes.get(name, Lane(name)), **changes)


def duration(seconds: float) -> str:
    """Return a time left as "8 s", "3 min" or "1 h 05 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def elapsed(seconds: float) -> str:
    """Return a time that goes on as "8 s", "1 min 36 s" or "1 h 05 min": it never stands still for a minute."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
