"""The comparison as rows and cells, shared by the terminal, HTML, PDF and Markdown.

Rows are grouped by machine. Measured rows come first, INT8 before the float runs they are judged against; then each
runtime that is absent, once; simulated, reference and recorded rows stand in a group of their own below, with that word
in every cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.execution.elsewhere.names import MEASURED_FACT
from workbench.report import numbers
from workbench.report.formats import number_of, pair_of
from workbench.report.names import PRECISION_TITLES, precision_title
from workbench.report.sheet import Sentence, Sheet, SheetRun

BLANK = numbers.DASH
LONGEST, LONGEST_CANDIDATE, LONGEST_MESSAGE = 34, 44, 240
"""Letters of a row's name, of a candidate on a line of its own, and of what stands instead of figures."""
STATUS_WORDS = {
    "failed": "failed",
    "crashed": "crashed",
    "timed_out": "timed out",
    "cancelled": "cancelled",
    "not_available": "not measured",
}
ABSENT = "not_available"


@dataclass(frozen=True)
class Cell:
    """One cell: the figure, below it its interval, below that its label or word.

    `best` marks the row that no other reaches.
    """

    main: str
    sub: str = ""
    note: str = ""
    state: str = ""
    best: bool = False

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(part for part in (self.main, self.sub, self.note) if part)


@dataclass(frozen=True)
class Column:
    """One column: key, heading, unit under it, and whether figures stand to the right."""

    key: str
    title: str
    unit: str
    right: bool = True


@dataclass(frozen=True)
class Row:
    """One run. `style`: "int8" | "float" | "word" (not measured by this program on a device).

    `message` stands across all cells after the verdict where the run has no figures.
    """

    run: SheetRun
    cells: tuple[Cell, ...]
    style: str
    message: str = ""


@dataclass(frozen=True)
class Group:
    """Rows of one machine, or the rows below the line."""

    title: str
    rows: tuple[Row, ...]
    below_the_line: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and groups of the comparison."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]


COLUMNS = (
    Column("run", "Runtime", "version, precision", right=False),
    Column("verdict", "Verdict", "by interval", right=False),
    Column("accuracy", "Accuracy", "% [95 %]"),
    Column("change", "Change", "points [95 %]"),
    Column("changed", "Changed", "(r\N{RIGHTWARDS ARROW}w / w\N{RIGHTWARDS ARROW}r)"),
    Column("agreement", "Same answer", "% [95 %]"),
    Column("sqnr", "SQNR", "dB [95 %]"),
    Column("mac_share", "INT8", "% of MACs"),
    Column("rate", "Sustained", "per s [95 %]"),
    Column("own_fp32", f"{numbers.TIMES} own FP32", "[95 %]"),
    Column("own_fp16", f"{numbers.TIMES} own FP16", "[95 %]"),
    Column("fastest", f"{numbers.TIMES} best float", "here [95 %]"),
    Column("latency", "P50 / P90", "ms [95 %]"),
    Column("size", "Size", "artifact"),
)


def comparison(sheet: Sheet) -> Table:
    """Return the comparison of a sheet; columns that no row fills are left out.

    Agreement and SQNR stand in for accuracy and its change where the samples have no labels.
    """
    measured = [run for run in sheet.runs if not run.word]
    machines = list(dict.fromkeys(run.machine for run in measured))
    groups = [Group(_machine_title(sheet, name), _rows(sheet, measured, name)) for name in machines]
    others = tuple(_row(sheet, run, "word") for run in sheet.runs if run.word)
    if others:
        groups.append(Group("Not measured on a runtime", others, below_the_line=True))
    return _without_empty(Table(COLUMNS, tuple(groups)))


def sentence_of(sheet: Sheet, run: SheetRun) -> Sentence | None:
    """Return the verdict sentence of a run's row."""
    return next((s for s in sheet.sentences if (s.label, s.candidate) == (run.label, run.candidate)), None)


