"""The self-test S1-P2: a runtime's codes on small graphs against the specification's, and the first that departs.

A pattern whose codes differ is a finding, not a failure: the runtime computes another graph than the one it was given,
and where one other rounding gives exactly its codes, that is said. NOT done here: judging real models.
"""

from __future__ import annotations

import platform
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.errors import ModelError
from workbench.execution.cells import native_target
from workbench.execution.contract import broken_contract
from workbench.execution.discovery import Manifest
from workbench.execution.handlers_probe import FEEDS, MODEL, OUTPUT, PLAN
from workbench.execution.host import run_job
from workbench.execution.jobs import Job, Outcome
from workbench.model.load import save_proto
from workbench.quant import probe_graphs
from workbench.quant.departure import compare_codes, explain
from workbench.quant.integer_graph import IntegerGraph
from workbench.quant.plan import save_plan
from workbench.quant.probe_graphs import PATTERNS, SAMPLES, SCHEME, Pattern, Probe, make_probe

TIMEOUT_S = 600.0
Status = Literal["equal", "differs", "not_int8", "refused", "failed"]
STATUS_WORDS: dict[Status, str] = {
    "equal": "equal",
    "differs": "differ",
    "not_int8": "equal but not run in INT8",
    "refused": "refused",
    "failed": "failed",
}
INTEGER = ("int8", "none")
"""Precisions of a quantized node that are no float arithmetic: integers, or nothing left to compute."""
OnProgress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class PatternResult:
    """One pattern on one runtime.

    Attributes:
        pattern: its title, such as "Conv+Add"; status: see STATUS_WORDS.
        differing_share: share (0..1) of output codes that differ; largest_steps: by how many steps at most, infinite
            as None; both None where nothing was run.
        cause: what the runtime does otherwise, where its codes differ.
        note: which ops did not run in INT8, why it was refused, or how it failed.
    """

    pattern: str
    status: Status
    differing_share: float | None = None
    largest_steps: float | None = None
    cause: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """One line for a person, without the pattern's name."""
        parts = [STATUS_WORDS[self.status]]
        if self.status == "differs":
            share = f"{100 * (self.differing_share or 0):.3g} % of codes differ"
            parts = [self.cause, f"{share}, {_steps(self.largest_steps)}"]
        return "; ".join(part for part in (*parts, self.note) if part)


@dataclass(frozen=True)
class PatternReport:
    """All patterns on one runtime, in their order."""

    patterns: tuple[PatternResult, ...]

    @property
    def first_departure(self) -> PatternResult | None:
        """The first pattern whose codes differ; None where none does."""
        return next((item for item in self.patterns if item.status == "differs"), None)

    @property
    def summary(self) -> str:
        """The result in one line: the first pattern that departs by name and cause, then how many did what."""
        first = self.first_departure
        was_compared = any(item.differing_share is not None for item in self.patterns)
        none = "no pattern departs" if was_compared else "nothing was compared"
        head = f"{first.pattern}: {first.text}" if first else none
        counts = Counter(item.status for item in self.patterns)
        told = ", ".join(f"{counts[status]} {words}" for status, words in STATUS_WORDS.items() if counts[status])
        return f"{head} ({len(self.patterns)} patterns: {told})"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        first = self.first_departure
        return {
            "summary": self.summary,
            "first_departure": first.pattern if first else None,
            "patterns": [{**asdict(item), "text": item.text} for item in self.patterns],
        }


def probe_runtime(
    manifest: Manifest,
    on_progress: OnProgress,
    cancel: threading.Event,
    patterns: tuple[Pattern, ...] = PATTERNS,
) -> PatternReport:
    """Run every pattern on one runtime in workers and compare its codes with the specification.

    A pattern that ends its worker (an error, a crash) has failed; the next ones get a new worker.

    Raises:
        JobCancelledError: `cancel` was set.
        OutputError: there is no room for temporary files.
    """
    if SCHEME.name not in manifest.schemes:
        reason = f"{manifest.title} accepts {', '.join(manifest.schemes)}"
        return PatternReport(tuple(PatternResult(item.title, "refused", note=reason) for item in patterns))
    with tempfile.TemporaryDirectory(prefix="int8-workbench-") as name:
        folder = Path(name)
        probes = {item.id: _written(make_probe(item), folder / item.id) for item in patterns}
        answers = _answers(manifest, folder, list(probes), on_progress, cancel)
        results = (_judged(item, probes[item.id], answers[item.id], folder / item.id) for item in patterns)
        return PatternReport(tuple(results))


