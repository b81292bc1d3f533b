"""Gates in words: what one says, and what several that could not be judged lack, in a line that stays short."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.execution.result import GateVerdict
from workbench.measure.gates import GATES
from workbench.report import numbers

SHOWN = 3
"""Parts of a sentence before the rest is counted; all of them stand in the list of gates."""
LONGEST_REASON = 120
_NEEDS = "needs"


def gate_text(entry: GateVerdict) -> str:
    """Return what the gate judges and its own words, with true minus signs."""
    text = entry.text.rstrip(".")
    between = " " if re.match(r"[-+]?\d", text) else ": "
    return f"{_noun(entry.gate)}{between}{true_minus(text)}"


def true_minus(text: str) -> str:
    """Return a gate's text with a true minus before each negative figure."""
    return re.sub(r"(?<!\w)-(?=\d)", numbers.MINUS, text)


def open_words(gates: Sequence[GateVerdict], samples: str) -> list[str]:
    """Return what gates that could not be judged lack; those that lack the same are named together.

    Args:
        samples: what a sample is called, such as "images".
    """
    groups: dict[str, list[GateVerdict]] = {}
    for entry in gates:
        groups.setdefault(_NEEDS if _needs_samples(entry) else _reason(entry), []).append(entry)
    parts = [_group_text(group, reason, samples) for reason, group in groups.items()]
    return short_list(parts, [len(group) for group in groups.values()])


def short_list(parts: Sequence[str], counts: Sequence[int] | None = None) -> list[str]:
    """Return the first parts of a sentence, and how many gates stand in those left out (one each, unless counted)."""
    if len(parts) <= SHOWN:
        return list(parts)
    left = sum(counts[SHOWN:]) if counts else len(parts) - SHOWN
    return [*parts[:SHOWN], f"{numbers.number(left)} more {'gate' if left == 1 else 'gates'}"]


def _group_text(group: Sequence[GateVerdict], reason: str, samples: str) -> str:
    if len(group) == 1:
        return numbers.cut(gate_text(group[0]), 2 * LONGEST_REASON)
    if reason == _NEEDS:
        most = max(entry.needs_n or 0 for entry in group)
        return f"{_names(group)}: about {numbers.about(most)} {samples} needed"
    return f"{_names(group)}: {true_minus(numbers.cut(reason, LONGEST_REASON))}"


def _names(group: Sequence[GateVerdict]) -> str:
    nouns = [_noun(entry.gate) for entry in group]
    if len(nouns) <= SHOWN:
        return " and ".join(filter(None, [", ".join(nouns[:-1]), nouns[-1]]))
    return f"{nouns[0]} and {len(nouns) - 1} more gates"


def _noun(gate: str) -> str:
    return GATES[gate].noun if gate in GATES else gate


def _needs_samples(entry: GateVerdict) -> bool:
    return entry.needs_n is not None and (entry.gate not in GATES or GATES[entry.gate].counted == "samples")


def _reason(entry: GateVerdict) -> str:
    """Return why a gate could not be judged: what follows its figure."""
    return entry.text.rstrip(".").partition(": ")[2] or entry.text
