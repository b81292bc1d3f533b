"""From final message, exit code and the host's reason to an outcome: every combination has one meaning."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from workbench.execution.jobs import Job, PluginRef
from workbench.execution.outcomes import LONGEST, damaged_line, not_started, outcome_of, shortened, signal_name

JOB = Job("cell", PluginRef("echo", Path("echo")), {}, Path(), 7.5)
ERROR = {
    "kind": "ModelError",
    "what": "It broke.",
    "why": "too old",
    "how": "Mend it.",
    "message": "",
    "traceback": "T",
}
COMMON: dict[str, Any] = {"log_tail": ("last",), "duration_s": 1.0, "peak_rss_bytes": None, "leftover": ()}


@pytest.mark.parametrize(
    ("final", "exit_code", "stopped", "status", "text"),
    [
        ({"final": "ok", "value": {"a": 1}}, 0, None, "ok", "ok in 1.0 s"),
        ({"final": "ok", "value": {}}, -9, ("cancelled", ""), "ok", "ok in 1.0 s"),
        ({"final": "failed", "error": ERROR}, 0, None, "failed", "Failed: It broke: too old. Mend it."),
        ({"final": "cancelled", "error": ERROR}, 0, None, "cancelled", "Cancelled: stopped on request."),
        ({"final": "cancelled", "error": ERROR}, 0, ("timed_out", ""), "timed_out", "within its limit of 7.5 s"),
        ({}, -9, ("cancelled", ""), "cancelled", "Cancelled: stopped on request."),
        ({}, -15, ("timed_out", "'x' did not come"), "timed_out", "Timed out: echo (cell): 'x' did not come."),
        ({}, 0, None, "failed", "Failed: echo (cell) ended without an answer (exit code 0)."),
        ({}, 3, None, "crashed", "Crashed: echo (cell) ended with exit code 3."),
        ({}, -11, None, "crashed", "Crashed: echo (cell) was ended by SIGSEGV."),
        ({}, -11, None, "crashed", "Try another version of it"),
        ({}, -4, None, "crashed", "SIGILL. It may be built for another processor"),
        ({}, -9, None, "crashed", "SIGKILL. It may have run out of memory."),
    ],
)
def test_every_end_has_one_meaning(final: dict[str, Any], exit_code: int, stopped: Any, status: str, text: str) -> None:
    outcome = outcome_of(JOB, final, exit_code, stopped, COMMON)
    assert outcome.status == status
    assert text in str(outcome)
    assert outcome.log_tail == ("last",)


def test_a_failure_keeps_kind_and_traceback() -> None:
    outcome = outcome_of(JOB, {"final": "failed", "error": ERROR}, 0, None, COMMON)
    assert (outcome.error_kind, outcome.remote_traceback) == ("ModelError", "T")


def test_a_whole_graph_in_an_error_is_cut_off() -> None:
    graph = "node {\n  op_type: Conv\n}\n" * 1000
    outcome = outcome_of(
        JOB, {"final": "failed", "error": {**ERROR, "what": f"No kernel for {graph}"}}, 0, None, COMMON
    )
    assert outcome.message.startswith("No kernel for node { op_type: Conv } node {")
    assert len(outcome.message) < LONGEST + 30
    assert outcome.message.endswith(" letters)")
    assert shortened("as it\nis") == "as it is"


def test_signals_without_a_name_keep_their_number() -> None:
    assert signal_name(signal.SIGABRT) == "SIGABRT"
    assert signal_name(120) == "signal 120"


def test_lines_that_are_no_message_and_interpreters_that_are_none() -> None:
    assert "no JSON object: b'noise'" in damaged_line(b"noise")["error"]["what"]
    assert "cannot be started" in str(not_started(JOB, FileNotFoundError(2, "No such file")))