def conditions_of(sheet: Sheet) -> str:
    """Return the conditions of the speed figures that all runs share, in words, and the names of those that differ."""
    values = [run.fields.get("throughput.conditions") for run in sheet.runs]
    found = [value for value in values if isinstance(value, Mapping) and "not_applicable" not in value]
    keys = dict.fromkeys(key for value in found for key in value)
    shared = [f"{key} {found[0][key]}" for key in keys if all(value.get(key) == found[0].get(key) for value in found)]
    differing = [key for key in keys if any(value.get(key) != found[0].get(key) for value in found)]
    other = [f"{', '.join(differing)}: see each run"] if differing else []
    return "; ".join([*shared, *other])


def _rows(sheet: Sheet, runs: list[SheetRun], machine: str) -> tuple[Row, ...]:
    mine = _absent_once([run for run in runs if run.machine == machine])
    order = {"int8": 0, "fp16": 1, "fp32": 2}
    ranked = sorted(mine, key=lambda run: (run.status == ABSENT, order.get(run.precision, 3)))
    rows = [_row(sheet, run, "int8" if run.precision == "int8" else "float") for run in ranked]
    return tuple(_mark_best(rows))


def _absent_once(runs: list[SheetRun]) -> list[SheetRun]:
    """Leave out the float runs of an absent runtime whose INT8 row gives the same reason."""
    absent = [run for run in runs if run.status == ABSENT and run.precision == "int8"]
    said = [(run.label, run.candidate, run.problem) for run in absent]
    return [
        run
        for run in runs
        if run.status != ABSENT or run.precision == "int8" or (run.label, run.candidate, run.problem) not in said
    ]


def _row(sheet: Sheet, run: SheetRun, style: str) -> Row:
    first = _name_cell(sheet, run)
    if style == "word":
        if run.runtime == "reference":
            first = Cell(PRECISION_TITLES[run.precision], run.candidate if _needs_candidate(sheet, run) else "")
        cells = [_with_word(_fill(column.key, run), run.word) for column in COLUMNS[2:]]
        message = "" if run.status == "ok" else _message(sheet, run)
        return Row(run, (first, Cell(run.word) if not message else _verdict(sheet, run), *cells), style, message)
    if run.status != "ok":
        blanks = (Cell(BLANK) for _ in COLUMNS[2:])
        return Row(run, (first, _verdict(sheet, run), *blanks), style, _message(sheet, run))
    return Row(run, (first, _verdict(sheet, run), *(_fill(column.key, run) for column in COLUMNS[2:])), style)


def _name_cell(sheet: Sheet, run: SheetRun) -> Cell:
    """Return label, candidate where it is needed, version and precision; a long candidate has a line of its own."""
    version = run.title.removeprefix(run.label).strip()
    about = " ".join(part for part in (version, precision_title(run.precision, run.word)) if part)
    if not _needs_candidate(sheet, run):
        return Cell(numbers.shorten(run.label, LONGEST), about)
    name = f"{run.label} \N{MIDDLE DOT} {run.candidate}"
    if len(name) <= LONGEST:
        return Cell(name, about)
    return Cell(numbers.shorten(run.label, LONGEST), numbers.shorten(run.candidate, LONGEST_CANDIDATE), about)


def _needs_candidate(sheet: Sheet, run: SheetRun) -> bool:
    """Whether the row names its candidate: INT8 rows where there are several, others where two would read alike."""
    if run.precision == "int8":
        return sheet.candidate_count > 1
    alike = (run.label, run.precision, run.machine)
    return sum((other.label, other.precision, other.machine) == alike for other in sheet.runs) > 1


def _message(sheet: Sheet, run: SheetRun) -> str:
    found = sentence_of(sheet, run) if _speaks(sheet, run) else None
    if found is not None and found.state == "missing" and found.detail:
        return numbers.cut(found.detail, LONGEST_MESSAGE)
    if run.problem is None:
        return "no reason is on record"
    clause = run.problem.message.partition(";")[0] if run.status == "not_available" else run.problem.message
    return numbers.cut(clause, LONGEST_MESSAGE)


