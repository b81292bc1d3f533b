"""What a native tool-chain alone changes, in words: one line per row and pair of candidates."""

from __future__ import annotations

from workbench.execution.result import Exchange, Result
from workbench.report import numbers
from workbench.report.names import sample_word


def exchange_lines(result: Result) -> list[str]:
    """Return "ORT: quantize_static instead of S1 changes 13 of 400 answers, accuracy by -0.5 [-2.4, +1.4] points."."""
    word = sample_word(result)
    return [_line(entry, word) for entry in result.exchanges]


def _line(entry: Exchange, samples: str) -> str:
    parts = [part for part in (_answers(entry, samples), _accuracy(entry)) if part]
    changed = " and ".join(parts) if parts else _distance(entry)
    return f"{entry.label}: {entry.candidate} instead of {entry.instead_of} changes {changed}."


def _answers(entry: Exchange, samples: str) -> str:
    if entry.answers_differ is None:
        return ""
    return f"the answer on {numbers.number(entry.answers_differ)} of {numbers.number(entry.n)} {samples}"


def _accuracy(entry: Exchange) -> str:
    change = entry.accuracy_change_points
    if change is None or change.interval is None:
        return ""
    return f"accuracy by {numbers.points(change.value, change.interval)} points"


def _distance(entry: Exchange) -> str:
    if entry.nmse == 0:
        return "nothing: both give the same outputs"
    decibels = "an unknown distance" if entry.sqnr_db is None else f"{numbers.number(entry.sqnr_db, 1)} dB SQNR"
    return f"the outputs by {decibels}"
