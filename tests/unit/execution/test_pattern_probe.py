"""The self-test on real runtimes and on bad ones: findings, failures, what is said."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.workers import PLUGINS, living_children
from workbench_plugins.ort_cpu.cpu import this_cpu

from workbench.errors import JobCancelledError
from workbench.execution.discovery import Manifest, discover, find_plugin
from workbench.execution.pattern_probe import PatternReport, PatternResult, probe_runtime
from workbench.quant.probe_graphs import PATTERNS, Pattern

SOME = tuple(
    pattern
    for pattern in PATTERNS
    if pattern.title in ("Conv", "Gemm", "Concat", "Conv+Relu", "Conv+Conv", "Conv+Concat", "Conv+Add")
)
FEW = tuple(pattern for pattern in PATTERNS if pattern.title in ("Conv", "Add", "Conv+Add"))


def manifest(plugin_id: str) -> Manifest:
    return next(found for found, _, _ in discover([PLUGINS]) if found and found.id == plugin_id)


def report(
    which: Manifest,
    patterns: tuple[Pattern, ...] = FEW,
    on_progress: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> PatternReport:
    return probe_runtime(which, on_progress, threading.Event(), patterns)


def by_name(found: PatternReport) -> dict[str, PatternResult]:
    return {item.pattern: item for item in found.patterns}


@pytest.mark.skipif(this_cpu().saturates is not False, reason="u8 x s8 products may saturate on this processor")
def test_onnx_runtime_has_the_specifications_codes() -> None:
    """All patterns for real; nothing departs, and the ConvTranspose that it computes in float is said to be."""
    found = report(find_plugin("ort_cpu"), PATTERNS)
    assert found.first_departure is None, found.summary
    statuses = {item.pattern: item.status for item in found.patterns}
    assert {name for name, status in statuses.items() if status != "equal"} == {"ConvTranspose"}
    assert "ConvTranspose in fp32" in by_name(found)["ConvTranspose"].note
    assert found.summary.startswith("no pattern departs (")


def test_openvino_departs_first_at_conv_add_and_why() -> None:
    found = report(find_plugin("openvino"), SOME)
    first = found.first_departure
    assert first is not None
    assert first.pattern == "Conv+Add"
    assert first.cause == "rounds once less (left clipped but not rounded)"
    assert first.differing_share is not None
    assert first.differing_share > 0.1
    assert found.summary.startswith("Conv+Add: rounds once less (left clipped but not rounded); ")
    assert [item.pattern for item in found.patterns if item.status == "equal"] == [item.title for item in SOME[:-1]]


def test_a_float_evaluator_is_equal_but_not_in_int8() -> None:
    seen: list[Mapping[str, Any]] = []
    found = report(manifest("echo"), on_progress=seen.append)
    assert [item.status for item in found.patterns] == ["not_int8"] * 3
    assert found.patterns[0].text == (
        "equal but not run in INT8; Conv in fp32 (the reference evaluator computes in float)"
    )
    assert [event["done"] for event in seen] == [1, 2, 3]
    assert seen[-1] == {"event": "progress", "done": 3, "total": 3, "text": manifest("echo").title}


@pytest.mark.parametrize(("plugin_id", "words"), [("crash", "SIGSEGV"), ("wrong_shape", "'y'")])
def test_a_pattern_that_ends_its_worker_has_failed_and_the_next_is_tried(plugin_id: str, words: str) -> None:
    found = report(manifest(plugin_id), FEW[:2])
    assert [item.status for item in found.patterns] == ["failed", "failed"]
    assert words in found.patterns[1].text
    assert found.summary == "nothing was compared (2 patterns: 2 failed)"
    assert living_children() == []


def test_a_runtime_that_does_not_accept_the_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.execution.pattern_probe.SCHEME", type("Other", (), {"name": "S9"}))
    found = report(manifest("echo"))
    assert {item.status for item in found.patterns} == {"refused"}
    assert "accepts S1" in found.patterns[0].note


def test_it_can_be_stopped() -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(JobCancelledError):
        probe_runtime(manifest("echo"), lambda _: None, cancel, FEW)


def test_what_is_told_is_json_with_finite_numbers(tmp_path: Path) -> None:
    results = (
        PatternResult("Conv", "equal", 0.0, 0.0),
        PatternResult("Add", "differs", 0.25, None, "its output is not rounded"),
        PatternResult("Gemm", "differs", 0.5, 1.0, "rounds down", "Gemm in fp32"),
    )
    document = json.loads(json.dumps(PatternReport(results).to_json(), allow_nan=False))
    assert document["first_departure"] == "Add"
    assert document["summary"] == (
        "Add: its output is not rounded; 25 % of codes differ, some are not finite (3 patterns: 1 equal, 2 differ)"
    )
    assert results[2].text == "rounds down; 50 % of codes differ, by up to 1 step; Gemm in fp32"