def _speaks(sheet: Sheet, run: SheetRun) -> bool:
    """Whether a row's verdict sentence is about this run: its INT8 run, or any where it has none."""
    mine = [other for other in sheet.runs if (other.label, other.candidate) == (run.label, run.candidate)]
    return run.precision == "int8" or all(other.precision != "int8" for other in mine)


def _verdict(sheet: Sheet, run: SheetRun) -> Cell:
    found = sentence_of(sheet, run)
    if run.precision == "int8" and found is not None:
        return Cell(found.word, state=found.state)
    if run.status != "ok":
        return Cell("refused" if run.refused else STATUS_WORDS[run.status], state="missing")
    return Cell("baseline")


_CELL_WORDS = {"reference evaluator": "evaluator"}
"""Words too long to stand in every cell; the row's verdict has them whole."""


def _with_word(cell: Cell, word: str) -> Cell:
    return cell if cell.main == BLANK else Cell(cell.main, cell.sub, _CELL_WORDS.get(word, word))


def _fill(key: str, run: SheetRun) -> Cell:
    cell = _FILLERS[key](run.fields)
    return cell or Cell(BLANK)


Fields = Mapping[str, Any]


def _accuracy(fields: Fields) -> Cell | None:
    value, pair = number_of(fields.get("accuracy")), pair_of(fields.get("accuracy"))
    if value is None or pair is None:
        return None
    return Cell(numbers.number(100 * value, 1), numbers.interval((100 * pair[0], 100 * pair[1]), 1))


def _change(fields: Fields) -> Cell | None:
    value, pair = number_of(fields.get("accuracy_change_points")), pair_of(fields.get("accuracy_change_points"))
    if value is None or pair is None:
        return None
    digits = numbers.digits_for(pair)
    return Cell(numbers.number(value, digits, signed=True), numbers.interval(pair, digits, signed=True))


def _changed(fields: Fields) -> Cell | None:
    found = fields.get("answers_changed")
    if not isinstance(found, Mapping) or "changed" not in found:
        return None
    ways = [found.get("right_to_wrong"), found.get("wrong_to_right")]
    sub = " / ".join(numbers.number(way) for way in ways if way is not None)
    return Cell(numbers.number(found["changed"]), f"({sub})" if sub else "")


def _agreement(fields: Fields) -> Cell | None:
    found = fields.get("top1_agreement")
    value, pair = number_of(found), pair_of(found)
    if value is None or pair is None:
        return None
    return Cell(numbers.number(100 * value, 1), numbers.interval((100 * pair[0], 100 * pair[1]), 1))


def _sqnr(fields: Fields) -> Cell | None:
    value, pair = number_of(fields.get("sqnr_db")), pair_of(fields.get("sqnr_db"))
    if value is None or pair is None:
        return None
    digits = numbers.digits_for(pair)
    return Cell(numbers.number(value, digits), numbers.interval(pair, digits))


def _mac_share(fields: Fields) -> Cell | None:
    share = number_of(fields.get("int8_mac_share"))
    return None if share is None else Cell(numbers.percent(share).removesuffix(" %"))


def _rate(fields: Fields) -> Cell | None:
    found = fields.get("throughput")
    value, pair = number_of(found), pair_of(found)
    if value is None or pair is None:
        return None
    label = str(found["label"]) if isinstance(found, Mapping) and "label" in found else ""
    interval = f"[{numbers.significant(pair[0])}, {numbers.significant(pair[1])}]"
    return Cell(numbers.significant(value), interval, label)


def _ratio(key: str) -> Callable[[Fields], Cell | None]:
    def fill(fields: Fields) -> Cell | None:
        value, pair = number_of(fields.get(key)), pair_of(fields.get(key))
        if value is None or pair is None:
            return None
        digits = numbers.ratio_digits(value, pair)
        return Cell(numbers.number(value, digits) + numbers.TIMES, numbers.interval(pair, digits))

    return fill


