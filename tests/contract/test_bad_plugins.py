"""Every way a plugin can misbehave: the outcome has the right status, in bounded time, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.workers import PLUGINS, Files, Worker, living_children, plugin, run

from workbench.errors import JobCancelledError, JobFailedError
from workbench.execution.discovery import discover, find_plugin
from workbench.execution.jobs import Job, PluginRef
from workbench.execution.outcomes import REMEDIES

STOP_BOUND_S = 3.0  # the aim is under one second; the bound leaves room for a loaded machine
HANGS = {
    "in_open": {"hang_in": "open"},
    "in_run": {"hang_in": "run"},
    "in_run_with_the_lock": {"hang_in": "run", "hold_lock": True},
}


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    assert living_children() == []


def cell(files: Files, tmp_path: Path, **changes: Any) -> dict[str, Any]:
    return files.cell_arguments(files.model, tmp_path / "outputs", **changes)


def test_a_crash_has_its_signal_and_the_last_log_lines(contract_files: Files, tmp_path: Path) -> None:
    outcome = run("cell", plugin("crash"), cell(contract_files, tmp_path), tmp_path)
    assert (outcome.status, outcome.signal, outcome.error_kind) == ("crashed", "SIGSEGV", "Crash")
    assert str(outcome) == f"Crashed: crash (cell) was ended by SIGSEGV. {REMEDIES['SIGSEGV']}"
    assert "about to read address 0 for 1 samples" in outcome.log_tail
    assert any("runtime.py" in line and "in run" in line for line in outcome.log_tail)
    assert outcome.value is None


@pytest.mark.parametrize("where", HANGS)
def test_a_hang_is_cancelled_in_time(contract_files: Files, tmp_path: Path, where: str) -> None:
    cancel, asked = threading.Event(), []
    timer = threading.Timer(0.8, lambda: (asked.append(time.monotonic()), cancel.set()))
    timer.start()
    outcome = run(
        "cell", plugin("hang"), cell(contract_files, tmp_path, settings=HANGS[where]), tmp_path, cancel=cancel
    )
    assert outcome.status == "cancelled"
    assert time.monotonic() - asked[0] < STOP_BOUND_S
    with pytest.raises(JobCancelledError):
        outcome.require()


@pytest.mark.parametrize("where", HANGS)
def test_a_hang_times_out(contract_files: Files, tmp_path: Path, where: str) -> None:
    start = time.monotonic()
    outcome = run("cell", plugin("hang"), cell(contract_files, tmp_path, settings=HANGS[where]), tmp_path, timeout_s=1)
    assert outcome.status == "timed_out"
    assert "no answer within its limit of 1 s" in str(outcome)
    assert time.monotonic() - start < 1 + STOP_BOUND_S


def test_a_slow_run_is_cancelled_between_batches(contract_files: Files, tmp_path: Path) -> None:
    cancel = threading.Event()

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            cancel.set()

    outcome = run("cell", plugin("slow"), cell(contract_files, tmp_path), tmp_path, on_event=on_event, cancel=cancel)
    assert outcome.status == "cancelled"
    assert not list((tmp_path / "outputs").glob("*.npy")), "an unfinished output must not look finished"


def test_noise_on_stdout_is_log_and_nothing_else(contract_files: Files, tmp_path: Path) -> None:
    outcome = run("cell", plugin("noisy_stdout"), cell(contract_files, tmp_path), tmp_path)
    assert outcome.is_ok, str(outcome)
    assert outcome.value["n"] == 10
    noise = [line for line in outcome.log_tail if '"where": "run"' in line]
    assert len(noise) >= 10
    assert outcome.log_path is not None
    assert outcome.log_path.read_text(encoding="utf-8").count('"where": "open"') == 3


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "wrong_shape: output 'logits' has shape (1, 11), declared is (1, 10) at batch 1"),
        ({"missing": True}, "wrong_shape: run returned no array for output 'logits'; it returned other"),
    ],
)
def test_wrong_outputs_name_plugin_and_shapes(
    contract_files: Files, tmp_path: Path, settings: dict[str, Any], text: str
) -> None:
    outcome = run("cell", plugin("wrong_shape"), cell(contract_files, tmp_path, settings=settings), tmp_path)
    assert (outcome.status, outcome.error_kind) == ("failed", "ContractError")
    assert text in outcome.message
    assert "in append" in outcome.remote_traceback


def test_leaked_children_are_killed_and_named(contract_files: Files, tmp_path: Path) -> None:
    start = time.monotonic()
    outcome = run("cell", plugin("leaks_child"), cell(contract_files, tmp_path), tmp_path)
    assert outcome.is_ok, str(outcome)
    assert len(outcome.leftover) == 2
    assert "sleep" in outcome.leftover
    assert time.monotonic() - start < 30, "it must not wait for the child that holds the channel"


def test_a_missing_library_says_what_to_install(contract_files: Files, tmp_path: Path) -> None:
    reference = find_plugin("missing_library", [PLUGINS]).ref
    outcome = run("probe", reference, {}, tmp_path)
    assert (outcome.status, outcome.error_kind) == ("failed", "ModuleNotFoundError")
    assert outcome.remedy.endswith("-m pip install no-such-runtime-library==1.0")
    with pytest.raises(JobFailedError, match="no_such_runtime_library") as caught:
        outcome.require()
    assert "runtime.py" in caught.value.remote_traceback


def test_another_plugin_surface_is_refused_before_loading() -> None:
    errors = {folder.name: error for _, folder, error in discover([PLUGINS])}
    assert errors["wrong_spi"].startswith("It was written for plugin surface version 99, this program has version 2")
    assert not any(error for name, error in errors.items() if name in {"echo", "crash", "hang"})


def test_a_crash_while_others_wait_leaves_them_alone(contract_files: Files, tmp_path: Path) -> None:
    with Worker() as waiting, Worker() as crashing:
        waiting.start(
            Job("cell", plugin("slow"), cell(contract_files, tmp_path / "slow", speed=True), tmp_path / "a", 60)
        )
        waiting.wait_event("accuracy_done", 60)
        crashing.start(Job("cell", plugin("crash"), cell(contract_files, tmp_path / "crash"), tmp_path / "b", 60))
        with pytest.raises(JobFailedError, match="SIGSEGV"):
            crashing.wait_event("accuracy_done", 60)
        assert crashing.finish().signal == "SIGSEGV"
        waiting.send({"command": "block", "seconds": 0.1})
        assert waiting.wait_event("block_done", 60)["runs"] == 1
        assert waiting.finish().is_ok


HOST = """
import json, sys
from pathlib import Path
from helpers.workers import Worker, plugin
from workbench.execution.jobs import Job
arguments = json.loads(Path(sys.argv[2]).read_text())
with Worker(lambda event: print(json.dumps(event), flush=True)) as worker:
    worker.start(Job("cell", plugin(sys.argv[1]), arguments, Path(sys.argv[3]), 600))
    worker.wait_event("never", 600)
