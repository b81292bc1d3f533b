"""Stages are kept by key, tell what they do, and stop when asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import workbench
from workbench.errors import DataError, JobCancelledError, JobFailedError
from workbench.execution.jobs import Outcome
from workbench.execution.stages import Stages, raise_users_mistake
from workbench.execution.store import Store
from workbench.model.data import DataSpec
from workbench.model.preprocess import Preprocess

KEY = {"a": 1}


def _stages(root: Path, cancel: threading.Event | None = None) -> tuple[Stages, list[Mapping[str, Any]]]:
    store = Store(root)
    store.open()
    events: list[Mapping[str, Any]] = []
    return Stages(store, events.append, cancel or threading.Event()), events


def test_a_stage_is_done_once_and_then_kept(tmp_path: Path) -> None:
    stages, events = _stages(tmp_path)
    calls: list[Path] = []

    def work(place: Path) -> dict[str, Any]:
        calls.append(place)
        return {"n": len(calls)}

    assert stages.keep("Scan", tmp_path / "scan", KEY, work) == {"n": 1}
    assert stages.keep("Scan", tmp_path / "scan", KEY, work) == {"n": 1}
    assert stages.keep("Scan", tmp_path / "scan", {"a": 2}, work) == {"n": 2}
    assert [event["state"] for event in events] == ["start", "done", "kept", "start", "done"]
    logged = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["state"] for line in logged] == [event["state"] for event in events]


def test_another_version_of_the_program_does_its_own_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages, events = _stages(tmp_path)
    stages.keep("Scan", tmp_path / "scan", KEY, lambda place: {})
    monkeypatch.setattr(workbench, "__version__", "99.0")
    stages.keep("Scan", tmp_path / "scan", KEY, lambda place: {})
    assert [event["state"] for event in events] == ["start", "done", "start", "done"]


def test_a_stage_that_fails_is_not_kept(tmp_path: Path) -> None:
    stages, _ = _stages(tmp_path)

    def fail(place: Path) -> dict[str, Any]:
        (place / "half").write_text("x")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        stages.keep("Scan", tmp_path / "scan", KEY, fail)
    assert stages.keep("Scan", tmp_path / "scan", KEY, lambda place: {"left": len(list(place.iterdir()))}) == {
        "left": 0
    }


def test_nothing_new_starts_after_a_cancel_and_finished_stages_stay(tmp_path: Path) -> None:
    cancel = threading.Event()
    stages, _ = _stages(tmp_path, cancel)
    stages.keep("Scan", tmp_path / "scan", KEY, lambda place: {"n": 1})
    cancel.set()
    assert stages.keep("Scan", tmp_path / "scan", KEY, lambda place: {}) == {"n": 1}
    with pytest.raises(JobCancelledError):
        stages.keep("Other", tmp_path / "other", KEY, lambda place: {})


def test_a_users_mistake_found_in_a_worker_is_raised_here(tmp_path: Path) -> None:
    stages, _ = _stages(tmp_path)
    spec, plain = DataSpec("arrays", tmp_path / "absent.npz"), Preprocess().to_json()
    with pytest.raises(DataError, match=r"absent\.npz does not exist"):
        stages.core_job("scan", {"spec": spec.to_json(), "preprocess": plain, "out": "index.json"}, tmp_path / "job")


def test_other_failures_of_a_worker_carry_their_kind(tmp_path: Path) -> None:
    stages, _ = _stages(tmp_path)
    with pytest.raises(JobFailedError, match="no job kind") as raised:
        stages.core_job("dance", {}, tmp_path / "job")
    assert raised.value.kind == "ContractError"
    raise_users_mistake(Outcome("failed", error_kind="ValueError", message="not a user's mistake"))


def test_progress_passes_with_the_time_left(tmp_path: Path) -> None:
    stages, events = _stages(tmp_path)
    stages.progress({"event": "progress", "done": 1, "total": 2, "text": "samples"})
    stages.progress({"event": "opened", "load_s": 1.0})
    assert events == [{"event": "progress", "done": 1, "total": 2, "text": "samples", "remaining_s": None}]


def test_a_failure_is_a_line_and_its_parts(tmp_path: Path) -> None:
    stages, events = _stages(tmp_path)
    stages.failed("Build x", "not_available", "It is not installed. Install it.", "Install it.", ["a", "b"])
    (event,) = events
    assert event["text"] == "Not available: It is not installed. Install it."
    assert (event["status"], event["reason"], event["remedy"]) == (
        "not_available", "It is not installed.", "Install it.",
    )  # fmt: skip
    assert event["log_tail"] == ["a", "b"]
