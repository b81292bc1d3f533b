"""The sheet as CSV in long form: one line per run and field, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.report.fields import NOT_DISCLOSED, Field, fields_of, is_disclosed
from workbench.report.formats import format_value, number_of, pair_of, windows_of
from workbench.report.sheet import Sheet

HEADER = ("run", "field", "value", "unit", "interval_low", "interval_high", "n", "note")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def render_csv(sheet: Sheet) -> bytes:
    """Return the sheet as UTF-8 CSV with Unix line ends. Shares are fractions, figures unrounded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(tuple(safe(item) for item in row) for row in rows(sheet))
    return text.getvalue().encode("utf-8")


def rows(sheet: Sheet) -> Iterator[tuple[Any, ...]]:
    """Yield the lines below the header; study fields have the run "study"."""
    yield ("study", "sheet_sha256", sheet.sheet_sha256, "", None, None, None, "")
    yield from _of("study", fields_of("study"), sheet.study)
    for part in sheet.candidates:
        yield from _of(f"candidate {part.name}", fields_of("candidate"), part.fields)
    for part in sheet.machines:
        yield from _of(f"machine {part.name}", fields_of("machine"), part.fields)
    for run in sheet.runs:
        name = f"{run.label} / {run.candidate} / {run.precision}"
        yield (name, "status", run.status, "", None, None, None, "")
        if run.problem is not None:
            yield (name, "problem", run.problem.message, "", None, None, None, "")
        if run.word:
            yield (name, "evidence", run.word, "", None, None, None, "")
        known = fields_of("run", run.precision)
        yield from _of(name, tuple(f for f in known if run.status == "ok" or f.key in run.fields), run.fields)


def _of(name: str, fields: tuple[Field, ...], values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for field in fields:
        value = values.get(field.key)
        if not is_disclosed(value):
            if field.required:
                yield (name, field.key, NOT_DISCLOSED, "", None, None, None, "")
            continue
        yield (name, field.key, *_columns(field, value))


def _columns(field: Field, value: Any) -> tuple[Any, ...]:
    number, pair = number_of(value), pair_of(value)
    if number is None:
        return (format_value(field, value), "", None, None, None, "")
    n = value.get("n") if isinstance(value, Mapping) else None
    low, high = pair or (None, None)
    exact = value if isinstance(value, int) else number
    return (exact, field.unit, low, high, n, _note(value))


def _note(value: Any) -> str:
    """Return what must stand beside a figure: the validity label of a rate, baseline and windows of a ratio."""
    if not isinstance(value, Mapping):
        return ""
    apart = "" if value.get("interleaved", True) else "not interleaved"
    baseline = f"against {value['baseline']}" if value.get("baseline") else ""
    return ", ".join(part for part in (value.get("label", ""), baseline, apart, windows_of(value)) if part)


def safe(item: Any) -> Any:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{item}" if isinstance(item, str) and item.startswith(_DANGEROUS) else item
