"""Which cells a study has: (label, candidate, precision), each run once whatever the number of candidates."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import StudyError
from workbench.execution.study import Candidate, RuntimeSection, Study

FLOAT = ("fp32", "fp16")
LOAD_S = 1.0
WARM_UP_S = 2.3
ROUNDS: Mapping[str, int] = {"quick": 5, "standard": 6, "full": 10, "none": 0}
"""Timed blocks per cell by profile; the cells of a group take turns."""


@dataclass(frozen=True)
class Cell:
    """One runtime row on one candidate in one precision.

    Attributes:
        row: the study's runtime row; candidate: the first candidate this cell stands for.
        precision: fp32 | fp16 | int8.
        python: the interpreter that runs this row's workers.
    """

    row: RuntimeSection
    candidate: Candidate
    precision: str
    python: str = sys.executable

    @property
    def name(self) -> tuple[str, str, str]:
        """(label, candidate, precision), unique in a study."""
        return self.row.label, self.candidate.name, self.precision

    @property
    def title(self) -> str:
        """Words for progress lines."""
        return f"{self.row.label} · {self.candidate.name} · {self.precision}"

    @property
    def target(self) -> str:
        """The machine the artifact is for; this one unless the row says otherwise."""
        return self.row.target or native_target(platform.machine())


def cells_of(study: Study) -> list[Cell]:
    """Return the study's cells in order: rows, then candidates, float before INT8.

    A float cell belongs to a model, not to a scheme: candidates that share a model share it.

    Raises:
        StudyError: the study has no runtimes, or no cell follows from its precisions and schemes.
    """
    if not study.file.runtimes:
        raise StudyError(f"{study.name} names no runtimes", how='Add [[runtimes]] with id = "ort_cpu".')
    candidates = study.candidates
    cells = [cell for row in study.file.runtimes for cell in _cells_of_row(row, candidates, study.interpreter(row))]
    if not cells:
        raise StudyError(f"{study.name} leaves nothing to run", why="no precision fits a candidate's scheme")
    return cells


def _cells_of_row(row: RuntimeSection, candidates: list[Candidate], python: str) -> list[Cell]:
    cells: list[Cell] = []
    seen: set[tuple[str, str]] = set()
    for candidate in candidates:
        for precision in _precisions(row, candidate):
            if precision in FLOAT:
                if (candidate.source, precision) in seen:
                    continue
                seen.add((candidate.source, precision))
            cells.append(Cell(row, candidate, precision, python))
    return cells


def _precisions(row: RuntimeSection, candidate: Candidate) -> list[str]:
    """Float baselines the row asks for, then what the candidate is; a float candidate is run whatever the row asks."""
    own: str = "int8" if candidate.is_quantized else candidate.scheme.name
    wanted: list[str] = [precision for precision in FLOAT if precision in row.precisions or precision == own]
    return [*wanted, "int8"] if own == "int8" and "int8" in row.precisions else wanted


class TimeLeft:
    """Seconds that parts of the cells will still take, at the pace of the reference run."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, ...], float] = {}
        self._shares: dict[tuple[str, ...], float] = {}

    def plan(self, cells: list[Cell], samples_s: float, rounds: int, speed_s: float) -> None:
        """Estimate every part: all samples at the reference's pace, load and warm-up, and the timed rounds.

        Args:
            samples_s: seconds the reference took for all samples.
            rounds, speed_s: timed blocks per cell, and their seconds together.
        """
        for cell in cells:
            self._parts[(*cell.name, "accuracy")] = LOAD_S + samples_s / cell.row.threads
            if rounds:
                self._parts[(*cell.name, "warm_up")] = WARM_UP_S
                self._parts |= {(*cell.name, f"block {number}"): speed_s / rounds for number in range(rounds)}

    def done(self, cell: Cell, part: str = "") -> None:
        """Strike one part of a cell, or all of it."""
        for key in [key for key in self._parts if key[:3] == cell.name and part in ("", key[3])]:
            del self._parts[key]

    def hear(self, cell: Cell, event: Mapping[str, Any]) -> None:
        """Take off what a cell's worker tells to have done of the part under way ("progress" and "rate" events)."""
        part, share = self._part_of(cell, event)
        self._shares[(*cell.name, part)] = min(max(share, 0.0), 1.0)

    @property
    def seconds(self) -> float:
        """The estimate; 0 when nothing is planned or left."""
        return sum(seconds * (1 - self._shares.get(key, 0.0)) for key, seconds in self._parts.items())

    def _part_of(self, cell: Cell, event: Mapping[str, Any]) -> tuple[str, float]:
        """Return which part an event is about, and the share of it that is done."""
        if event["event"] == "progress":
            return "accuracy", event["done"] / event["total"] if event["total"] else 0.0
        ran_s = event["start_s"] + event["seconds"]
        if event["phase"] == "warm_up":
            return "warm_up", ran_s / WARM_UP_S
        part = f"block {event['block']}"
        return part, ran_s / self._parts.get((*cell.name, part), math.inf) - event["block"]


def native_target(machine: str) -> str:
    """Return the target name of this machine's architecture (`platform.machine()`)."""
    return "arm64" if machine.lower() in ("arm64", "aarch64") else "x64"
