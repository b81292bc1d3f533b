"""The host's side: every way a worker can end, interactive jobs, logs, memory, and that nothing is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from helpers.workers import living_children, plugin, run, write_files

from workbench.errors import ContractError, JobCancelledError, JobFailedError, OutputError
from workbench.execution.host import LOG_NAME, Worker
from workbench.execution.jobs import Job, Outcome, PluginRef

CODE = """
import os, signal, subprocess, sys, time
from workbench.spi import Availability

class R:
    def probe(self):
        {body}
        return Availability(True)
    def realise(self, *_): ...
    prepare = read_back = open = realise

RUNTIME = R()
"""
STOP_BOUND_S = 3.0


@pytest.fixture(autouse=True)
def no_process_or_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert living_children() == []
    assert [thread for thread in threading.enumerate() if thread not in before] == []


def probing(folder: Path, body: str) -> PluginRef:
    """Write a plugin whose probe does `body`."""
    (folder / "acting").mkdir(parents=True)
    (folder / "acting" / "runtime.py").write_text(CODE.format(body=body), encoding="utf-8")
    return PluginRef("acting", folder / "acting")


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def probe(tmp_path: Path, body: str, timeout_s: float = 30, **more: Any) -> Outcome:
    return run("probe", probing(tmp_path, body), {}, tmp_path / "work", timeout_s, **more)


@pytest.mark.parametrize(
    ("body", "status", "kind", "text"),
    [
        ("os._exit(0)", "failed", "NoAnswer", "ended without an answer"),
        ("os._exit(3)", "crashed", "ExitCode", "exit code 3"),
        ("os.abort()", "crashed", "Crash", "SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "crashed", "Crash", "out of memory"),
        ("sys.exit(0)", "failed", "SystemExit", "ended the program with sys.exit(0)"),
        ("input()", "failed", "EOFError", "EOF"),
        ("return 1", "failed", "ContractError", "acting: probe returned an int, not an Availability"),
        ("os.closerange(3, 64)", "crashed", "ExitCode", "exit code"),
    ],
)
def test_every_end_is_an_outcome(tmp_path: Path, body: str, status: str, kind: str, text: str) -> None:
    outcome = probe(tmp_path, body)
    assert (outcome.status, outcome.error_kind) == (status, kind), str(outcome)
    assert text in str(outcome)


def test_a_worker_that_ignores_termination_is_killed_in_time(tmp_path: Path) -> None:
    start = time.monotonic()
    outcome = probe(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(100)", timeout_s=0.5)
    assert outcome.status == "timed_out"
    assert time.monotonic() - start < 0.5 + STOP_BOUND_S


def test_a_child_in_a_session_of_its_own_is_killed_after_a_crash(tmp_path: Path) -> None:
    body = "print(subprocess.Popen(['sleep', '100'], start_new_session=True).pid, flush=True); os.abort()"
    outcome = probe(tmp_path, body)
    assert (outcome.signal, outcome.leftover) == ("SIGABRT", ("sleep",))
    child = int(outcome.log_tail[0])
    limit_s = time.monotonic() + STOP_BOUND_S
    while is_alive(child) and time.monotonic() < limit_s:
        time.sleep(0.01)
    assert not is_alive(child)


def test_a_large_answer_arrives_whole(tmp_path: Path) -> None:
    outcome = probe(tmp_path, "return Availability(True, reason='x' * 5_000_000)")
    assert outcome.is_ok
    assert len(outcome.require()["reason"]) == 5_000_000


def test_the_log_is_kept_and_its_tail_is_of_this_job(tmp_path: Path) -> None:
    first = probe(tmp_path / "a", "print('first')")
    third = run("probe", probing(tmp_path / "c", "print('third')"), {}, tmp_path / "a/work")
    second = run("probe", probing(tmp_path / "b", "[print('line', n) for n in range(20_000)]"), {}, tmp_path / "a/work")
    assert (first.log_tail, third.log_tail) == (("first",), ("third",))
    assert second.log_tail[-1] == "line 19999"
    assert "first" not in second.log_tail
    log = (tmp_path / "a" / "work" / LOG_NAME).read_text(encoding="utf-8")
    assert log.count("first") == 1
    assert log.count("line") == 20_000


def test_the_workers_folder_environment_and_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "s")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    body = (
        "return Availability(True, versions={'cwd': os.getcwd(), 'secret': os.environ.get('MY_SECRET', ''), "
        "'leader': str(os.getsid(0) == os.getpid()), 'path': '|'.join(sys.path)})"
    )
    found = probe(tmp_path, body).require()["versions"]
    assert found["cwd"] == str(tmp_path / "work")
    assert found["secret"] == ""
    assert found["leader"] == "True"
    assert "/nowhere" not in found["path"].split("|")
    assert not any(entry.endswith("execution") for entry in found["path"].split("|"))


def test_peak_memory_is_the_workers_own(tmp_path: Path) -> None:
    ballast = np.ones(400 * 2**17)  # 400 MiB in this process
    peak = probe(tmp_path, "pass").peak_rss_bytes
    assert ballast[-1] == 1
    assert peak is not None
    assert 10 * 2**20 < peak < 200 * 2**20


def test_cancel_before_the_start_is_a_cancelled_outcome(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    assert probe(tmp_path, "time.sleep(100)", cancel=cancel).status == "cancelled"


def test_an_error_in_the_callers_own_callback_leaves_no_process(tmp_path: Path) -> None:
    def on_event(event: dict[str, Any]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        probe(tmp_path, "time.sleep(100)", on_event=on_event)


def test_an_unwritable_folder_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        run("probe", plugin("echo"), {}, tmp_path / "file" / "inside")


def test_an_interactive_job_from_start_to_end(tmp_path: Path) -> None:
    files = write_files(tmp_path / "files")
    arguments = files.cell_arguments(files.model, tmp_path / "outputs", speed=True)
    events: list[str] = []
    with Worker(lambda event: events.append(event["event"])) as worker:
        worker.start(Job("cell", plugin("noisy_stdout"), arguments, tmp_path / "work", 60))
        assert worker.wait_event("accuracy_done", 60)["n"] == 10
        worker.send({"command": "warm_up", "min_s": 0.05, "max_s": 0.1})
        assert worker.wait_event("warm_up_done", 60)["runs"] > 1
        for number in range(2):
            worker.send({"command": "block", "seconds": 0.1})
            block = worker.wait_event("block_done", 60)
            assert block["block"] == number
            assert np.load(block["path"]).shape == (block["runs"],)
        outcome = worker.finish()
        assert worker.finish() is outcome
    assert outcome.is_ok, str(outcome)
    assert events[:2] == ["started", "opened"]
    assert outcome.require()["answers_differing"] == 0


def test_an_event_sent_just_before_the_end_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has_ended = Worker._has_ended

    def looked_at_late(worker: Worker) -> bool:
        """The busy machine lets the host look again only when the worker has sent everything and ended."""
        while not has_ended(worker):
            time.sleep(0.005)
        return True

    monkeypatch.setattr("workbench.execution.host.POLL_S", 0)
    monkeypatch.setattr(Worker, "_has_ended", looked_at_late)
    with Worker() as worker:
        worker.start(Job("probe", probing(tmp_path, "pass"), {}, tmp_path / "work", 30))
        assert worker.wait_event("started", 30)["pid"] > 0
        assert worker.finish().is_ok


def test_waiting_too_long_ends_the_job(tmp_path: Path) -> None:
    with Worker() as worker:
        worker.start(Job("probe", probing(tmp_path, "time.sleep(100)"), {}, tmp_path / "work", 60))
        with pytest.raises(JobFailedError, match=r"'never' did not come within 0\.2 s") as caught:
            worker.wait_event("never", 0.2)
        assert caught.value.kind == "TimeoutError"
        assert worker.finish().status == "timed_out"


def test_cancel_while_waiting(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with Worker() as worker:
        worker.start(Job("probe", probing(tmp_path, "time.sleep(100)"), {}, tmp_path / "work", 60))
        with pytest.raises(JobCancelledError):
            worker.wait_event("never", 60, cancel)
        worker.send({"command": "block"})
        assert worker.finish().status == "cancelled"


def test_leaving_the_block_stops_the_worker(tmp_path: Path) -> None:
    with Worker() as worker:
        worker.start(Job("probe", probing(tmp_path, "time.sleep(100)"), {}, tmp_path / "work", 60))
        worker.wait_event("started", 60)
        with pytest.raises(ContractError, match="one job"):
            worker.start(Job("probe", plugin("echo"), {}, tmp_path / "work", 60))
    assert worker.finish().status == "cancelled"
