"""What stands below the comparison: what reading changed, what did not finish, gates, findings, the exit code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from workbench.cli.common import aligned, listed
from workbench.execution.result import GateVerdict, Result, Run
from workbench.report.open_gates import true_minus

SHOWN = 6
LOG_LINES = 5


def model_text(result: Result, width: int) -> str:
    """Return what was changed on reading the model, an import's figures against torch among it; "" for nothing."""
    lines = [
        textwrap.fill(_sentence(note), width, initial_indent="  ", subsequent_indent="    ")
        for note in result.model.notes
    ]
    return "\n".join([f"Model {result.model.name}:", *lines]) if lines else ""


def problems_text(result: Result, width: int) -> str:
    """Return, per run that did not finish, why, how to mend it and its last log lines; "" when all did."""
    blocks = [_problem(run, width) for run in result.runs if run.status != "ok"]
    return "\n".join(["Did not run:", *blocks]) if blocks else ""


def _problem(run: Run, width: int) -> str:
    name = f"{run.label} {run.candidate} {run.precision}"
    if run.problem is None:
        return f"  {name}: {run.status}"
    head = f"{name}: {run.problem.message.rstrip('.')}. {run.problem.remedy}".rstrip()
    log = [f"      | {line.rstrip()}"[:width] for line in run.problem.log_tail[-LOG_LINES:] if line.strip()]
    return "\n".join([textwrap.fill(head, width, initial_indent="  ", subsequent_indent="    "), *log])


def findings_text(result: Result, width: int) -> str:
    """Return what a reader must know before believing the figures, each once; "" when there is nothing."""
    found = list(dict.fromkeys([*result.findings, *_of_runs(result.runs)]))
    if not found:
        return ""
    lines = [textwrap.fill(_sentence(text), width, initial_indent="  ! ", subsequent_indent="    ") for text in found]
    more = [f"    and {len(lines) - SHOWN} more, in the sheet"] if len(lines) > SHOWN else []
    return "\n".join(["Look at this first:", *lines[:SHOWN], *more])


def _of_runs(runs: Sequence[Run]) -> list[str]:
    differ = [
        f"{run.label} {run.precision}: {len(run.parity.mismatches)} numbers in the artifact are not the plan's"
        for run in runs
        if run.parity and run.parity.mismatches
    ]
    return differ + _once([(f"{run.label} {run.precision}", text) for run in runs for text in run.findings])


def _once(found: Sequence[tuple[str, str]]) -> list[str]:
    """Return findings that differ in their figures alone once, with the number of further runs."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for run, text in found:
        groups.setdefault(re.sub(r"[\d.,]+", "#", text), []).append((run, text))
    return [
        f"{group[0][0]}{f' and {len(group) - 1} more' if len(group) > 1 else ''}: {group[0][1]}"
        for group in groups.values()
    ]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def exit_text(result: Result, code: int) -> str:
    """Return one line that says what the exit code means for this result."""
    return f"Exit code {code}: {'; '.join(_reasons(result, code))}."


def _reasons(result: Result, code: int) -> list[str]:
    failed = [verdict for verdict in result.verdicts if verdict.verdict == "FAIL"]
    if failed:
        return [f"{len(failed)} of {len(result.verdicts)} gates failed: {_named(failed)}"]
    late = [run for run in result.runs if run.status != "ok" and run.required]
    missing = [f"{run.label} {run.precision} ({run.status.replace('_', ' ')})" for run in late]
    open_gates = [verdict for verdict in result.verdicts if verdict.verdict == "CANNOT TELL"]
    found = [f"required and did not run: {listed(missing)}"] if missing and code else []
    if open_gates:
        found.append(f"cannot tell for {len(open_gates)} of {len(result.verdicts)} gates: {_named(open_gates)}")
    if not result.gates:
        return [*found, "no gates set"]
    if not result.verdicts:
        return [*found, "gates are set, and no INT8 run is there to judge"]
    return found or [f"all {len(result.verdicts)} gates passed"]


def _named(verdicts: Sequence[GateVerdict]) -> str:
    return listed([f"{verdict.label} {verdict.candidate} {verdict.gate}" for verdict in verdicts])


def gates_text(result: Result, width: int) -> str:
    """Return each gate that did not pass with its figure, its limit and what it lacks; "" where all passed."""
    rest = [entry for word in ("FAIL", "CANNOT TELL") for entry in result.verdicts if entry.verdict == word]
    if not rest:
        return ""
    several = len({entry.candidate for entry in rest}) > 1
    heads = aligned([[entry.verdict, entry.gate, _row(entry, several), "|"] for entry in rest])
    lines = [
        textwrap.fill(head.rstrip("|") + true_minus(entry.text), width, initial_indent="  ", subsequent_indent=" " * 6)
        for head, entry in zip(heads.splitlines(), rest, strict=True)
    ]
    passed = len(result.verdicts) - len(rest)
    return "\n".join([f"Gates that did not pass ({passed} of {len(result.verdicts)} passed):", *lines])


def _row(entry: GateVerdict, several: bool) -> str:
    return f"{entry.label} {entry.candidate}" if several else entry.label
