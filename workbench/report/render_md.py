"""The sheet as Markdown (GitHub tables), for pull requests, model cards and README files."""

from __future__ import annotations

from workbench.report.sheet import Sheet
from workbench.report.table import Cell, Group, Row, Table
from workbench.report.view import Line, Section, view_of


def render_md(sheet: Sheet) -> bytes:
    """Return the sheet as UTF-8 Markdown; its first line is the line for a slide."""
    view = view_of(sheet)
    parts = [view.first_line, f"# {_escape(sheet.title)}", " \N{MIDDLE DOT} ".join(chip.text for chip in sheet.chips)]
    parts += [_sentences(sheet), " ".join(sheet.notes)]
    if view.table.groups:
        parts += ["## Comparison", _table(view.table), _caption(view.conditions)]
    parts += ["## Disclosure", view.completeness, "\n".join(f"- {_escape(item)}" for item in sheet.not_disclosed)]
    parts += [_section(section) for section in view.sections]
    parts.append(f"Sheet SHA-256 `{sheet.sheet_sha256}`, int8-workbench {sheet.program_version}, {sheet.created_utc}.")
    return ("\n\n".join(part for part in parts if part) + "\n").encode("utf-8")


def _sentences(sheet: Sheet) -> str:
    lines = [f"- **{_escape(entry.lead)}** {_escape(entry.detail)}".rstrip() for entry in sheet.sentences]
    return "\n".join(lines) or "Nothing was measured."


def _caption(conditions: str) -> str:
    speed = f" Speed: {conditions}." if conditions else ""
    return f"Intervals at 95 %.{speed} Speed ratios only within one machine."


def _table(table: Table) -> str:
    head = [f"{column.title} ({column.unit.strip('()')})" for column in table.columns]
    rule = ["---:" if column.right else "---" for column in table.columns]
    lines = [_bar(head), _bar(rule)]
    for group in table.groups:
        lines.append(_group_bar(group, len(table.columns)))
        lines += [_row(row) for row in group.rows]
    return "\n".join(lines)


def _group_bar(group: Group, count: int) -> str:
    return _bar([f"*{_escape(group.title)}*", *([""] * (count - 1))])


def _row(row: Row) -> str:
    cells = [_cell(cell) for cell in row.cells]
    if row.message:
        cells[2] = _escape(row.message)
    return _bar(cells)


def _cell(cell: Cell) -> str:
    text = _escape(cell.text)
    return f"**{text}** \N{BLACK DIAMOND}" if cell.best else text


def _bar(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _section(section: Section) -> str:
    lines = [f"- {_escape(line.label)}: {_value(line)}" for line in section.lines]
    body = "\n\n".join(part for part in (_escape(section.note), "\n".join(lines)) if part)
    return f"### {_escape(section.title)}\n\n{body}"


def _value(line: Line) -> str:
    if not line.disclosed:
        return f"**{line.value}**"
    return f"`{line.value}`" if line.mono else _escape(line.value)


def _escape(text: str) -> str:
    for sign in ("\\", "|", "*", "_", "<", "`", "["):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
