"""What a run says of itself that changes how its figures may be read; by facts that any plugin may give.

The fact `evidence = "simulated"` stands for an INT8 run whose Q/DQ graph was computed by float kernels: its answers
are real, its speed is none of INT8. `evidence = "reference evaluator"` stands for a program executed op by op to check
it: no runtime ran, so that there is no speed in any precision. The fact `fallback` names nodes that did not run where
they were asked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.spi import Deviation

SIMULATED, EVALUATED = "simulated", "reference evaluator"
NO_FALLBACK = "none"
NO_INT8_SPEED = "float kernels ran the Q/DQ graph: that is no INT8 speed"
NO_RUNTIME_SPEED = "the reference evaluator checks a program op by op: that is no runtime's speed"
PRECISION_UNKNOWN = "the runtime does not tell the precision of any multiply-accumulate"


def is_simulated(precision: str, facts: Mapping[str, str]) -> bool:
    """Whether an INT8 run was computed by float kernels, as its plugin says."""
    return precision == "int8" and facts.get("evidence") == SIMULATED


def why_no_speed(precision: str, facts: Mapping[str, str]) -> str:
    """Return why a run has no speed whatever was timed, or ""."""
    if facts.get("evidence") == EVALUATED:
        return NO_RUNTIME_SPEED
    return NO_INT8_SPEED if is_simulated(precision, facts) else ""


def fallback_deviations(facts: Mapping[str, str]) -> list[Deviation]:
    """Return the deviation of a session that is not wholly where it was asked to be."""
    found = facts.get("fallback", NO_FALLBACK)
    if found == NO_FALLBACK:
        return []
    return [Deviation(None, "every node on the asked provider", found, "the provider did not take these nodes")]


def share_reasons(share: float | None, macs: int) -> dict[str, Any]:
    """Return why a graph with multiply-accumulates has no INT8 share."""
    return {"int8_mac_share": PRECISION_UNKNOWN} if share is None and macs else {}
