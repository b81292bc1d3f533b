"""What a page shows, in reading order, as plain text ready for a template: shared by HTML, PDF and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.report import numbers
from workbench.report.fields import Field, fields_of, is_disclosed
from workbench.report.formats import format_value, unit_of
from workbench.report.names import PRECISION_TITLES
from workbench.report.sheet import Sheet, SheetRun, first_line
from workbench.report.table import STATUS_WORDS, Table, comparison, conditions_of

DOT = " \N{MIDDLE DOT} "
NAMED_MISSING = 12


@dataclass(frozen=True)
class Line:
    """One field: label, value, whether it is disclosed and owed, and whether it is a hash (set in monospace)."""

    label: str
    value: str
    disclosed: bool
    required: bool
    mono: bool
    help: str


@dataclass(frozen=True)
class Section:
    """A heading with its fields; `note` stands before them, where a run did not finish."""

    title: str
    lines: tuple[Line, ...]
    note: str = ""


@dataclass(frozen=True)
class View:
    """One page. `missing` names the first required fields that are not disclosed."""

    sheet: Sheet
    first_line: str
    completeness: str
    missing: str
    conditions: str
    table: Table
    sections: tuple[Section, ...]


def view_of(sheet: Sheet) -> View:
    """Return what a page of this sheet shows."""
    return View(
        sheet=sheet,
        first_line=first_line(sheet),
        completeness=completeness(sheet),
        missing=_missing(sheet),
        conditions=conditions_of(sheet),
        table=comparison(sheet),
        sections=tuple(_sections(sheet)),
    )


def completeness(sheet: Sheet) -> str:
    """Return "Complete: ..." or "3 required fields are NOT DISCLOSED"."""
    count = len(sheet.not_disclosed)
    if count == 0:
        return "Complete: every required field is disclosed."
    return f"{numbers.number(count)} required {'field is' if count == 1 else 'fields are'} NOT DISCLOSED."


def _missing(sheet: Sheet) -> str:
    shown = sheet.not_disclosed[:NAMED_MISSING]
    more = len(sheet.not_disclosed) - len(shown)
    text = DOT.join(shown)
    return f"{text}{DOT}and {numbers.number(more)} more, each marked below" if more else text


def _sections(sheet: Sheet) -> list[Section]:
    found = [Section("Model, data and task", _lines(fields_of("study"), sheet.study))]
    for part in sheet.candidates:
        title = "Scheme and calibration" + (f": {part.name}" if len(sheet.candidates) > 1 else "")
        found.append(Section(title, _lines(fields_of("candidate"), part.fields)))
    found += [Section(f"Machine {part.name}", _lines(fields_of("machine"), part.fields)) for part in sheet.machines]
    ranked = sorted(sheet.runs, key=lambda run: (bool(run.word), run.precision != "int8"))
    return found + [_run_section(run, sheet.candidate_count > 1) for run in ranked]


def _run_section(run: SheetRun, several: bool) -> Section:
    parts = [] if run.runtime == "reference" else [numbers.shorten(run.title, 90)]
    parts += [run.candidate] if several else []
    parts.append(PRECISION_TITLES[run.precision])
    parts += [run.word] if run.word and run.runtime != "reference" else []
    parts += [] if run.status == "ok" else [STATUS_WORDS[run.status]]
    title = DOT.join(parts)
    if run.status != "ok":
        known = tuple(field for field in fields_of("run", run.precision) if field.key in run.fields)
        return Section(title, _lines(known, run.fields), _problem(run))
    extra = [Line("Mismatch", text, True, False, True, "") for text in run.mismatches]
    extra += [Line("Finding", text, True, False, False, "") for text in run.findings]
    extra += [
        Line("Sample", "; ".join(f"{k}: {v}" for k, v in entry.items()), True, False, False, "")
        for entry in run.samples
    ]
    return Section(title, (*_lines(fields_of("run", run.precision), run.fields), *extra))


def _problem(run: SheetRun) -> str:
    if run.problem is None:
        return "No reason is on record."
    signal = f"Signal {run.problem.signal}." if run.problem.signal else ""
    tail = "Last log lines: " + " | ".join(run.problem.log_tail) if run.problem.log_tail else ""
    parts = (run.refused, run.problem.message, signal, run.problem.remedy, tail)
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def _lines(fields: tuple[Field, ...], values: Mapping[str, Any]) -> tuple[Line, ...]:
    """Return the lines of a section: an optional field that nobody told is left out, a required one never."""
    return tuple(
        _line(field, values.get(field.key)) for field in fields if field.required or is_disclosed(values.get(field.key))
    )


def _line(field: Field, value: Any) -> Line:
    disclosed = is_disclosed(value)
    applies = not (isinstance(value, Mapping) and "not_applicable" in value)
    unit = unit_of(field)
    text = format_value(field, value)
    if (
        disclosed
        and applies
        and unit
        and field.kind not in ("text", "mapping", "list", "changes", "throughput", "reasons")
    ):
        text = _with_unit(text, unit)
    return Line(field.label, text, disclosed, field.required, field.kind == "hash" and disclosed, field.help)


def _with_unit(text: str, unit: str) -> str:
    head, mark, tail = text.partition(" (n = ")
    return f"{head} {unit}{mark}{tail}"
