"""The host's side of a job: one worker process, its messages, its time limit, and its end.

Whatever a worker does (hang, crash, print, fork, leave children behind), `run_job` returns an Outcome, and no process
of the job is left. Stopping is: ask, terminate, kill the group and every process that carries the job's mark.
NOT the host's duty: choosing jobs, retrying, reading artifacts.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import workbench
from workbench.errors import ContractError, JobCancelledError, JobFailedError, OutputError
from workbench.execution import bootstrap
from workbench.execution.discovery import package_folder
from workbench.execution.jobs import PLUGIN_PACKAGE, Job, Outcome, Status
from workbench.execution.outcomes import damaged_line, not_started, outcome_of
from workbench.execution.processes import kill, marked_processes, name_of, worker_environment

OnEvent = Callable[[dict[str, Any]], None]

LOG_NAME = "worker.log"
LOG_TAIL_LINES = 30
LOG_TAIL_BYTES = 16_384
POLL_S = 0.02
ASK_S = 0.25
TERMINATE_S = 0.25
END_S = 2.0
DRAIN_S = 1.0
READ_S = 0.05


def run_job(job: Job, on_event: OnEvent | None = None, cancel: threading.Event | None = None) -> Outcome:
    """Run one job in a worker process of its own and return how it ended; raises nothing that the worker caused.

    Args:
        on_event: called in this thread with every event ({"event": name, ...}).
        cancel: when set, the worker is asked to stop and is gone in under a second.
    """
    with Worker(on_event) as worker:
        worker.start(job)
        return worker.finish(cancel)


class Worker:
    """One worker process for an interactive job; a context manager that leaves no process behind.

    Use: `start(job)`, any number of `wait_event` and `send`, then `finish()`, all in one thread.
    """

    def __init__(self, on_event: OnEvent | None = None) -> None:
        self._on_event = on_event
        self._process: subprocess.Popen[bytes] | None = None
        self._outcome: Outcome | None = None

    def __enter__(self) -> Worker:
        """Return itself; nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the worker if it still runs."""
        if self._process and self._outcome is None:
            self._stop("cancelled")

    def start(self, job: Job) -> None:
        """Start the process. An interpreter that cannot be started becomes the outcome "failed".

        Raises:
            OutputError: the job's work_dir cannot be written.
        """
        if self._process or self._outcome:
            raise ContractError("A Worker runs one job; make another Worker for the next")
        self._job, self._mark = job, uuid.uuid4().hex
        self._started_s = time.monotonic()
        self._deadline_s = self._started_s + job.timeout_s
        self._final: dict[str, Any] = {}
        self._sentinel = 0
        self._log = _open_log(job.work_dir)
        self._log_start = self._log.tell()
        try:
            self._process = self._spawn()
        except OSError as error:
            self._log.close()
            self._outcome = not_started(job, error)
            return
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True, name="worker messages")
        self._reader.start()
        self.send(job.to_json())

    def send(self, command: Mapping[str, Any]) -> None:
        """Send one command, such as {"command": "block", "seconds": 5}; to a worker that is gone it does nothing."""
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(json.dumps(command, allow_nan=False).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended; its outcome says why

    def wait_event(self, name: str, timeout_s: float, cancel: threading.Event | None = None) -> dict[str, Any]:
        """Wait for an event; others that come before it go to `on_event` only.

        Raises:
            JobFailedError: the job ended, or the event did not come in time (the worker is then stopped);
                `finish()` returns the outcome.
            JobCancelledError: `cancel` was set; the worker is stopped.
        """
        limit_s = min(time.monotonic() + timeout_s, self._deadline_s)
        while self._outcome is None:
            message = self._next(limit_s, cancel, f"{name!r} did not come within {timeout_s:g} s")
            if message and message.get("event") == name:
                return message
        if self._outcome.status == "cancelled":
            raise JobCancelledError(str(self._outcome))
        kind = self._outcome.error_kind or self._outcome.status
        raise JobFailedError(kind, str(self._outcome), self._outcome.remote_traceback)

    def finish(self, cancel: threading.Event | None = None, limit_s: float = math.inf) -> Outcome:
        """Tell an interactive job to finish, wait for its end and return the outcome; may be called again.

        Args:
            limit_s: seconds until the end; then the worker is stopped, "timed_out".
        """
        if self._outcome is None:
            self.send({"command": "finish"})
        end_s = min(self._deadline_s, time.monotonic() + limit_s)
        while self._outcome is None:
            self._next(end_s, cancel, f"the end did not come within {limit_s:g} s")
        return self._outcome

    def _next(self, limit_s: float, cancel: threading.Event | None, waited_for: str) -> dict[str, Any] | None:
        """Return the next event, or None after setting the outcome or a short wait."""
        try:
            message = self._messages.get(timeout=POLL_S)
        except queue.Empty:
            message = None
        if message is not None:
            return self._take(message)
        if cancel is not None and cancel.is_set():
            self._stop("cancelled")
        elif time.monotonic() > limit_s:
            self._stop("timed_out", waited_for if limit_s < self._deadline_s else "")
        elif self._has_ended():
            self._reader.join(READ_S)
            if self._messages.empty():  # else its last events come first
                self._conclude(None)
        return None

    def _take(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if "final" in message:
            self._final = message
            self._wait_end(END_S)
            self._conclude(None)
            return None
        self._tell(message)
        return message

    def _tell(self, message: dict[str, Any]) -> None:
        self._sentinel = message.get("sentinel", self._sentinel)
        if self._on_event:
            self._on_event(message)

    def _stop(self, status: Status, waited_for: str = "") -> None:
        """Ask, terminate, kill; then the outcome."""
        self.send({"command": "cancel"})
        if not self._wait_end(ASK_S):
            self._signal_group(signal.SIGTERM)
            self._wait_end(TERMINATE_S)
        self._conclude((status, waited_for))

    def _conclude(self, stopped: tuple[Status, str] | None) -> None:
        """Kill what is left, read the last messages and the log, and set the outcome.

        Args:
            stopped: why the host stopped the worker, and what did not come in time; None when it ended by itself.
        """
        process = self._running()
        self._reader.join(READ_S)
        self._drain()
        leftover = self._kill_all()
        exit_code = process.wait()
        self._reader.join(DRAIN_S)
        self._drain()
        for stream in (process.stdin, process.stdout):
            _close(stream)
        self._log.close()
        common: dict[str, Any] = {
            "log_tail": _tail(self._job.work_dir / LOG_NAME, self._log_start),
            "log_path": self._job.work_dir / LOG_NAME,
            "duration_s": time.monotonic() - self._started_s,
            "peak_rss_bytes": self._final.get("peak_rss_bytes"),
            "leftover": leftover,
        }
        self._outcome = outcome_of(self._job, self._final, exit_code, stopped, common)

    def _drain(self) -> None:
        while not self._messages.empty():
            message = self._messages.get()
            if "final" in message:
                self._final = message
            else:
                self._tell(message)

    def _spawn(self) -> subprocess.Popen[bytes]:
        lifeline, self._lifeline = os.pipe() if os.name == "posix" else (-1, -1)
        folders = {
            "workbench": str(Path(workbench.__file__).parent),
            PLUGIN_PACKAGE: str(package_folder(PLUGIN_PACKAGE)),
            "workbench_resources": str(package_folder("workbench_resources")),
        }
        command = [self._job.python, bootstrap.__file__, json.dumps(folders), str(lifeline)]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=self._job.work_dir,
                env=worker_environment(os.environ, self._mark),
                start_new_session=True,
                pass_fds=(lifeline,) if lifeline >= 0 else (),
            )
        except OSError:
            self._close_lifeline()
            raise
        finally:
            if lifeline >= 0:
                os.close(lifeline)

    def _read(self) -> None:
        """Thread: turn lines into messages until the pipe closes; a line that is no JSON object is a failed job."""
        stdout = self._running().stdout
        assert stdout is not None
        for line in stdout:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                self._messages.put(message)
            else:
                self._messages.put(damaged_line(line))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ContractError("The Worker was not started")
        return self._process

    def _has_ended(self) -> bool:
        """Whether the process has ended, without reaping it, so that its group's number stays reserved."""
        process = self._running()
        if process.returncode is not None or not hasattr(os, "waitid"):
            return process.poll() is not None
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait_end(self, seconds: float) -> bool:
        limit_s = time.monotonic() + seconds
        while not self._has_ended():
            if time.monotonic() > limit_s:
                return False
            time.sleep(0.005)
        return True

    def _signal_group(self, number: signal.Signals) -> None:
        process = self._running()
        try:
            if os.name == "posix":
                os.killpg(process.pid, number)
            else:
                process.kill()
        except ProcessLookupError:
            return  # nothing is left of it

    def _kill_all(self) -> tuple[str, ...]:
        """Kill the group and every marked process; return the names of those the worker had left behind."""
        process = self._running()
        strays = [stray for stray in marked_processes(self._mark) if stray.pid not in (process.pid, self._sentinel)]
        names = tuple(name_of(stray) for stray in strays) if self._has_ended() else ()
        self._signal_group(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        for stray in strays:
            kill(stray)
        self._close_lifeline()
        return names

    def _close_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


def _open_log(work_dir: Path) -> IO[bytes]:
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        stream = (work_dir / LOG_NAME).open("ab")
    except OSError as error:
        raise OutputError(
            f"{work_dir.name} cannot be written", why=error.strerror or str(error), how="Choose a writable folder."
        ) from error
    stream.seek(0, os.SEEK_END)
    return stream


def _tail(path: Path, start: int) -> tuple[str, ...]:
    """Return the last lines of this job's part of a log."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(start, size - LOG_TAIL_BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    return tuple(text.splitlines()[-LOG_TAIL_LINES:])


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream:
            stream.close()
    except BrokenPipeError:
        return  # unsent commands to a worker that has ended
