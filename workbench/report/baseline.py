"""A study against its baseline in words: what differs, and per row what moved; plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from workbench.execution.baseline_record import BaselineComparison, ComparedRun, PlanMove
from workbench.report import numbers
from workbench.report.names import row_name

SHOWN = 3
"""Samples, nodes and scales that a row names; baseline.json has more."""
SAME = "the same answers bit for bit"


def baseline_text(comparison: BaselineComparison, width: int) -> str:
    """Return what differs from the baseline, a paragraph per row; no line longer than `width`."""
    blocks = [
        _wrapped(f"Against the baseline {_baseline(comparison)}: {_differs(comparison.differs)}.", width, ""),
        *(_row(run, comparison, width) for run in comparison.runs),
        *(_wrapped(plan_sentence(move), width) for move in comparison.plans),
    ]
    if comparison.gone:
        blocks.append(_wrapped(f"In the baseline alone: {', '.join(comparison.gone)}.", width))
    return "\n".join(blocks)


def row_title(run: ComparedRun, comparison: BaselineComparison) -> str:
    """Return a run's row and precision, with its candidate where there are several."""
    several = len({item.candidate for item in comparison.runs}) > 1
    return f"{row_name(run.label, run.candidate, several)} {run.precision}"


def moved_words(run: ComparedRun) -> str:
    """Return one clause about what moved, such as "12 of 200 answers changed, ..."; why not, where it is not known."""
    missing = run.reasons.get("baseline", "")
    if missing:
        known = "" if run.identical is None else "its answers are not those of the baseline, and "
        return f"{known}nothing could be compared: {missing}"
    answers = [SAME] if run.identical else [_answers(run), _accuracy(run), _error(run)]
    return ", ".join(part for part in (*answers, _speed(run)) if part)


def sample_words(run: ComparedRun, shown: int = SHOWN) -> list[str]:
    """Return one line per changed sample: file, answers then and now, and the label; at most `shown`."""
    return [
        f"{item['file']}: {item['answer_then']} -> {item['answer']}"
        + ("" if item.get("label") is None else f" (label {item['label']})")
        if "answer" in item
        else f"{item['file']}: NMSE {'not finite' if item['nmse'] is None else numbers.significant(item['nmse'])}"
        for item in run.samples[:shown]
    ]


def plan_sentence(move: PlanMove) -> str:
    """Return what changed in a plan, with the scales that changed most."""
    text = (
        f"Plan of {move.candidate}: {move.tensors_changed} of {move.tensors} tensors and "
        f"{move.weights_changed} of {move.weights} weights have other numbers"
    )
    most = [f"{item.tensor} {numbers.significant(item.now / item.then)}{numbers.TIMES}" for item in move.scales[:SHOWN]]
    parts = [text, f"scales that changed most: {', '.join(most)}" if most else ""]
    parts.append(f"now float: {_first(move.now_float)}" if move.now_float else "")
    parts.append(f"now INT8: {_first(move.now_quantized)}" if move.now_quantized else "")
    return "; ".join(part for part in parts if part) + "."


def _row(run: ComparedRun, comparison: BaselineComparison, width: int) -> str:
    lines = [_wrapped(f"{row_title(run, comparison)}: {moved_words(run)}.", width)]
    if run.differs:
        lines.append(_wrapped(f"other than then: {', '.join(run.differs)}.", width, "    "))
    samples = sample_words(run)
    if samples:
        more = f", and {len(run.samples) - len(samples)} more in baseline.json" if len(run.samples) > SHOWN else ""
        lines.append(_wrapped(f"samples: {'; '.join(samples)}{more}.", width, "    "))
    if run.nodes_moved:
        nodes = [f"{item.node} {item.then or 'absent'} -> {item.now or 'absent'}" for item in run.nodes]
        lines.append(_wrapped(f"{run.nodes_moved} nodes moved: {_first(nodes, run.nodes_moved)}.", width, "    "))
    return "\n".join(lines)


def _baseline(comparison: BaselineComparison) -> str:
    made = comparison.baseline.created_utc[:16].replace("T", " ")
    return f"{comparison.baseline.name} of {made} UTC"


def _differs(differs: Sequence[str]) -> str:
    return f"what differs: {', '.join(differs)}" if differs else "the studies as wholes differ in nothing"


def _answers(run: ComparedRun) -> str:
    changes = run.answers_changed
    if changes is None:
        return ""
    text = f"{numbers.number(changes.changed)} of {numbers.number(run.n)} answers changed"
    if changes.right_to_wrong is None:
        return text
    return (
        f"{text} ({changes.right_to_wrong} right to wrong, {changes.wrong_to_right} wrong to right, "
        f"{changes.wrong_to_other} wrong to other)"
    )


def _accuracy(run: ComparedRun) -> str:
    change = run.accuracy_change_points
    return "" if change is None else f"accuracy {numbers.points(change.value, change.interval)} points"


def _error(run: ComparedRun) -> str:
    change = run.sqnr_change_db
    if change is None:
        missing = run.reasons.get("sqnr_change_db", "")
        return f"SQNR not compared ({missing})" if missing else ""
    if change.interval is None:
        return ""
    digits = numbers.digits_for(change.interval)
    ends = numbers.interval(change.interval, digits, signed=True)
    return f"SQNR {numbers.number(change.value, digits, signed=True)} {ends} dB"


def _speed(run: ComparedRun) -> str:
    missing = run.reasons.get("speed_ratio", "")
    if run.speed_ratio is None or run.speed_ratio.interval is None:
        return ""
    caveat = f" (not to be trusted, {missing})" if missing else " (timed apart, a drift of the machine is in it)"
    return f"{numbers.ratio(run.speed_ratio.value, run.speed_ratio.interval)} the speed then{caveat}"


def _first(names: Sequence[str], count: int | None = None) -> str:
    left = (count or len(names)) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {left} more" if left > 0 else "")


def _wrapped(text: str, width: int, indent: str = "  ") -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=True,
    )