def _written(probe: Probe, place: Path) -> Probe:
    place.mkdir(parents=True)
    save_proto(probe.model, place / MODEL)
    save_plan(probe.plan, place / PLAN)
    np.savez(place / FEEDS, allow_pickle=False, **probe.feeds)
    return probe


def _answers(
    manifest: Manifest, folder: Path, names: list[str], on_progress: OnProgress, cancel: threading.Event
) -> dict[str, Mapping[str, Any]]:
    """Return what the worker told of each pattern; of one that ended it {"outcome": Outcome}."""
    answers: dict[str, Mapping[str, Any]] = {}

    def listen(event: Mapping[str, Any]) -> None:
        if event["event"] == "pattern":
            answers[event["pattern"]] = event
            on_progress({"event": "progress", "done": len(answers), "total": len(names), "text": manifest.title})

    while left := [name for name in names if name not in answers]:
        arguments = {
            "folder": str(folder),
            "patterns": left,
            "output": probe_graphs.OUTPUT,
            "batch": SAMPLES,
            "target": native_target(platform.machine()),
        }
        outcome = run_job(Job("probe_patterns", manifest.ref, arguments, folder, TIMEOUT_S), listen, cancel)
        if outcome.status == "cancelled":
            outcome.require()
        silent = [name for name in left if name not in answers]
        answers.update({name: {"outcome": outcome} for name in silent[:1]})
    return answers


def _judged(pattern: Pattern, probe: Probe, answer: Mapping[str, Any], place: Path) -> PatternResult:
    outcome: Outcome | None = answer.get("outcome") or broken_contract("the plugin", answer)
    if outcome is not None:
        return PatternResult(pattern.title, "failed", note=str(outcome))
    if "refused" in answer:
        return PatternResult(pattern.title, "refused", note=answer["refused"])
    try:
        return _compared(pattern, probe, np.load(place / OUTPUT), _not_int8(probe, answer["placement"]))
    except ModelError as error:
        return PatternResult(pattern.title, "failed", note=str(error))


def _compared(pattern: Pattern, probe: Probe, found: npt.NDArray[np.float32], note: str) -> PatternResult:
    """Compare code by code. Raises ModelError where the output has another shape."""
    name = probe_graphs.OUTPUT
    departure = compare_codes(IntegerGraph(probe.model, probe.plan).codes(probe.feeds, [name])[name], found)
    share, steps = departure.differing_share, departure.largest_steps
    if departure.is_equal:
        return PatternResult(pattern.title, "not_int8" if note else "equal", share, steps, note=note)
    cause = explain(probe.model, probe.plan, probe.feeds, name, found)
    return PatternResult(pattern.title, "differs", share, steps if np.isfinite(steps) else None, cause, note)


def _not_int8(probe: Probe, placement: list[Mapping[str, Any]]) -> str:
    """Return which quantized nodes ran in something else than integers, and why; "" when none did."""
    rows = {row["node"]: row for row in placement if row["node"] in probe.plan.quantized_nodes}
    texts = [
        f"{row['op_type']} in {row['precision']}" + (f" ({row['reason']})" if row["reason"] else "")
        for row in rows.values()
        if row["precision"] not in INTEGER
    ]
    missing = [name for name in probe.plan.quantized_nodes if name not in rows]
    return ", ".join([*texts, *(f"{name} not placed" for name in missing)])


def _steps(steps: float | None) -> str:
    if steps is None:
        return "some are not finite"
    return f"by up to {steps:.3g} {'step' if steps == 1 else 'steps'}"
