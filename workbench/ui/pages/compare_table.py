"""The comparison of the report as rows of a window's table, with what each column is sorted by."""

from __future__ import annotations

from workbench.report.formats import number_of
from workbench.report.sheet import SheetRun
from workbench.report.table import Cell, Table
from workbench.report.table import Row as ReportRow
from workbench.ui.tables.rows import Heading, TableCell, TableRow

_SORTED_BY = {
    "accuracy": "accuracy",
    "change": "accuracy_change_points",
    "agreement": "top1_agreement",
    "sqnr": "sqnr_db",
    "mac_share": "int8_mac_share",
    "rate": "throughput",
    "own_fp32": "speedup.own_fp32",
    "own_fp16": "speedup.own_fp16",
    "fastest": "speedup.fastest_float",
    "latency": "latency.p50",
    "size": "artifact_bytes",
}
_VERDICT_ORDER = {"pass": 0.0, "none": 1.0, "unknown": 2.0, "fail": 3.0, "missing": 4.0, "": 5.0}
_STYLES = {"int8": "strong", "float": "plain", "word": "muted"}


def headings_of(table: Table) -> list[Heading]:
    """Return the columns; those of words need no unit."""
    return [Heading(column.title, column.unit if column.right else "", column.right) for column in table.columns]


def rows_of(table: Table) -> list[TableRow]:
    """Return the rows with a heading per group; figures can be sorted, verdicts from ship to failed."""
    keys = [column.key for column in table.columns]
    rows: list[TableRow] = []
    for number, group in enumerate(table.groups):
        title = (TableCell(group.title),)
        rows.append(TableRow(title, number, is_heading=True, is_below_line=group.below_the_line))
        rows += [_row(entry, keys, number) for entry in group.rows]
    return rows


def _row(entry: ReportRow, keys: list[str], group: int) -> TableRow:
    cells = tuple(_cell(cell, key, entry.run) for cell, key in zip(entry.cells, keys, strict=True))
    return TableRow(cells, group, _STYLES[entry.style], entry.message, data=entry.run)


def _cell(cell: Cell, key: str, run: SheetRun) -> TableCell:
    sort: float | str | None = None
    if key == "verdict":
        sort = _VERDICT_ORDER.get(cell.state, 5.0)
    elif key == "changed":
        found = run.fields.get("answers_changed")
        sort = found.get("changed") if isinstance(found, dict) else None
    elif key in _SORTED_BY:
        sort = number_of(run.fields.get(_SORTED_BY[key]))
    return TableCell(cell.main, cell.sub, cell.note, cell.state, cell.best, sort=sort)
