"""What the Speed page says and lists, as plain values: conditions, trust in each rate, the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.execution.result import Result, Run
from workbench.report import names, numbers
from workbench.report.table import STATUS_WORDS
from workbench.ui.charts.samples import FLOATS, run_name, series_numbers, timed_runs
from workbench.ui.tables.rows import Heading, TableCell, TableRow

ROLES = {"SUSTAINED": "chip-ok", "SHORT": "chip-neutral", "DISTURBED": "chip-warn"}
NOT_MEASURED = "not measured"
LONG = 40
NO_RESULT = "Run the study, or open a finished one: rates over time and latencies of every runtime stand here."
NO_SPEED = (
    "This study measured no speed: its profile is none. Choose quick, standard or full on the Run page and run it "
    "again; what is finished is kept."
)
HEADINGS = (
    Heading("Run", "label of the rate", right=False),
    Heading("Sustained", "per s [95 %]"),
    Heading("First 5 s", "per s"),
    Heading("Peak", "per s"),
    Heading("P50", "ms"),
    Heading("P90", "ms"),
    Heading("P99", "ms"),
    Heading("Warm-up", "s, runs"),
    Heading("Measured", "s, windows"),
    Heading("Answers checked", "differing"),
)


@dataclass(frozen=True)
class Trust:
    """How far one run's rate can be trusted: a word with its style role, whose it is, and why."""

    word: str
    role: str
    name: str
    reason: str


def conditions(result: Result) -> str:
    """Return the conditions that all timed runs share, in words, and what differs between them."""
    runs = timed_runs(result)
    found = [run.throughput_per_s.conditions for run in runs if run.throughput_per_s is not None]
    if not found:
        return ""
    keys = list(dict.fromkeys(key for entry in found for key in entry))
    values = {key: sorted({entry.get(key, "not known") for entry in found}) for key in keys}
    parts = [_condition(key, found) for key, found in values.items()]
    return " \N{MIDDLE DOT} ".join(parts)


def _condition(key: str, values: list[str]) -> str:
    words = " or ".join(values).replace("_", " ").replace("cells", "runs")
    if len(words) > LONG and len(values) > 1:
        return f"{key.replace('_', ' ')} differs between runs"
    if key in ("scenario", "interleaving"):
        return words
    if key == "rounds":
        count, mark, rest = words.partition(",")
        return f"{count} rounds{mark}{rest}"
    return f"{words} thread{'' if words == '1' else 's'}" if key == "threads" else f"{key.replace('_', ' ')} {words}"


def trust_rows(result: Result) -> list[Trust]:
    """Return a line for every timed run, in the order of the rows; below them what became of the others."""
    order = series_numbers(result)
    runs = [run for run in result.runs if not names.word_of(run)]
    runs = sorted(runs, key=lambda run: (order.get((run.label, run.candidate), 0), run.precision in FLOATS))
    rows = [_trust(run, result) for run in runs]
    timed = [row for row in rows if row.word in ROLES]
    return timed + _together([(run.label, row) for run, row in zip(runs, rows, strict=True) if row.word not in ROLES])


def _together(rows: Sequence[tuple[str, Trust]]) -> list[Trust]:
    """Return one line for all runs of a label to which the same happened for the same reason."""
    found: dict[tuple[str, str, str], list[Trust]] = {}
    for name, row in rows:
        found.setdefault((name, row.word, row.reason), []).append(row)
    return [
        same[0] if len(same) == 1 else replace(same[0], name=numbers.shorten(name, 48))
        for (name, _, _), same in found.items()
    ]


def _trust(run: Run, result: Result) -> Trust:
    name, speed = run_name(run, result, 48), run.throughput_per_s
    if speed is not None:
        reason = speed.label_reason or f"{numbers.number(len(speed.windows_per_s))} windows of 1 s"
        return Trust(speed.label, ROLES[speed.label], name, reason)
    if run.status == "ok":
        return Trust(NOT_MEASURED, "chip", name, run.reasons.get("throughput_per_s", "no reason is on record"))
    reason = run.problem.message if run.problem else "no reason is on record"
    role = "chip" if run.status in ("not_available", "cancelled") else "chip-bad"
    reason = reason.partition(";")[0] if run.status == "not_available" else reason
    return Trust(STATUS_WORDS[run.status], role, name, numbers.cut(reason, 200))


def findings(result: Result) -> list[str]:
    """Return what must be said before any figure: nothing measured, disturbed runs, one runtime only."""
    runs = timed_runs(result)
    if not runs:
        return [_why_nothing(result)]
    said = []
    disturbed = sum(run.throughput_per_s is not None and run.throughput_per_s.label == "DISTURBED" for run in runs)
    if disturbed:
        count = f"{numbers.number(disturbed)} of {numbers.number(len(runs))} timed runs"
        verb = "was" if disturbed == 1 else "were"
        said.append(f"{count} {verb} disturbed: run them again on a quiet machine before their rates are used.")
    labels = list(dict.fromkeys(run.label for run in runs))
    if len(labels) == 1:
        said.append(f"Only {numbers.shorten(labels[0], 60)} was timed, so there is no other runtime to compare with.")
    return said


def _why_nothing(result: Result) -> str:
    measured = [run for run in result.runs if not names.word_of(run)]
    if not measured:
        return "No runtime was part of this study, so no speed was measured."
    if not any(run.status == "ok" for run in measured):
        return "No runtime finished, so no speed was measured. The reasons stand below."
    if result.profile == "none":
        return NO_SPEED
    reasons = dict.fromkeys(run.reasons.get("throughput_per_s", "") for run in measured if run.status == "ok")
    known = "; ".join(reason for reason in reasons if reason)
    return f"No speed was measured: {known}." if known else "No speed was measured; no reason is on record."


def table_rows(result: Result) -> list[TableRow]:
    """Return the table of all timed runs, in the columns of HEADINGS."""
    return [_table_row(run, result) for run in timed_runs(result)]


def _table_row(run: Run, result: Result) -> TableRow:
    speed = run.throughput_per_s
    assert speed is not None
    shown = speed.interval is not None
    interval = "" if speed.interval is None else f"[{', '.join(numbers.significant(end) for end in speed.interval)}]"
    sustained = TableCell(numbers.significant(speed.sustained), interval, sort=speed.sustained)
    cells = (
        TableCell(run_name(run, result, 48), speed.label),
        sustained if shown else TableCell(numbers.NOT_SHOWN),
        _figure(speed.first_5s),
        _figure(speed.peak if shown else None),
        *_percentiles(run),
        _pair(speed.warm_up_s, speed.warm_up_runs, "runs"),
        _pair(speed.measured_s or None, len(speed.windows_per_s), "windows"),
        TableCell(numbers.number(speed.answers_checked), f"{numbers.number(speed.answers_differing)} differ",
                  sort=float(speed.answers_checked)),
    )  # fmt: skip
    return TableRow(cells, style="plain" if run.precision in FLOATS else "strong")


def _percentiles(run: Run) -> Sequence[TableCell]:
    latency = run.latency_ms
    values = (None, None, None) if latency is None else (latency.p50, latency.p90, latency.p99)
    return [_figure(value) for value in values]


def _figure(value: float | None) -> TableCell:
    return TableCell(numbers.DASH) if value is None else TableCell(numbers.significant(value), sort=value)


def _pair(seconds: float | None, count: int, word: str) -> TableCell:
    main = numbers.DASH if seconds is None else numbers.number(seconds, 1)
    return TableCell(main, f"{numbers.number(count)} {word}", sort=seconds)
