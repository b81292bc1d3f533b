"""Jobs and outcomes: JSON round trip, the printed form of every status, and turning an outcome into an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import JobCancelledError, JobFailedError
from workbench.execution.jobs import Job, Outcome, PluginRef, plugin_ref_from_json


def test_a_plugin_reference_survives_json(tmp_path: Path) -> None:
    reference = PluginRef("echo", tmp_path, ("a==1", "b"), "other", 1)
    assert plugin_ref_from_json(json.loads(json.dumps(reference.to_json()))) == reference
    assert reference.dotted_name == "workbench_plugins.echo.other"


def test_a_job_without_plugin_is_json(tmp_path: Path) -> None:
    document = json.loads(json.dumps(Job("scan", None, {"a": [1]}, tmp_path, 5).to_json()))
    assert document == {"kind": "scan", "plugin": None, "arguments": {"a": [1]}, "work_dir": str(tmp_path)}


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome("ok", value={}, duration_s=1.25), "ok in 1.2 s"),
        (Outcome("failed", message="no such file.", remedy="Make one."), "Failed: no such file. Make one."),
        (Outcome("crashed", message="x was ended by SIGSEGV"), "Crashed: x was ended by SIGSEGV."),
        (Outcome("timed_out", message="no answer"), "Timed out: no answer."),
        (Outcome("cancelled"), "Cancelled."),
    ],
)
def test_one_printed_form(outcome: Outcome, text: str) -> None:
    assert str(outcome) == text
    assert outcome.is_ok == (outcome.status == "ok")


def test_require_gives_the_value_or_raises_with_the_remote_traceback() -> None:
    assert Outcome("ok", value={"a": 1}).require() == {"a": 1}
    with pytest.raises(JobCancelledError):
        Outcome("cancelled").require()
    with pytest.raises(JobFailedError, match="bad model") as caught:
        Outcome("failed", error_kind="ModelError", message="bad model", remote_traceback="there").require()
    assert (caught.value.kind, caught.value.remote_traceback) == ("ModelError", "there")
    with pytest.raises(JobFailedError) as caught:
        Outcome("timed_out").require()
    assert caught.value.kind == "timed_out"