def _latency(fields: Fields) -> Cell | None:
    found = [fields.get(f"latency.{name}") for name in ("p50", "p90")]
    known = [(number_of(value), pair_of(value)) for value in found]
    if all(value is None or pair is None for value, pair in known):
        return None
    main = [BLANK if value is None or pair is None else numbers.significant(value) for value, pair in known]
    ends = [f"[{', '.join(map(numbers.significant, pair))}]" for value, pair in known if value is not None and pair]
    return Cell(" / ".join(main), ends[0], ends[1] if len(ends) > 1 else "")


def _size(fields: Fields) -> Cell | None:
    count = number_of(fields.get("artifact_bytes"))
    return None if count is None else Cell(numbers.size(int(count)))


_FILLERS: dict[str, Callable[[Fields], Cell | None]] = {
    "accuracy": _accuracy,
    "change": _change,
    "changed": _changed,
    "agreement": _agreement,
    "sqnr": _sqnr,
    "mac_share": _mac_share,
    "rate": _rate,
    "own_fp32": _ratio("speedup.own_fp32"),
    "own_fp16": _ratio("speedup.own_fp16"),
    "fastest": _ratio("speedup.fastest_float"),
    "latency": _latency,
    "size": _size,
}


def _mark_best(rows: list[Row]) -> list[Row]:
    """Mark the sustained rate whose interval lies above every other one of the same machine."""
    index = next(i for i, column in enumerate(COLUMNS) if column.key == "rate")
    pairs = [(pair_of(row.run.fields.get("throughput")), i) for i, row in enumerate(rows)]
    known = sorted(((pair, i) for pair, i in pairs if pair is not None), key=lambda entry: -entry[0][0])
    if len(known) < 2 or known[0][0][0] <= max(pair[1] for pair, _ in known[1:]):
        return rows
    winner = rows[known[0][1]]
    cell = winner.cells[index]
    marked = replace(cell, best=True)
    cells = (*winner.cells[:index], marked, *winner.cells[index + 1 :])
    return [replace(row, cells=cells) if row is winner else row for row in rows]


def _without_empty(table: Table) -> Table:
    rows = [row for group in table.groups for row in group.rows]
    kept = [
        i
        for i, column in enumerate(table.columns)
        if column.key in ("run", "verdict") or any(row.cells[i].main != BLANK for row in rows)
    ]
    if any(table.columns[i].key == "change" for i in kept):
        kept = [i for i in kept if table.columns[i].key not in ("agreement", "sqnr")]
    kept = kept if len(kept) > 2 else [0, 1, 2]
    groups = tuple(
        Group(
            group.title,
            tuple(replace(row, cells=tuple(row.cells[i] for i in kept)) for row in group.rows),
            group.below_the_line,
        )
        for group in table.groups
    )
    return Table(tuple(table.columns[i] for i in kept), groups)


def _machine_title(sheet: Sheet, name: str) -> str:
    fields = next((part.fields for part in sheet.machines if part.name == name), {})
    known = [fields.get(key) for key in ("machine.accelerator", "machine.cpu", "machine.os")]
    words = [str(value) for value in known if isinstance(value, str) and value != "NOT DISCLOSED"]
    return " \N{MIDDLE DOT} ".join([*words, name, *_measured_there(sheet, name)])


def _measured_there(sheet: Sheet, machine: str) -> list[str]:
    """Return on which days rows that came back from another machine were measured there; [] for rows made here."""
    facts = [run.fields.get("facts") for run in sheet.runs if run.machine == machine]
    days = sorted({item[MEASURED_FACT][:10] for item in facts if isinstance(item, dict) and MEASURED_FACT in item})
    return [f"imported, measured there on {', '.join(days)}"] if days else []
