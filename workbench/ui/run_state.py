"""What a running study has told so far, as lanes: one for the preparation, one per cell; plain values without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

LaneKind = Literal["waiting", "running", "done", "failed"]
PREPARATION = "Preparation"
CELL_STAGES = ("Build", "Run", "Warm up")
SPEED = "Speed, "
AFTER = "Evaluate"


@dataclass(frozen=True)
class Lane:
    """One lane.

    Attributes:
        stage: what is done now, in words; text: more about it, of its progress, or why it failed.
        done, total: counts of the stage; total 0 where there are none.
    """

    name: str
    kind: LaneKind = "waiting"
    stage: str = ""
    text: str = ""
    done: int = 0
    total: int = 0

    @property
    def share(self) -> float | None:
        """Share of the stage that is done, 0..1; None where it cannot be told."""
        return self.done / self.total if self.total else None


@dataclass
class RunState:
    """Takes events and keeps the lanes.

    Attributes:
        lanes: by name, preparation first. remaining_s: as estimated with the last event that said so.
        measuring: the clock runs; the window keeps still.
    """

    lanes: dict[str, Lane] = field(default_factory=dict)
    remaining_s: float | None = None
    measuring: bool = False
    _active: str = PREPARATION

    def begin(self, cells: Sequence[str]) -> None:
        """Start anew with a lane per cell."""
        self.lanes = {name: Lane(name) for name in (PREPARATION, *cells)}
        self.remaining_s, self.measuring, self._active = None, False, PREPARATION

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event of the command."""
        if event.get("remaining_s"):
            self.remaining_s = float(event["remaining_s"])
        if event.get("event") == "stage":
            self._stage(str(event.get("name", "")), str(event.get("state", "")), str(event.get("text") or ""))
        elif event.get("event") == "progress":
            self._progress(event)

    def end(self, *, failed: bool) -> None:
        """Close what is still open: the command is over."""
        self.remaining_s, self.measuring = None, False
        for lane in list(self.lanes.values()):
            if lane.kind == "running":
                self._set(lane.name, kind="failed" if failed else "done", stage="stopped" if failed else "")

    def _stage(self, name: str, state: str, text: str) -> None:
        self.measuring = name.startswith(SPEED)
        if self.measuring:
            for lane in list(self.lanes.values()):
                if lane.kind == "running" and lane.name != PREPARATION:
                    self._set(lane.name, stage=name, done=0, total=0, text="")
            return
        stage, lane_name = self._lane_of(name)
        if state == "failed":
            self._set(lane_name, kind="failed", stage=f"{stage} failed", text=text, total=0)
        elif state in ("done", "kept"):
            self._finish(lane_name, stage, kept=state == "kept")
        else:
            self._active = lane_name
            self._set(lane_name, kind="running", stage=stage, text=text, done=0, total=0)

    def _finish(self, name: str, stage: str, *, kept: bool) -> None:
        words = f"{stage} {'kept from before' if kept else 'done'}"
        is_over = name == PREPARATION or stage == "Run"
        self._set(name, kind="done" if is_over else "waiting", stage=words, text="", done=0, total=0)

    def _progress(self, event: Mapping[str, Any]) -> None:
        done, total = int(event.get("done") or 0), int(event.get("total") or 0)
        self._set(self._active, done=done, total=total, text=str(event.get("text") or ""))

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
