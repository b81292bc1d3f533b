"""A study that was cancelled or changed goes on: finished cells are kept, only what depends on a change runs again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import studies
from helpers.workers import living_children

from workbench.errors import JobCancelledError
from workbench.execution.engine import RunOptions, run_study
from workbench.execution.result import Result
from workbench.execution.study import load_study

ROWS = [
    {"id": "ort_cpu"},
    {"id": "echo", "name": "echo"},
    {"id": "slow", "name": "slow", "precisions": ["fp32"]},
]


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the test plugins known."""
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(studies.PLUGINS))


def _document(rows: Sequence[Mapping[str, Any]], **tables: Any) -> dict[str, Any]:
    """A study of a few samples."""
    content = studies.document(rows, **tables)
    content["data"]["evaluation"]["limit"] = 8
    return content


def _logged(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [(event["name"], event["state"]) for event in map(json.loads, lines)]


def _figures(result: Result) -> list[dict[str, Any]]:
    """Everything of a result that must not depend on when it was found, nor on interruptions."""
    timing = {"load_s", "build_s", "first_inference_ms", "peak_rss_bytes", "throughput_per_s", "latency_ms", "speedup"}
    shares = {"placement": {"__all__": {"time_share"}}, "float_leftovers": {"__all__": {"time_share"}}}
    exclude: Any = {**dict.fromkeys(timing, True), **shares, "facts": {"answers_kept"}}
    return [run.model_dump(mode="json", exclude=exclude) for run in result.runs]


def test_a_finished_study_is_kept_as_a_whole(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, _document(ROWS[:2]))
    first, _ = studies.run(path, tmp_path / "run")
    count = len(_logged(tmp_path / "run"))
    again, _ = studies.run(path, tmp_path / "run")
    later = _logged(tmp_path / "run")[count:]
    assert {state for name, state in later if name != "Evaluate"} == {"kept"}
    assert sum(name.startswith("Run ") for name, _ in later) == 4
    assert _figures(again) == _figures(first)
    assert (tmp_path / "run" / "study.toml").is_file()
    from_folder, _ = studies.run(tmp_path / "run" / "study.toml", tmp_path / "run")
    assert _figures(from_folder) == _figures(first)
    assert from_folder.study_name == first.study_name


def test_a_cancel_ends_soon_and_the_same_call_goes_on(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, _document(ROWS[1:]))
    folder, cancel = tmp_path / "run", threading.Event()
    asked: list[float] = []

    def ask(event: Mapping[str, Any]) -> None:
        if event["event"] == "stage" and event["name"].startswith("Run slow") and event["state"] == "start":
            threading.Timer(0.5, lambda: (asked.append(time.monotonic()), cancel.set())).start()

    with pytest.raises(JobCancelledError):
        run_study(load_study(path), folder, RunOptions(), ask, cancel)
    assert time.monotonic() - asked[0] < 5
    assert living_children() == []
    assert not (folder / "result.json").exists()
    started = _logged(folder)
    assert ("Run slow · S1 · fp32", "start") in started
    result, _ = studies.run(path, folder)
    assert [run.status for run in result.runs] == ["ok"] * len(result.runs)
    states: dict[str, list[str]] = {}
    for name, state in _logged(folder):
        states.setdefault(name, []).append(state)
    done_once = {name: found.count("done") for name, found in states.items() if name not in ("Evaluate",)}
    assert set(done_once.values()) == {1}, done_once
    for name in ("FP32 reference", "Plan S1", "Simulated S1", "Build echo · S1 · int8"):
        assert states[name] == ["start", "done", "kept"], name
    kept = {run.label: run.facts.get("answers_kept") for run in result.runs}
    assert kept["echo"] == "8 of 8 answers checked equal after the session was opened again"
    assert kept["slow"] is None  # it was in the middle of its answers
    straight, _ = studies.run(path, tmp_path / "straight")
    assert _figures(straight) == _figures(result)


def test_cells_finished_before_a_cancel_in_a_later_group_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.execution.cell_run.GROUP_SIZE", 2)
    path = studies.write_study(tmp_path, _document(ROWS[1:]))
    folder, cancel = tmp_path / "run", threading.Event()

    def ask(event: Mapping[str, Any]) -> None:
        if event["event"] == "stage" and event["name"].startswith("Run slow"):
            cancel.set()

    with pytest.raises(JobCancelledError):
        run_study(load_study(path), folder, RunOptions(), ask, cancel)
    studies.run(path, folder)
    found = [state for name, state in _logged(folder) if name == "Run echo · S1 · int8"]
    assert found == ["start", "done", "kept"]


def test_a_changed_scheme_runs_what_depends_on_it(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, _document(ROWS[1:2], candidates=[{"name": "c"}]))
    first, _ = studies.run(path, tmp_path / "run")
    count = len(_logged(tmp_path / "run"))
    scheme = {"exclude_nodes": ["logits_node"]}
    studies.write_study_file(path, _document(ROWS[1:2], candidates=[{"name": "c", "scheme": scheme}]))
    second, _ = studies.run(path, tmp_path / "run")
    later = dict(_logged(tmp_path / "run")[count:])
    again = {name for name, state in later.items() if state == "done"}
    assert again == {
        "Plan c", "Simulated c", "Build echo · c · int8",
        "Run echo · c · int8",
    }  # fmt: skip
    kept = {name for name, state in later.items() if state == "kept"}
    assert {"FP32 reference", "Run echo · c · fp32", "Build echo · c · fp32"} <= kept
    assert second.candidates[0].plan_sha256 != first.candidates[0].plan_sha256


def test_changed_gates_and_task_run_nothing_again(tmp_path: Path) -> None:
    path = studies.write_study(tmp_path, _document(ROWS[1:2]))
    studies.run(path, tmp_path / "run")
    count = len(_logged(tmp_path / "run"))
    studies.write_study_file(
        path, _document(ROWS[1:2], gates={"max_artifact_bytes": 10_000_000}, task={"kind": "divergence"})
    )
    result, _ = studies.run(path, tmp_path / "run")
    assert "done" not in {state for _, state in _logged(tmp_path / "run")[count:]}
    assert [item.verdict for item in result.verdicts] == ["PASS"], result.verdicts


def test_a_row_of_another_runtime_under_the_same_name_runs_again(tmp_path: Path) -> None:
    rows = [{"id": "echo", "name": "mine", "precisions": ["fp32"]}]
    path = studies.write_study(tmp_path, _document(rows))
    studies.run(path, tmp_path / "run")
    studies.write_study_file(path, _document([{**rows[0], "id": "ort_cpu"}]))
    result, events = studies.run(path, tmp_path / "run")
    assert studies.states(events, "Run mine") == ["start", "done"]
    assert result.runs[0].runtime == "ort_cpu"
    assert result.runs[0].placement[0].reason != "the reference evaluator computes in float"
