"""What a run says of itself that changes how its figures may be read; by facts that any plugin may give.

The fact `evidence = "simulated"` stands for an INT8 run whose Q/DQ graph was computed by float kernels: its answers
are real, its speed is none of INT8. `evidence = "reference evaluator"` stands for a program executed op by op to check
it: no runtime ran, so that there is no speed in any precision and no share of integer kernels; the fact `int8_region`
says how much of its program is products of codes. The fact `fallback` names nodes that did not run where they were
asked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.spi import Deviation

SIMULATED, EVALUATED = "simulated", "reference evaluator"
NO_FALLBACK = "none"
NO_INT8_SPEED = "float kernels ran the Q/DQ graph: that is no INT8 speed"
NO_RUNTIME_SPEED = "the reference evaluator checks a program op by op: that is no runtime's speed"
NO_RUNTIME_KERNELS = "no runtime ran"
PRECISION_UNKNOWN = "the runtime does not tell which multiply-accumulates ran in integer kernels"


def is_simulated(precision: str, facts: Mapping[str, str]) -> bool:
    """Whether an INT8 run was computed by float kernels, as its plugin says."""
    return precision == "int8" and facts.get("evidence") == SIMULATED


def why_no_speed(precision: str, facts: Mapping[str, str]) -> str:
    """Return why a run has no speed whatever was timed, or ""."""
    if is_evaluated(facts):
        return NO_RUNTIME_SPEED
    return NO_INT8_SPEED if is_simulated(precision, facts) else ""


def fallback_deviations(facts: Mapping[str, str]) -> list[Deviation]:
    """Return the deviation of a session that is not wholly where it was asked to be."""
    found = facts.get("fallback", NO_FALLBACK)
    if found == NO_FALLBACK:
        return []
    return [Deviation(None, "every node on the asked provider", found, "the provider did not take these nodes")]


def is_evaluated(facts: Mapping[str, str]) -> bool:
    """Whether no runtime ran: then nothing ran in integer kernels, and nothing in float ones."""
    return facts.get("evidence") == EVALUATED


def share_reasons(share: float | None, macs: int, facts: Mapping[str, str]) -> dict[str, Any]:
    """Return why a graph with multiply-accumulates has no INT8 share; what its program holds, where it says so."""
    if share is not None or not macs:
        return {}
    if not is_evaluated(facts):
        return {"int8_mac_share": PRECISION_UNKNOWN}
    held = f"; {facts['int8_region']} in its program are products of codes" if "int8_region" in facts else ""
    return {"int8_mac_share": NO_RUNTIME_KERNELS + held}
