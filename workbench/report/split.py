"""Where the error of each INT8 run comes from, in words: the distances of numerics' split, never added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.report import numbers
from workbench.report.formats import number_of
from workbench.report.names import row_name
from workbench.report.sheet import Sheet, SheetRun

RULE = (
    "Scheme: what INT8 costs in any runtime. Execution: this runtime's INT8 kernels against the simulated plan. "
    "Platform: this runtime in float. They are distances (NMSE) and do not add up."
)
NEGLIGIBLE = 1e-12
_PARTS = (
    ("divergence.scheme", "the scheme"),
    ("divergence.execution", "execution"),
    ("divergence.platform", "platform"),
)
_CAUSES = {
    "the scheme": "Mostly the scheme: any runtime that keeps to it would be as far off",
    "execution": "Mostly execution: this runtime's INT8 kernels differ from the simulated plan",
    "platform": "Mostly the platform: this runtime differs in float already",
}


@dataclass(frozen=True)
class Split:
    """One row: its name and what its distances say."""

    name: str
    text: str


def splits(sheet: Sheet) -> list[Split]:
    """Return one entry per measured INT8 run that has at least one distance, in the order of the runs."""
    several = sheet.candidate_count > 1
    found = [
        (row_name(run.label, run.candidate, several), _distances(run))
        for run in sheet.runs
        if run.precision == "int8" and run.status == "ok" and not run.word
    ]
    return [Split(name, _words(distances)) for name, distances in found if distances]


def _distances(run: SheetRun) -> dict[str, float]:
    values = {words: number_of(run.fields.get(key)) for key, words in _PARTS}
    return {words: value for words, value in values.items() if value is not None}


def _words(distances: Mapping[str, float]) -> str:
    ranked = sorted(distances.items(), key=lambda entry: -entry[1])
    (largest, top), others = ranked[0], ranked[1:]
    if top <= NEGLIGIBLE:
        return "No error beyond rounding."
    figures = ", ".join(f"{words.removeprefix('the ')} {_figure(value)}" for words, value in ranked)
    second = others[0][1] if others else 0.0
    if second > 0.5 * top:
        return f"{_capital(largest)} and {others[0][0]} alike: {figures}."
    return f"{_CAUSES[largest]}: {figures}."


def _figure(value: float) -> str:
    return "none" if value == 0 else "negligible" if value <= NEGLIGIBLE else numbers.scientific(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