"""


@pytest.mark.parametrize(
    ("plugin_id", "settings"),
    [("hang", HANGS["in_run"]), ("hang", HANGS["in_run_with_the_lock"]), ("leaks_child", {})],
)
def test_killing_the_host_ends_the_worker(
    contract_files: Files, tmp_path: Path, plugin_id: str, settings: dict[str, Any]
) -> None:
    import json

    arguments = tmp_path / "arguments.json"
    changes = {"settings": settings, "speed": True}
    arguments.write_text(json.dumps(cell(contract_files, tmp_path, **changes)), encoding="utf-8")
    command = [sys.executable, "-c", HOST, plugin_id, str(arguments), str(tmp_path / "work")]
    environment = {**os.environ, "PYTHONPATH": str(PLUGINS.parent)}
    host = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert host.stdout is not None
    started = json.loads(host.stdout.readline())
    assert json.loads(host.stdout.readline())["event"] == "opened"
    time.sleep(0.3)
    worker = psutil.Process(started["pid"])
    processes = [worker, *worker.children(recursive=True)]
    assert len(processes) == (4 if plugin_id == "leaks_child" else 2)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    limit_s = time.monotonic() + STOP_BOUND_S
    while (alive := [each for each in processes if is_alive(each)]) and time.monotonic() < limit_s:
        time.sleep(0.02)
    assert alive == []


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_an_unknown_interpreter_is_an_outcome(tmp_path: Path) -> None:
    from workbench.execution.host import run_job

    outcome = run_job(Job("probe", plugin("echo"), {}, tmp_path, 10, python=str(tmp_path / "no" / "python")))
    assert outcome.status == "failed"
    assert "cannot be started" in str(outcome)


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    outcome = run("probe", PluginRef("absent", tmp_path / "absent"), {}, tmp_path)
    assert (outcome.status, outcome.error_kind) == ("failed", "ModuleNotFoundError")
