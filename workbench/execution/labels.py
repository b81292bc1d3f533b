"""Which labels judged a study, found again in its result.

The hash of an evaluation set leaves its labels out; theirs is a fact of the float32 reference, which every run is
judged beside. Results of older programs do not tell it.
"""

from __future__ import annotations

from workbench.execution.result import Result

LABELS_FACT = "labels_sha256"


def labels_sha256(result: Result) -> str:
    """Return the hash of the labels in order; "" where there were none, or the result does not tell."""
    references = (run for run in result.runs if run.precision == "reference")
    return next((run.facts[LABELS_FACT] for run in references if LABELS_FACT in run.facts), "")
