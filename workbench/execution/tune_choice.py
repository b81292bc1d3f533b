"""Whether a point meets what was asked, and which point is chosen: the rules alone, over figures that are there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import StudyError
from workbench.execution.tune_record import Point, TargetKey
from workbench.measure.divergence import IDENTICAL
from workbench.measure.gates import Judgement, Verdict, find_gate, judge
from workbench.measure.tasks import find_task

GATES: Mapping[TargetKey, str] = {
    "sqnr_db": "min_sqnr_db",
    "agreement": "min_top1_agreement",
    "max_drop_points": "max_accuracy_drop_points",
}
"""A target is judged as the gate of that name."""


def check_target(target: Mapping[TargetKey, float], task_kind: str) -> None:
    """Raise StudyError where a limit is out of range, or the task has no answers to compare."""
    for key, limit in target.items():
        try:
            find_gate(GATES[key], limit)
        except StudyError as error:
            what = f"--{key.replace('_', '-')} {limit:g} is not a target"
            raise StudyError(what, why=error.why, how=error.how) from error
        if key != "sqnr_db" and not find_task(task_kind).has_answers:
            raise StudyError(
                f"--{key.replace('_', '-')} needs answers to compare",
                why=f"the task is {task_kind}",
                how='Set [task] kind = "classification", or give --sqnr-db.',
            )


def judged(target: Mapping[TargetKey, float], figures: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Return whether a point meets all of a target (None: cannot tell, or there is none) and how that was found.

    Args:
        figures: the fields of `Point` that hold figures.
    """
    if not target:
        return None, "no target given"
    found = [_judgement(key, limit, figures) for key, limit in target.items()]
    verdicts: set[Verdict] = {item.verdict for item in found}
    meets = False if "FAIL" in verdicts else None if "CANNOT TELL" in verdicts else True
    return meets, "; ".join(item.text for item in found)


def _judgement(key: TargetKey, limit: float, figures: Mapping[str, Any]) -> Judgement:
    figure = figures["accuracy_change_points" if key == "max_drop_points" else key]
    value, interval = (figure.value, figure.interval) if figure else (None, None)
    reason = IDENTICAL if key == "sqnr_db" and value is None else ""
    return judge(GATES[key], limit, value, interval, figures["n"], reason=reason)


def choose(points: Sequence[Point], target: Mapping[TargetKey, float], is_complete: bool) -> tuple[int | None, str]:
    """Return the index of the point with the fewest float nodes that meets the target, and why that one or none."""
    if not target:
        return None, "no target given: every point is shown, none is chosen"
    for index, point in enumerate(points):
        if point.meets_target:
            return index, f"the fewest float nodes of {len(points)} points that meet the target"
    best = best_point(points)
    best_text = f"the best point leaves {len(points[best].float_nodes)} in float: {points[best].why}"
    if any(point.meets_target is None for point in points):
        return None, f"whether a point meets the target cannot be told; {best_text}"
    if not is_complete:
        return None, f"nothing meets the target within the time given; {best_text}"
    return None, f"nothing meets the target; {best_text}"


def best_point(points: Sequence[Point]) -> int:
    """Return the index of the point with the most SQNR, of equal ones the first."""
    values = [math.inf if point.sqnr_db.value is None else point.sqnr_db.value for point in points]
    return values.index(max(values))
