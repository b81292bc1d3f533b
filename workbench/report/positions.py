"""Error against the position in the sequence, in words: how near a recurrent model stays as its state is fed back."""

from __future__ import annotations

from workbench.execution.result import PositionErrors, Result
from workbench.report import numbers
from workbench.report.names import row_name, several_candidates


def position_lines(result: Result) -> list[str]:
    """Return "ORT: SQNR 31.3 dB at the first frame, 39.0 in the middle, 40.9 at the last of 120." per INT8 run."""
    several = several_candidates(result)
    return [
        f"{row_name(run.label, run.candidate, several)}: SQNR {position_text(run.error_by_position)}."
        for run in result.runs
        if run.precision == "int8" and run.error_by_position
    ]


def position_text(found: PositionErrors) -> str:
    """Return the SQNR of the first, the middle and the last stretch of positions."""
    first, middle, last = (found.sqnr_db[place] for place in (0, len(found.sqnr_db) // 2, -1))
    where = f"at the last of {numbers.number(found.frames)}"
    return f"{_decibels(first)} dB at the first frame, {_decibels(middle)} in the middle, {_decibels(last)} {where}"


def _decibels(value: float | None) -> str:
    return "equal or unknown" if value is None else numbers.number(value, 1)
